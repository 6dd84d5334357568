"""Splits by parent configuration: what belongs together never stands on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.errors import SettingsError


def parents_of(train: Sequence[Configuration]) -> list[str]:
    """Group of each configuration, without reading a dataset's files."""
    entries = getattr(train, "entries", None)
    if entries is not None:
        return [entry.parent for entry in entries]
    return [str(c.metadata.get("parent", c.name)) for c in train]


def fold_indices(parents: Sequence[str], folds: int, seed: int) -> list[list[int]]:
    """Deal configurations into folds of nearly equal size, whole parents at a time.

    Parameters
    ----------
    parents : group of each configuration.
    folds : how many; as many as there are parents means leave-one-out.
    seed : of the shuffle.

    Returns
    -------
    For each fold the indices it holds out, ascending; every index occurs exactly once.

    Raises
    ------
    SettingsError : if there are fewer parents than folds.
    """
    groups = sorted(set(parents))
    if not 2 <= folds <= len(groups):
        raise SettingsError(
            f"cannot make {folds} folds of {len(groups)} configurations; "
            f"choose between 2 and {len(groups)}"
        )
    order = np.random.default_rng(seed).permutation(len(groups))
    fold_of = {groups[g]: rank % folds for rank, g in enumerate(order)}
    members: list[list[int]] = [[] for _ in range(folds)]
    for index, parent in enumerate(parents):
        members[fold_of[parent]].append(index)
    return members


def split_sizes(parts: Mapping[str, float], total: int) -> dict[str, int]:
    """Tell how many configurations each split gets.

    Parameters
    ----------
    parts : name -> numbers that add up to ``total``, or fractions (not whole) that add up to 1;
        these are rounded so that the sizes add up.

    Raises
    ------
    ValueError : if they do not add up, or a split would be empty.
    """
    if all(isinstance(part, int) for part in parts.values()):
        if sum(parts.values()) != total:
            raise ValueError(
                f"splits: {sum(parts.values())} configurations are named of {total}; "
                "numbers must add up, or be fractions such as 0.65"
            )
        return {name: int(part) for name, part in parts.items()}
    if abs(sum(parts.values()) - 1) > 1e-9:
        raise ValueError(f"splits: fractions must add up to 1, got {sum(parts.values()):g}")
    bounds = np.round(np.cumsum([0.0, *parts.values()]) * total).astype(int)
    sizes = dict(zip(parts, np.diff(bounds).tolist(), strict=True))
    if min(sizes.values()) == 0:
        raise ValueError(f"splits: {total} configurations leave a split empty: {sizes}")
    return sizes
