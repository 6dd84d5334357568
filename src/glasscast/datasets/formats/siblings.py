"""Configurations of one source agree in their species, and are not the same ones twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.formats.plausibility import inspect_snapshot
from glasscast.datasets.frames import Ensemble
from glasscast.errors import InputError

_SAME_SHARE = 0.02  # of the particles: what compositions of one liquid may differ by
_OTHER_SHARE = 0.1


def match_siblings(ensembles: Iterable[Ensemble]) -> Iterator[Ensemble]:
    """Pass on ensembles, their species counted as in the first by the names that files give.

    Raises
    ------
    InputError : for other names, or the numbers of particles of two species exchanged.
    """
    first: Ensemble | None = None
    seen: dict[bytes, str] = {}
    for ensemble in ensembles:
        first = first or ensemble
        matched = _by_name(ensemble, first.parent.species)
        remarks = inspect_snapshot(
            matched.sources[0], matched.parent, reduced="liquid" in matched.metadata
        ) + _remarks_on_composition(matched, first)
        text = np.round(matched.parent.positions, 5).tobytes() + matched.parent.types.tobytes()
        twin = seen.setdefault(blake2b(text, digest_size=16).digest(), matched.name)
        if twin != matched.name:
            remarks.append(f"is the same configuration as '{twin}'")
        yield matched.remarked(remarks)


def _by_name(ensemble: Ensemble, names: tuple[str, ...]) -> Ensemble:
    parent = ensemble.parent
    if parent.species == names:
        return ensemble
    if not set(parent.species) <= set(names) or not parent.species:
        raise InputError(
            ensemble.sources[0],
            f"names the species {', '.join(parent.species) or 'by letters or numbers'}, the first "
            f"configuration {', '.join(names) or 'by letters or numbers'}",
            "import configurations of one liquid, with the same names",
        )
    order = np.array([names.index(name) for name in parent.species], dtype=np.int8)
    return replace(
        ensemble,
        parent=replace(parent, types=order[parent.types], species=names),
        metadata=ensemble.metadata | {"species": list(names)},
    ).remarked([f"species are counted as in the first configuration: {', '.join(names)}"])


def _remarks_on_composition(ensemble: Ensemble, first: Ensemble) -> list[str]:
    ours, theirs = (_counts(one.parent.types) for one in (ensemble, first))
    length = max(len(ours), len(theirs))
    a, b = (np.pad(c / c.sum(), (0, length - len(c))) for c in (ours, theirs))
    numbers = f"{ours.tolist()} particles a species, the first configuration {theirs.tolist()}"
    if np.abs(a - b).max() <= _SAME_SHARE:
        return []
    exchanged = np.abs(np.sort(a) - np.sort(b)).max() <= _SAME_SHARE
    if exchanged and np.abs(a - b).max() > _OTHER_SHARE:
        raise InputError(
            ensemble.sources[0],
            f"has {numbers}: species are exchanged",
            "number the types alike in all configurations",
        )
    return [f"has another composition: {numbers}"]


def _counts(types: NDArray[np.int8]) -> NDArray[np.intp]:
    return np.bincount(types)
