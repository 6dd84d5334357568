"""Make the single runs behind a figure: displacements of a few particles of one configuration.

Data sets hold means over runs; the figure of directions (``eignn/fig9a``) needs the runs. Takes
four core-minutes, and goes on where it was stopped:

    python scripts/single_runs.py build/runs src/glasscast/recipes/catalogue/single-runs.npz
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import glasscast as gc
from glasscast.datasets.files import npz_bytes, write_atomically
from glasscast.liquid.definition import load_liquid
from glasscast.simulation.isoconfigurational import run_isoconfigurational
from glasscast.simulation.registry import load_engine

TIMES = (0.1, 0.52, 1.65, 16.5)
RUNS, PARTICLES, CONFIGURATION, TAU_ALPHA = 32, 24, 3, 16.5


def main(folder: Path, target: Path) -> None:
    """Run what is missing, one run a file, then write the particles chosen."""
    snapshot = gc.load_sample()[CONFIGURATION]
    chosen = np.flatnonzero(snapshot.types == 0)
    chosen = chosen[np.linspace(0, len(chosen) - 1, PARTICLES).astype(int)]
    liquid, engine = load_liquid("ka"), load_engine(None)
    folder.mkdir(parents=True, exist_ok=True)
    moved = []
    for run in range(RUNS):
        path = folder / f"{run:02d}.npy"
        if not path.exists():
            made = run_isoconfigurational(
                liquid, snapshot, 0.64, TIMES, 1, (2026, run), engine, keep_trajectories=True
            )
            assert made.trajectories is not None
            np.save(path, made.trajectories[0])
        moved.append(np.load(path)[:, chosen])
    arrays = {
        "times": np.array(TIMES),
        "displacements": np.array(moved, dtype=np.float32),
        "particles": chosen,
        "tau_alpha": np.array([TAU_ALPHA]),
    }
    write_atomically(target, npz_bytes(arrays))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
