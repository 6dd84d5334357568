"""Descriptors of particles as input of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class DescriptorTable:
    """Invariant descriptors of the particles of one or more configurations.

    Parameters
    ----------
    types : (N,) int64 species.
    features : (N, F) float32.
    counts : particles of each configuration, in order.
    dimension : of space.
    rings : for each configuration and learned species the (K, n, n) weights of particles at some
        distances; empty where no loss needs them.
    """

    types: Tensor
    features: Tensor
    counts: tuple[int, ...]
    dimension: int
    rings: tuple[tuple[Tensor, ...], ...] = ()

    def nbytes(self) -> int:
        """Memory held."""
        tensors = [self.types, self.features, *(r for rings in self.rings for r in rings)]
        return sum(t.numel() * t.element_size() for t in tensors)

    def to(self, device: torch.device | str) -> DescriptorTable:
        """Return a copy on a device."""
        return DescriptorTable(
            self.types.to(device),
            self.features.to(device),
            self.counts,
            self.dimension,
            tuple(tuple(r.to(device) for r in rings) for rings in self.rings),
        )

    def transformed(self, symmetry: Tensor) -> DescriptorTable:
        """Return it as it is: the descriptors are invariant."""
        return self

    @staticmethod
    def join(parts: Sequence[DescriptorTable]) -> DescriptorTable:
        """Put configurations side by side."""
        return DescriptorTable(
            torch.cat([p.types for p in parts]),
            torch.cat([p.features for p in parts]),
            tuple(c for p in parts for c in p.counts),
            parts[0].dimension,
            tuple(rings for p in parts for rings in p.rings),
        )
