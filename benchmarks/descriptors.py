"""The 1176 shell-averaged descriptors (order 2) of one configuration, N = 4096."""

from __future__ import annotations

import numpy as np
import torch

from glasscast.structure.descriptors.shell_averages import averaging_matrix, generations
from glasscast.structure.descriptors.shells import ShellDescriptors
from measure import is_parent, measure, positions_4096
from plain_shells import plain_shells

POSITIONS, TYPES, BOX, _ = positions_4096()
SHELLS = ShellDescriptors(2)


def ours(threads: int = 2) -> np.ndarray:
    """Blocks of receivers, a thread each."""
    first = SHELLS.compute(POSITIONS, TYPES, BOX, threads)
    return generations(first, averaging_matrix(POSITIONS, BOX, 2.3), 2)


def plain() -> np.ndarray:
    return plain_shells(POSITIONS, TYPES, BOX, SHELLS)


if __name__ == "__main__":
    if is_parent():
        np.testing.assert_allclose(ours(), plain(), atol=1e-6)
    torch.set_num_threads(1)
    measure(
        __file__,
        {
            "glasscast, 2 threads": ours,
            "glasscast, 1 thread": lambda: ours(1),
            "plain torch, 1 thread": plain,
        },
        repeats=1,
    )
