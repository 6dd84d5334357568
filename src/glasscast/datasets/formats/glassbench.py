"""GlassBench files: trajectories of KA2D, and configurations with labels of KA and KA2D.

*Trajectories* (``N1290T0.23_151_tc05.npz``): ``box`` (a number or (2,)), ``types`` from 1,
``initial_positions`` and ``positions`` (R, N, 2), both followed across the faces, often far from
the box, and sometimes ``initial_positions_inherent``. Tags label times and count in fives.

*Models* (``T0.44/train/N4096T0.44_7.npz``): no trajectories and no box, but labels: ``md_prop``
(T, N) propensity, ``bb_prop`` (T, N) share of neighbours kept, ``initial_positions_inherent`` and,
in part of the files, ``initial_positions_cage``. Temperature and number come from the file name,
the split from the folder. Jung et al., arXiv:2311.14752, data 10.5281/zenodo.10118191.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.files import read_npz
from glasscast.datasets.formats.checks import assemble, checked_frame, checked_positions
from glasscast.datasets.formats.format import Format, Head, ReadOptions
from glasscast.datasets.formats.listing import list_files, published_name
from glasscast.datasets.formats.npz import read_npz_snapshot
from glasscast.datasets.formats.tagged import FrameStream, read_snapshot_arrays, tagged_files
from glasscast.datasets.frames import Ensemble, Frame
from glasscast.datasets.published import EQUILIBRIUM_KEYS, published_box, times_of_tags
from glasscast.errors import InputError
from glasscast.liquid.box import minimum_image

_TARGETS = {"propensity": "md_prop", "bond_breaking": "bb_prop"}
#: Minimisation moves particles by about 0.2 sigma; a mean past this means another configuration.
_LARGEST_QUENCH = 0.5


def read_glassbench_trajectories(path: Path, options: ReadOptions) -> Iterator[Ensemble]:
    """Read GlassBench trajectories, one ensemble a configuration.

    Parameters
    ----------
    path : a file, or a folder searched to its depth.
    options : ``tags``, ``wrapped``.

    Raises
    ------
    InputError : naming file, key and mend.
    """
    for name, temperature, by_time in tagged_files(path, "ka2d", options.tags):
        sources = list(by_time.values())
        snapshot = read_snapshot_arrays(sources, ("box",), tuple(EQUILIBRIUM_KEYS.values()))
        parent = checked_frame(
            sources[0],
            snapshot["initial_positions"],
            snapshot["types"],
            snapshot["box"],
            first_species=1,
        )
        yield assemble(
            name=name,
            sources=sources,
            parent=parent,
            position_key="initial_positions",
            times=list(by_time),
            frames=FrameStream(sources),
            wrapped=bool(options.wrapped),
            labels=_equilibrium(sources[0], snapshot, parent),
            metadata={
                "liquid": "ka2d",
                "temperature": temperature,
                "format": "glassbench-trajectories",
                "source": [file.name for file in sources],
            }
            | {"density": _density(parent)},
        )


def read_glassbench_models(path: Path, options: ReadOptions) -> Iterator[Ensemble]:
    """Read GlassBench configurations with their labels; they have no trajectories.

    Parameters
    ----------
    path : a file, or a folder searched to its depth.
    options : ``tags``, row counted from 1 -> time.

    Raises
    ------
    InputError : naming file, key and mend.
    """
    seen: dict[str, Path] = {}
    for file in list_files(path, (".npz",)):
        name = published_name(file)
        earlier = seen.setdefault(name.configuration, file)
        if earlier != file:
            raise InputError(file, f"is the same configuration as {earlier}", "remove one of them")
        wanted = ("types", "initial_positions", *_TARGETS.values())
        arrays = read_npz(file, wanted, only=(*wanted, *EQUILIBRIUM_KEYS.values()))
        positions = checked_positions(file, "initial_positions", arrays["initial_positions"])
        size, dimension = positions.shape
        liquid, box = "ka" if dimension == 3 else "ka2d", published_box(size, dimension)
        parent = checked_frame(file, positions, arrays["types"], box, first_species=1)
        table = options.tags or times_of_tags(file, liquid, name.temperature)
        targets = _targets(file, arrays, (len(table), size))
        yield assemble(
            name=name.configuration,
            sources=[file],
            parent=parent,
            position_key="initial_positions",
            times=[table[tag] for tag in sorted(table)],
            labels=targets | _equilibrium(file, arrays, parent),
            metadata={
                "liquid": liquid,
                "temperature": name.temperature,
                "density": _density(parent),
                "format": "glassbench-models",
                "source": [file.name],
            },
        )


def _density(frame: Frame) -> float:
    # Rounded, so that all configurations of a state point agree to the last digit.
    return round(float(len(frame.types) / np.prod(frame.box)), 6)


def _targets(
    file: Path, arrays: Mapping[str, NDArray[Any]], shape: tuple[int, int]
) -> dict[str, NDArray[Any]]:
    targets: dict[str, NDArray[Any]] = {}
    for field, key in _TARGETS.items():
        array = arrays[key]
        if array.dtype.kind not in "fiu" or array.shape != shape:
            raise InputError(
                file,
                f"'{key}' must be numbers of shape {shape} (times, particles), "
                f"got {array.dtype} {array.shape}",
                "give the time of each row if the file has other times than published",
                "tags",
            )
        if not np.isfinite(array).all():
            row, particle = np.argwhere(~np.isfinite(array))[0].tolist()
            raise InputError(file, f"'{key}' is not finite at time {row}, particle {particle}")
        targets[field] = array.astype(np.float32)
    return targets


def _equilibrium(
    file: Path, arrays: Mapping[str, NDArray[Any]], parent: Frame
) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    for field, key in EQUILIBRIUM_KEYS.items():
        if key not in arrays:
            continue
        size, dimension = parent.positions.shape
        found[field] = checked_positions(file, key, arrays[key], (size, dimension))
        moved = minimum_image(found[field] - parent.positions, parent.box)
        mean = float(np.mean(np.linalg.norm(moved, axis=1)))
        if mean > _LARGEST_QUENCH:
            raise InputError(
                file,
                f"'{key}' lies {mean:.2g} sigma from 'initial_positions' on average",
                "check that both are of the same configuration and order of particles",
            )
    return found


def _has_flat_trajectories(head: Head) -> bool:
    keys = {"positions", "initial_positions", "box"}
    return keys <= head.keys and head.shape("initial_positions")[1:] != (3,)


TRAJECTORIES = Format(
    name="glassbench-trajectories",
    description="GlassBench trajectories npz",
    suffixes=(".npz",),
    detect=_has_flat_trajectories,
    options=("tags", "wrapped"),
    ensembles=read_glassbench_trajectories,
    snapshot=read_npz_snapshot,
)
MODELS = Format(
    name="glassbench-models",
    description="GlassBench configurations with labels, npz",
    suffixes=(".npz",),
    detect=lambda head: {"md_prop", "initial_positions"} <= head.keys,
    options=("tags",),
    ensembles=read_glassbench_models,
    snapshot=read_npz_snapshot,
)
