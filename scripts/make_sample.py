"""Make the bundled sample: KA at T = 0.64, N = 2000, 16 configurations, 32 runs each.

``python scripts/make_sample.py WORK`` runs LAMMPS (about 30 minutes on one core), keeping each
finished ensemble in WORK, and then writes ``src/glasscast/datasets/sample``. It resumes.

Protocol: lattice start, T = 5 for 50, quench in 20, Nose-Hoover at T = 0.64 for 40 tau_alpha,
then a snapshot every 10 tau_alpha (tau_alpha = 16.5). Each snapshot starts 32 NVE runs with
Maxwell-Boltzmann velocities of zero total momentum, seeded by (SEED, configuration, run).
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import DatasetWriter
from glasscast.datasets.ensemble import Ensemble
from glasscast.datasets.targets import reduce_ensemble
from glasscast.liquid.definition import load_liquid
from glasscast.simulation.lammps_library import start_lammps

N, TEMPERATURE, TAU_ALPHA, TIME_STEP = 2000, 0.64, 16.5, 0.005
TIMES = (0.1, 0.165, 0.52, 1.65, 5.2, 16.5)
RUNS, CONFIGURATIONS, TRAINING, SEED = 32, 16, 11, 20261121
SIDE = (N / 1.2) ** (1 / 3)
SAMPLE = Path(__file__).parents[1] / "src" / "glasscast" / "datasets" / "sample"
#: Labels are rounded, far below their statistical error of about 0.01, so that they compress.
RESOLUTION = {"bond_change": 2.0**-8, "tendency": 2.0**-9}
FINE = 2.0**-10
INTERACTIONS = f"""
mass * 1.0
pair_style lj/smooth/linear 2.5
pair_coeff 1 1 1.0 1.0 2.5
pair_coeff 1 2 1.5 0.8 2.0
pair_coeff 2 2 0.5 0.88 2.2
neighbor 0.25 bin
neigh_modify every 1 delay 0 check yes
timestep {TIME_STEP}
thermo 0
"""


def start(positions: np.ndarray, types: np.ndarray) -> Any:
    """LAMMPS with these particles and the force-shifted Kob-Andersen potential."""
    engine = start_lammps(["-screen", "none", "-log", "none", "-sf", "omp", "-pk", "omp", "1"])
    engine.commands_string(
        "units lj\natom_style atomic\natom_modify map array\n"
        f"region b block 0 {SIDE!r} 0 {SIDE!r} 0 {SIDE!r}\ncreate_box 2 b"
    )
    ids = list(range(1, N + 1))
    engine.create_atoms(N, ids, (types + 1).tolist(), positions.ravel().tolist(), None, None, False)
    engine.commands_string(INTERACTIONS)
    return engine


def gather(engine: Any) -> np.ndarray:
    """Positions as they lie in the box, and the number of times each side was crossed."""
    positions = np.array(engine.gather_atoms("x", 1, 3)).reshape(N, 3)
    return positions + np.array(engine.gather_atoms("image", 0, 3)).reshape(N, 3) * SIDE


def scatter(engine: Any, name: str, values: np.ndarray) -> None:
    """Set a property of all particles."""
    kind, code = (ctypes.c_int, 0) if values.dtype == np.int32 else (ctypes.c_double, 1)
    pointer = np.ascontiguousarray(values).ctypes.data_as(ctypes.POINTER(kind))
    engine.scatter_atoms(name, code, 3, pointer)


def save(path: Path, **arrays: np.ndarray) -> None:
    """Write beside, then rename."""
    with path.with_suffix(".tmp").open("wb") as stream:
        np.savez(stream, **arrays)
    os.replace(path.with_suffix(".tmp"), path)


def equilibrate(work: Path, types: np.ndarray) -> None:
    """Snapshots of one equilibrated chain."""
    if len(list(work.glob("initial_*.npz"))) == CONFIGURATIONS:
        return
    sites = np.stack(np.meshgrid(*[np.arange(13)] * 3, indexing="ij"), -1).reshape(-1, 3)
    shuffled = np.random.default_rng(SEED).permutation(sites)[:N]
    engine = start((shuffled + 0.5) * SIDE / 13, types)
    engine.commands_string(
        "min_style fire\nminimize 0 1e-3 2000 2000\n"
        f"velocity all create 5.0 {SEED}\n"
        "fix 1 all nvt temp 5.0 5.0 0.5\nrun 10000\nunfix 1\n"
        f"fix 1 all nvt temp 5.0 {TEMPERATURE} 0.5\nrun 4000\nunfix 1\n"
        f"fix 1 all nvt temp {TEMPERATURE} {TEMPERATURE} 0.5\n"
        f"run {round(40 * TAU_ALPHA / TIME_STEP)}"
    )
    for c in range(CONFIGURATIONS):
        positions = np.array(engine.gather_atoms("x", 1, 3)).reshape(N, 3)
        save(work / f"initial_{c + 1:02d}.npz", x=positions)
        engine.command(f"run {round(10 * TAU_ALPHA / TIME_STEP)}")
    engine.close()


def produce(work: Path, types: np.ndarray) -> None:
    """Displacements of 32 NVE runs from each snapshot."""
    engine = start(np.load(work / "initial_01.npz")["x"], types)
    engine.command("fix 1 all nve")
    for c in range(1, CONFIGURATIONS + 1):
        path = work / f"trajectories_{c:02d}.npz"
        if path.exists():
            continue
        origin = np.mod(np.load(work / f"initial_{c:02d}.npz")["x"], SIDE)
        moved = np.empty((RUNS, len(TIMES), N, 3), np.float32)
        for run in range(RUNS):
            rng = np.random.default_rng([SEED, c, run])
            velocities = rng.normal(scale=TEMPERATURE**0.5, size=(N, 3))
            scatter(engine, "x", origin)
            scatter(engine, "v", velocities - velocities.mean(axis=0))
            scatter(engine, "image", np.zeros((N, 3), np.int32))
            engine.command("reset_timestep 0")
            done = 0
            for k, time in enumerate(TIMES):
                engine.command(f"run {round(time / TIME_STEP) - done}")
                done = round(time / TIME_STEP)
                moved[run, k] = gather(engine) - origin
        save(path, initial=origin, displacements=moved)
    engine.close()


def reduced(path: Path, types: np.ndarray) -> Configuration:
    """All targets of one ensemble, labels rounded."""
    with np.load(path, allow_pickle=False) as file:
        origin, moved = file["initial"], file["displacements"]
    number = int(path.stem[-2:])
    ensemble = Ensemble(
        name=f"ka-{number:02d}",
        sources=(path,),
        positions=origin,
        types=types,
        box=np.full(3, SIDE),
        times=np.array(TIMES),
        frames=lambda: (
            (k, run, origin + moved[run, k].astype(np.float64))
            for run in range(RUNS)
            for k in range(len(TIMES))
        ),
        metadata={
            "liquid": "ka",
            "temperature": TEMPERATURE,
            "density": 1.2,
            "tau_alpha": TAU_ALPHA,
            "trajectories": RUNS,
            "seed": [SEED, number],
            "time_step": TIME_STEP,
            "source": "scripts/make_sample.py",
        },
    )
    configuration = reduce_ensemble(ensemble, load_liquid("ka").sigma, threads=2)
    rounded = {
        key: np.round(array / RESOLUTION.get(key, FINE)) * RESOLUTION.get(key, FINE)
        for key, array in configuration.arrays()
        if array.dtype == np.float32
    }
    return configuration.with_fields(**rounded)


def main() -> None:
    """Run, reduce, write."""
    work = Path(sys.argv[1])
    work.mkdir(parents=True, exist_ok=True)
    types = (np.arange(N) >= 0.8 * N).astype(np.int8)
    equilibrate(work, types)
    produce(work, types)
    writer = DatasetWriter(SAMPLE, "ka-T0.64-sample")
    names = []
    for path in sorted(work.glob("trajectories_*.npz")):
        configuration = reduced(path, types)
        names.append(configuration.name)
        writer.add(configuration, "scripts/make_sample.py")
    writer.finish({"train": names[:TRAINING], "test": names[TRAINING:]})


if __name__ == "__main__":
    main()
