"""Isoconfigurational pipeline beside bare LAMMPS of the same runs, and two workers beside one."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from glasscast.config import checked
from glasscast.liquid.definition import load_liquid
from glasscast.runtime import peak_mb
from glasscast.simulation.engine import NVE, maxwell_boltzmann
from glasscast.simulation.executors import Scheduler
from glasscast.simulation.isoconfigurational import run_isoconfigurational
from glasscast.simulation.registry import load_engine
from glasscast.simulation.settings import SimulationSettings
from glasscast.workflows.demo import load_sample
from glasscast.workflows.simulate import simulate

LIQUID, TEMPERATURE, RUNS = load_liquid("ka"), 0.64, 2
START = load_sample()[0]
TIMES = (0.1, 0.3, 1.0, 3.0, 5.0)
STEPS = 1000
#: The whole of a small generation, four configurations long enough to keep two workers busy.
SETTINGS = {
    "temperature": 1.0,
    "particles": 1000,
    "configurations": 4,
    "runs": 4,
    "times": [0.1, 1.0, 40.0],
    "equilibration": {"hot_time": 1, "quench_time": 1, "time": 4},
    "inherent": False,
}


def pipeline() -> int:
    """Velocities, runs with samples at label times, all targets; gives the particle-steps."""
    result = run_isoconfigurational(
        LIQUID,
        START,
        TEMPERATURE,
        TIMES,
        RUNS,
        (1, 0),
        load_engine(),
    )
    return result.particle_steps


def bare() -> int:
    """Make the same runs, each by one LAMMPS command in one go, nothing looked at."""
    with load_engine().open(LIQUID, START.types, START.box) as system:
        for run in range(RUNS):
            rng = np.random.default_rng([1, 0, run])
            velocities = maxwell_boltzmann(TEMPERATURE, LIQUID.masses[START.types], 3, rng)
            system.place(START.positions[None], velocities[None])
            for _ in system.integrate(NVE(), [STEPS]):
                pass
    return RUNS * STEPS * START.size


def generation(workers: int) -> int:
    """Make a small data set with some workers; gives its particle-steps."""
    with tempfile.TemporaryDirectory() as folder:
        settings = checked(SimulationSettings, SETTINGS)
        data = simulate(settings, Path(folder), Scheduler(workers=workers))
    assert data is not None
    quenches = sum(SETTINGS["equilibration"].values())
    runs = SETTINGS["runs"] * SETTINGS["times"][-1]
    steps = SETTINGS["configurations"] * (quenches + runs) / LIQUID.time_step
    return round(steps * SETTINGS["particles"])


VARIANTS = {
    "pipeline": pipeline,
    "bare LAMMPS": bare,
    "two workers": lambda: generation(2),
    "one worker": lambda: generation(1),
}


def _measured(name: str) -> dict[str, float]:
    out = subprocess.run(
        [sys.executable, __file__, name], capture_output=True, text=True, check=True
    )
    return dict(json.loads(out.stdout.splitlines()[-1]))


def _compare(first: str, second: str, repeats: int) -> None:
    """Run two variants in turn, so that a busy machine slows both, and print the best of each."""
    best: dict[str, dict[str, float]] = {}
    for _ in range(repeats):
        for name in (first, second):
            found = _measured(name)
            if name not in best or found["seconds"] < best[name]["seconds"]:
                best[name] = found
    for name in (first, second):
        found = best[name]
        rate = found["work"] / found["seconds"] / 1e6
        print(f"{name:34s}{found['seconds']:10.2f}{found['peak_mb']:10.0f}{rate:12.2f}")
    print(f"{'  ratio of the rates':34s}{best[second]['seconds'] / best[first]['seconds']:10.2f}")


if __name__ == "__main__":
    if len(sys.argv) == 2:
        if sys.argv[1] in ("pipeline", "bare LAMMPS"):
            import vesin  # noqa: F401  brings torch; loading is no part of the rate

            with load_engine().open(LIQUID, np.zeros(1, int), np.full(3, 9.0)):
                pass
        started = perf_counter()
        work = VARIANTS[sys.argv[1]]()
        seconds = perf_counter() - started
        print(json.dumps({"work": work, "seconds": seconds, "peak_mb": peak_mb()}))
    else:
        print(f"{'':34s}{'seconds':>10s}{'peak MB':>10s}{'M steps/s':>12s}")
        _compare("pipeline", "bare LAMMPS", repeats=2)
        _compare("two workers", "one worker", repeats=1)
