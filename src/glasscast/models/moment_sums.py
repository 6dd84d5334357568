"""Moments of a ridge regression, gathered part by part of the training data.

A part is what descends from one snapshot in one way: an ensemble, or its runs read backwards. Fits
that have parts in common - the folds of a cross-validation, models with single runs and without -
visit each once: it stays in the workspace, and its moments are moved to the origin of the fit.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.files import npz_bytes, read_npz, write_atomically
from glasscast.datasets.identity import Identity
from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray
from glasscast.models.ridge import RidgeMoments
from glasscast.progress import log
from glasscast.runtime import Workspace
from glasscast.training.label_weights import Runs

_SUMS = ("x", "y", "xx", "xy", "yy")


@dataclass
class PartMoments:
    """Moments of one part of the training data.

    Parameters
    ----------
    origins : (F,) by species, the mean of its first configuration.
    sums : by species and by the runs behind the labels, about that origin.
    """

    origins: dict[int, FloatArray] = field(default_factory=dict)
    sums: dict[tuple[int, Runs], RidgeMoments] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return sum(getattr(m, name).nbytes for m in self.sums.values() for name in _SUMS)

    def add(self, s: int, runs: Runs, features: FloatArray, targets: FloatArray) -> None:
        """Add particles of a species of one configuration: features (n, F), targets (n, T)."""
        if s not in self.origins:
            self.origins[s] = features.mean(axis=0)
        moments = RidgeMoments.of(features, targets, self.origins[s])
        known = self.sums.get((s, runs))
        self.sums[s, runs] = moments if known is None else known + moments


class MomentSums:
    """Moments of a fit, saved now and then so that a killed fit resumes.

    Parameters
    ----------
    parts : of each configuration, the number of its part.
    keys : what the moments of each part depend on; of those the workspace knows nothing needs to be
        gathered. None where parts are not to be shared.
    path : of the checkpoint; None keeps none. One of this very fit is taken up.
    pause : seconds between saves.
    identity : what the fit depends on.
    """

    def __init__(
        self,
        parts: Sequence[int],
        keys: Sequence[Hashable] | None,
        workspace: Workspace,
        path: Path | None,
        pause: float,
        identity: Identity,
    ) -> None:
        self.path, self.pause, self.identity = path, pause, identity
        self._keys, self._workspace = keys, workspace
        self._part_of = np.array(parts)
        self.counted = np.zeros(len(parts), dtype=bool)
        self.parts = [PartMoments() for _ in range(max(parts) + 1)]
        self._saved = monotonic()
        if path is not None and path.exists():
            self._take_up(path)
        self._recall()

    def _recall(self) -> None:
        """Take the parts that other fits have gathered."""
        for number, key in enumerate(self._keys or ()):
            mine = self._part_of == number
            known = None if self.counted[mine].all() else self._workspace.recall(key, PartMoments)
            if known is not None:
                self.parts[number] = known
                self.counted[mine] = True

    def _take_up(self, path: Path) -> None:
        """Go on from a checkpoint, unless this fit differs from the one it is of."""
        try:
            arrays = read_npz(path, ("identity", "counted"))
            known = json.loads(str(arrays["identity"]))
        except (InputError, ValueError) as error:
            raise InputError(
                path, f"is not a readable checkpoint ({error})", "delete it to start anew"
            ) from None
        change = self.identity.change_since(known)
        if change:
            log.warning("%s is of another fit, which starts anew: %s", path, change)
            return
        self.counted = arrays["counted"].astype(bool)
        for key, value in arrays.items():
            kind, *rest = key.split("-")
            if kind == "origin":
                self.parts[int(rest[0])].origins[int(rest[1])] = value
            elif kind == "count":
                mark, runs = "-".join(rest), tuple(map(int, rest[2].split(",")))
                sums = [arrays[f"{name}-{mark}"] for name in _SUMS]
                moments = RidgeMoments(float(value), *sums)
                self.parts[int(rest[0])].sums[int(rest[1]), runs] = moments

    def part(self, index: int) -> PartMoments:
        """Part that a configuration belongs to."""
        return self.parts[int(self._part_of[index])]

    def origins(self, count: int) -> FloatArray:
        """Origin of the fit, that of its first part: (S, F)."""
        return np.stack([self.parts[0].origins[s] for s in range(count)])

    def of(self, s: int, members: Sequence[int]) -> dict[Runs, RidgeMoments]:
        """Moments of a species by the runs behind the labels, about the origin of the fit.

        Parameters
        ----------
        members : indices of configurations: all of some parts.
        """
        origin = self.parts[0].origins[s]
        found: dict[Runs, list[RidgeMoments]] = {}
        for number in dict.fromkeys(self._part_of[list(members)].tolist()):
            part = self.parts[number]
            for (species, runs), moments in part.sums.items():
                if species == s:
                    moved = moments.moved(origin - part.origins[s])
                    found.setdefault(runs, []).append(moved)
        return {runs: reduce(add, each) for runs, each in found.items()}

    def share(self) -> None:
        """Leave the parts to other fits, once all is gathered."""
        for key, part in zip(self._keys or (), self.parts, strict=False):
            self._workspace.keep(key, part)

    def save_sometimes(self) -> None:
        """Save when the pause since the last time is over."""
        if self.path is None or monotonic() - self._saved < self.pause:
            return
        arrays: dict[str, NDArray[Any]] = {
            "identity": np.array(json.dumps(self.identity.to_json())),
            "counted": self.counted,
        }
        for number, part in enumerate(self.parts):
            arrays |= {f"origin-{number}-{s}": origin for s, origin in part.origins.items()}
            for (s, runs), m in part.sums.items():
                mark = f"{number}-{s}-{','.join(map(str, runs))}"
                arrays[f"count-{mark}"] = np.array(m.count)
                arrays |= {f"{name}-{mark}": getattr(m, name) for name in _SUMS}
        write_atomically(self.path, npz_bytes(arrays, compress=False))
        self._saved = monotonic()
