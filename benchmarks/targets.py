"""Graph, propensity and pair-distance change of one file of 32 trajectories, N = 4096."""

from __future__ import annotations

import numpy as np

from glasscast.datasets.targets import BOND_CUTOFF, TargetAccumulator
from measure import is_parent, measure, positions_4096

POSITIONS, TYPES, BOX, RUNS = positions_4096()
TIMES = np.array([1.0])


def all_targets(threads: int = 2) -> dict[str, np.ndarray]:
    """Every target glasscast knows: halves, tendency, strain and bond breaking as well."""
    accumulator = TargetAccumulator(POSITIONS, TYPES, BOX, TIMES)
    accumulator.add_frames(((0, run, u) for run, u in enumerate(RUNS)), threads)
    return accumulator.result()


def plain() -> tuple[np.ndarray, np.ndarray]:
    """All pairs at once: (N, N, 3) arrays, as one writes it first; graph, propensity, change."""
    vectors = POSITIONS[None] - POSITIONS[:, None]
    vectors -= BOX * np.round(vectors / BOX)
    distances = np.linalg.norm(vectors, axis=2)
    i, j = np.nonzero((distances < BOND_CUTOFF) & (distances > 0))
    change = np.zeros(len(i))
    for u in RUNS:
        moved = vectors + u[None] - u[:, None]
        change += (np.linalg.norm(moved, axis=2) - distances)[i, j]
    return np.linalg.norm(RUNS, axis=2).mean(axis=0), change / len(RUNS)


def per_pair() -> tuple[np.ndarray, np.ndarray]:
    """All pairs once for the graph, then only its edges: (N, N) once, the careful plain way."""
    vectors = POSITIONS[None] - POSITIONS[:, None]
    vectors -= BOX * np.round(vectors / BOX)
    distances = np.linalg.norm(vectors, axis=2)
    i, j = np.nonzero((distances < BOND_CUTOFF) & (distances > 0))
    change = np.zeros(len(i))
    for u in RUNS:
        change += np.linalg.norm(vectors[i, j] + u[j] - u[i], axis=1) - distances[i, j]
    return np.linalg.norm(RUNS, axis=2).mean(axis=0), change / len(RUNS)


def check() -> None:
    """Both ways agree before they are timed."""
    fields = all_targets()
    propensity, change = per_pair()
    np.testing.assert_allclose(fields["propensity"][0], propensity, rtol=1e-5)
    np.testing.assert_allclose(fields["bond_change"].mean(), change.mean(), rtol=1e-4)


if __name__ == "__main__":
    if is_parent():
        check()
    measure(
        __file__,
        {
            "glasscast, all targets, 2 threads": all_targets,
            "glasscast, all targets, 1 thread": lambda: all_targets(1),
            "plain, edges only": per_pair,
            "plain, (N, N, 3)": plain,
        },
        repeats=1,
    )
