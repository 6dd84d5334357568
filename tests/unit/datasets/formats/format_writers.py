"""Small synthetic liquids and plain writers of every format that the readers are tested on."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

import gsd.hoomd
import numpy as np
import pytest
from tests.conftest import SHARED

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.configuration_file import configuration_bytes


def real_data(name: str) -> Path:
    """A file or folder of the shared data; skips the test where it is absent."""
    path = SHARED / "data" / name
    if path.exists():
        return path
    pytest.skip(f"no real data at {path}; set GLASSCAST_SHARED to the folder above data/")


@dataclass
class Liquid:
    """A parent (wrapped) and absolute trajectories (R, T, N, d) that cross the faces."""

    start: np.ndarray
    types: np.ndarray
    box: np.ndarray
    runs: np.ndarray
    times: np.ndarray

    def folded(self) -> np.ndarray:
        return np.mod(self.runs, self.box)


def make_liquid(size=60, dimension=3, runs=3, times=(1.0, 10.0), side=6.0, seed=0) -> Liquid:
    rng = np.random.default_rng(seed)
    box = side + 0.5 * np.arange(dimension)
    start = rng.random((size, dimension)) * box
    start[0] = 0.01  # certain to sit at a face
    spread = 0.2 * np.sqrt(np.arange(1, len(times) + 1))[:, None, None]
    moved = rng.normal(size=(runs, len(times), size, dimension)) * spread
    moved[:, :, 0] = -0.2 * spread[:, 0]  # and to leave through it
    types = rng.integers(0, 2, size)
    types[:2] = 0, 1
    return Liquid(start, types, box, start + moved, np.array(times))


def write_botan(folder: Path, liquid: Liquid, row: int, tag: int, number: int = 1, **other) -> Path:
    path = folder / f"isoconfig_N{len(liquid.types)}T0.44_{number}_tc{tag:02d}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {
        "types": liquid.types.astype(np.int8),
        "initial_positions": liquid.start,
        "positions": np.asfortranarray(liquid.runs[:, row]),
    }
    arrays.update(other)
    np.savez_compressed(path, **{k: v for k, v in arrays.items() if v is not None})
    return path


def deepmind_record(liquid: Liquid) -> dict:
    clock = [0.0, *liquid.times.tolist()]
    return {
        "positions": liquid.start,
        "types": liquid.types.astype(np.int32),
        "box": liquid.box,
        "time": clock,
        "time_indices": list(range(1, len(clock))),
        "trajectory_target_positions": [
            [run[row] for run in liquid.runs] for row in range(len(liquid.times))
        ],
        "metadata": {"temperature": 0.44, "pressure": 2.93, "fluid": "Kob Andersen"},
    }


def write_pickle(path: Path, record, protocol: int = 3) -> Path:
    path.write_bytes(pickle.dumps(record, protocol=protocol))
    return path


def dump_text(step, positions, types, box, axes="xu yu zu", images=None, origin=0.0, rng=None):
    """One frame; rows shuffled when ``rng`` is given, z = 0 and thickness 1 in two dimensions."""
    size, dimension = positions.shape
    sides = np.append(box, np.ones(3 - dimension))
    full = np.hstack([positions, np.zeros((size, 3 - dimension))])
    stored = full / sides if axes.startswith("xs") else full + origin
    columns = f"type id {axes}" + (" ix iy iz" if images is not None else "")
    order = range(size) if rng is None else rng.permutation(size)
    rows = []
    for k in order:
        row = [str(types[k] + 1), str(k + 1), *(repr(float(x)) for x in stored[k])]
        if images is not None:
            row += [str(int(i)) for i in np.append(images[k], np.zeros(3 - dimension))]
        rows.append(" ".join(row))
    bounds = [f"{origin} {origin + side!r}" for side in map(float, sides)]
    return "\n".join(
        [
            *("ITEM: TIMESTEP", str(step), "ITEM: NUMBER OF ATOMS", str(size)),
            *("ITEM: BOX BOUNDS pp pp pp", *bounds, f"ITEM: ATOMS {columns}", *rows, ""),
        ]
    )


def write_dumps(folder: Path, liquid: Liquid, folded: bool = False, start: bool = True) -> Path:
    """One folder with a dump a run; step = 100 times."""
    folder.mkdir(parents=True, exist_ok=True)
    axes = "x y z" if folded else "xu yu zu"
    for run, frames in enumerate(liquid.folded() if folded else liquid.runs):
        text = dump_text(0, liquid.start, liquid.types, liquid.box, axes) if start else ""
        for time, frame in zip(liquid.times, frames, strict=True):
            text += dump_text(round(100 * time), frame, liquid.types, liquid.box, axes)
        (folder / f"run{run}.dump").write_text(text)
    return folder


def xyz_text(positions, types, box, comment="", images=None, names="AB") -> str:
    size, dimension = positions.shape
    sides = [*box, *np.ones(3 - dimension)]
    lattice = " ".join(repr(float(x)) for x in np.diag(sides).ravel())
    columns = f"species:S:1:pos:R:{dimension}" + (
        f":image:I:{dimension}" if images is not None else ""
    )
    rows = []
    for k in range(size):
        row = [names[types[k]], *(repr(float(x)) for x in positions[k])]
        row += [] if images is None else [str(int(i)) for i in images[k]]
        rows.append(" ".join(row))
    head = f'Lattice="{lattice}" Properties={columns} pbc="T T T" {comment}'
    return "\n".join([str(size), head, *rows, ""])


def write_xyz(folder: Path, liquid: Liquid) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for run, frames in enumerate(liquid.runs):
        text = xyz_text(liquid.start, liquid.types, liquid.box, "time=0")
        for time, frame in zip(liquid.times, frames, strict=True):
            text += xyz_text(frame, liquid.types, liquid.box, f"time={time}")
        (folder / f"run{run}.xyz").write_text(text)
    return folder


def gsd_frame(step, positions, types, box, with_images=True, names=("A", "B")):
    frame = gsd.hoomd.Frame()
    size, dimension = positions.shape
    frame.configuration.step = step
    frame.configuration.dimensions = dimension
    frame.configuration.box = [*box, *np.ones(3 - dimension), 0, 0, 0]
    frame.particles.N = size
    frame.particles.types = list(names)
    frame.particles.typeid = types.astype(np.uint32)
    images = np.floor(positions / box)
    centred = positions - images * box - box / 2
    pad = np.zeros((size, 3 - dimension))
    frame.particles.position = np.hstack([centred, pad]).astype(np.float32)
    if with_images:
        frame.particles.image = np.hstack([images, pad]).astype(np.int32)
    return frame


def write_gsd(folder: Path, liquid: Liquid, with_images: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for run, frames in enumerate(liquid.runs):
        with gsd.hoomd.open(str(folder / f"run{run}.gsd"), "w") as file:
            file.append(gsd_frame(0, liquid.start, liquid.types, liquid.box, with_images))
            for time, frame in zip(liquid.times, frames, strict=True):
                step = round(100 * time)
                file.append(gsd_frame(step, frame, liquid.types, liquid.box, with_images))
    return folder


def write_each(folder, liquid):
    """One absolute snapshot in every format that has a box; file name -> format."""
    away = liquid.start + 2 * liquid.box
    types, box = liquid.types, liquid.box
    (folder / "a.dump").write_text(dump_text(0, away, types, box))
    (folder / "b.xyz").write_text(xyz_text(away, types, box))
    with gsd.hoomd.open(str(folder / "c.gsd"), "w") as file:
        file.append(gsd_frame(0, away, types, box))
    write_pickle(folder / "d.pickle", deepmind_record(liquid))
    np.savez(folder / "e.npz", positions=away, types=types + 1, box=box)
    own = Configuration(
        name="mine", positions=liquid.start, types=types.astype(np.int8), box=box, metadata={"x": 1}
    )
    (folder / "f.npz").write_bytes(configuration_bytes(own))
    rows = "\n".join(
        f"{k + 1} {t + 1} {x!r} {y!r} {z!r}"
        for k, (t, (x, y, z)) in enumerate(zip(types, away.tolist(), strict=True))
    )
    bounds = "\n".join(f"0 {s!r} {a}lo {a}hi" for s, a in zip(box.tolist(), "xyz", strict=True))
    text = f"data\n\n{len(types)} atoms\n{bounds}\n\nAtoms # atomic\n\n{rows}\n"
    (folder / "g.data").write_text(text)
    return {
        "a.dump": "lammps",
        "b.xyz": "extxyz",
        "c.gsd": "gsd",
        "d.pickle": "deepmind",
        "e.npz": "npz",
        "f.npz": "npz",
        "g.data": "lammps-data",
    }


def collect(ensemble) -> np.ndarray:
    """All frames of an ensemble as (R, T, N, d)."""
    frames = {(run, row): positions for row, run, positions, _ in ensemble.frames()}
    runs = 1 + max(run for run, _ in frames)
    return np.array([[frames[r, t] for t in range(len(ensemble.times))] for r in range(runs)])
