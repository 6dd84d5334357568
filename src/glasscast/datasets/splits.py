"""Splits by parent configuration: what belongs together never stands on both sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glasscast.errors import SettingsError


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
