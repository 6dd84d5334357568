"""Descriptors of one configuration of N = 4096, beside a plain form and beside smaller boxes.

Most neighbours of a particle in a small box are periodic images. Such boxes are described several
at a time, so that the particles are as many: a ratio is that of the costs of a particle.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from glasscast.structure.descriptors.physics import PhysicsDescriptors
from glasscast.structure.descriptors.shell_averages import averaging_matrix, generations
from glasscast.structure.descriptors.shells import ShellDescriptors
from measure import is_parent, jittered_lattice, measure, positions_4096
from plain_shells import plain_shells

POSITIONS, TYPES, BOX, _ = positions_4096()
SHELLS = ShellDescriptors(2)


def shells(state: tuple[np.ndarray, ...], threads: int = 1) -> np.ndarray:
    """Return the 1176 shell-averaged descriptors (order 2), blocks of receivers a thread each."""
    positions, types, box = state
    first = SHELLS.compute(positions, types, box, threads)
    return generations(first, averaging_matrix(positions, box, 2.3), 2)


def coarse_grained(state: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return the physics descriptors; any numbers do for energies and cells."""
    positions, types, box = state
    own = np.cos(np.arange(2 * len(types))).reshape(2, -1)
    return PhysicsDescriptors(2).compute(positions, types, box, *own)


def several(describe: Callable[..., np.ndarray], size: int) -> Callable[[], None]:
    """Describe boxes of this many particles, 4096 altogether."""
    state = jittered_lattice(size)

    def run() -> None:
        for _ in range(4096 // size):
            describe(state)

    return run


WHOLE = (POSITIONS, TYPES, BOX)
VARIANTS: dict[str, Callable[[], object]] = {
    "shells, 2 threads": lambda: shells(WHOLE, 2),
    "shells, 1 thread": lambda: shells(WHOLE),
    "shells, plain torch, 1 thread": lambda: plain_shells(*WHOLE, SHELLS),
    "shells, 1 thread, 4 boxes of N = 1024": several(shells, 1024),
    "shells, 1 thread, 8 boxes of N = 512": several(shells, 512),
    "coarse-grained": lambda: coarse_grained(WHOLE),
    "coarse-grained, 4 boxes of N = 1024": several(coarse_grained, 1024),
    "coarse-grained, 8 boxes of N = 512": several(coarse_grained, 512),
}
REFERENCES = {
    name: "shells, plain torch, 1 thread" if "boxes" not in name else "shells, 1 thread"
    for name in VARIANTS
    if name.startswith("shells")
} | {name: "coarse-grained" for name in VARIANTS if name.startswith("coarse")}

if __name__ == "__main__":
    if is_parent():
        np.testing.assert_allclose(shells(WHOLE), plain_shells(*WHOLE, SHELLS), atol=1e-6)
    torch.set_num_threads(1)
    measure(__file__, VARIANTS, repeats=1, references=REFERENCES)
