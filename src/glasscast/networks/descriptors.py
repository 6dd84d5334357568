"""Descriptors of particles as input of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

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
    """

    types: Tensor
    features: Tensor
    counts: tuple[int, ...]
    dimension: int

    def nbytes(self) -> int:
        """Memory held."""
        return sum(t.numel() * t.element_size() for t in (self.types, self.features))

    def to(self, device: torch.device | str) -> Self:
        """Return a copy on a device."""
        types, features = self.types.to(device), self.features.to(device)
        return replace(self, types=types, features=features)

    def transformed(self, symmetry: Tensor) -> Self:
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
        )
