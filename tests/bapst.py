"""Files laid out as those of Bapst et al. (2020), from runs that a dataset keeps.

    python -m tests.bapst DATASET FOLDER [Q]

writes one pickle a configuration. Its ten times are those at which F_s(q, t) of this configuration
falls through 0.9 ... 0.1 and 1/e, so they are its own. Q is the first peak of S(q) by default. What
the library reads is there as in the set; velocities, which it does not read, are zeros.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import numpy as np

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.kept_runs import kept_ensembles, runs_of
from glasscast.datasets.scattering import first_peak
from glasscast.liquid.box import FloatArray

#: In the order of the set: 1/e comes last.
VALUES = np.array([*np.arange(0.9, 0.05, -0.1), np.exp(-1)])


def scattering(displacements: FloatArray, q: float) -> FloatArray:
    """F_s by the average over orientations, sin(qr)/qr; (R, T, n, 3) -> (T,)."""
    lengths = np.linalg.norm(displacements, axis=-1)
    return np.sinc(q * lengths / np.pi).mean(axis=(0, 2))


def write_files(dataset: Dataset, folder: Path, q: float | None = None) -> list[Path]:
    """Write one file a configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, ensemble in enumerate(kept_ensembles(dataset)):
        parent, moved = ensemble.parent, runs_of(ensemble).astype(np.float64)
        mine = parent.types == 0
        q = q or first_peak(parent.positions[mine], parent.box)
        decay = scattering(moved[:, :, mine], q)
        # the frame nearest to the crossing, each later value not before an earlier one
        rows = [int(np.argmin(np.abs(decay - value))) for value in VALUES]
        record = {
            "positions": parent.positions,
            "types": parent.types.astype(np.int64),
            "box": parent.box,
            "time": [0.0, *ensemble.times.tolist()],
            "is_values": VALUES,
            "time_indices": [row + 1 for row in rows],
            "trajectory_target_positions": [
                [parent.positions + run for run in moved[:, row]] for row in rows
            ],
            "trajectory_start_velocities": [np.zeros_like(parent.positions) for _ in moved],
            "metadata": {
                "temperature": dataset.state_point.temperature,
                "pressure": 2.93,
                "fluid": "Kob Andersen",
            },
        }
        path = folder / f"aggregated_{number}.pickle"
        path.write_bytes(pickle.dumps(record))
        written.append(path)
    return written


if __name__ == "__main__":
    q = float(sys.argv[3]) if len(sys.argv) > 3 else None
    for made in write_files(Dataset.open(sys.argv[1]), Path(sys.argv[2]), q):
        print(made)
