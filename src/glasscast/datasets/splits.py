"""Splits by family of configurations: what belongs together never stands on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.records import Kind
from glasscast.errors import SettingsError


def families(members: Sequence[tuple[str, str | None]]) -> list[str]:
    """Tell which configurations belong together: those that share a parent or a root.

    Parameters
    ----------
    members : parent, and root of the family where it is known, of each configuration.

    Returns
    -------
    For each the name of its family: the first, in order of the alphabet, of its parents.
    """
    leader: dict[str, str] = {}

    def find(key: str) -> str:
        while leader.setdefault(key, key) != key:
            key = leader[key]
        return key

    first_of: dict[str, str] = {}
    for parent, root in members:
        other = first_of.setdefault(root, parent) if root is not None else parent
        low, high = sorted((find(parent), find(other)))
        leader[high] = low
    return [find(parent) for parent, _ in members]


def groups_of(train: Sequence[Configuration]) -> list[str]:
    """Family of each configuration; see :func:`families`. A dataset tells its own unread."""
    told = getattr(train, "groups", None)
    if told is not None:
        found: list[str] = told()
        return found
    return families([(c.parent, c.root) for c in train])


def kinds_of(train: Sequence[Configuration]) -> list[Kind]:
    """Where the trajectories of each configuration are from. A dataset tells its own unread."""
    return getattr(train, "kinds", None) or [c.metadata.origin.kind for c in train]


def groups_to_choose_by(train: Sequence[Configuration], parts: int) -> list[str]:
    """Group training configurations for choices within a fit, such as that of a penalty.

    These are the families. Where all belong to one chain, they are its consecutive parts: these are
    not independent, as forecasts to be scored must be, but far from one another for the most part.
    """
    found = groups_of(train)
    if len(set(found)) > 1 or set(kinds_of(train)) != {"chain"} or len(train) < parts:
        return found
    return [f"part {index * parts // len(train)}" for index in range(len(train))]


def fold_indices(families: Sequence[str], folds: int, seed: int) -> list[list[int]]:
    """Deal configurations into folds of nearly equal size, whole families at a time.

    Parameters
    ----------
    families : of each configuration.
    folds : how many; as many as there are families means leave-one-out.
    seed : of the shuffle.

    Returns
    -------
    For each fold the indices it holds out, ascending; every index occurs exactly once.

    Raises
    ------
    SettingsError : if there are fewer families than folds.
    """
    groups = sorted(set(families))
    if not 2 <= folds <= len(groups):
        raise SettingsError(
            f"cannot make {folds} folds of {len(groups)} configurations; "
            f"choose between 2 and {len(groups)}"
        )
    order = np.random.default_rng(seed).permutation(len(groups))
    fold_of = {groups[g]: rank % folds for rank, g in enumerate(order)}
    members: list[list[int]] = [[] for _ in range(folds)]
    for index, family in enumerate(families):
        members[fold_of[family]].append(index)
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
