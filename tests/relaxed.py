"""Small labelled liquids with inherent and cage positions, in two and three dimensions."""

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.liquid.neighbours import find_neighbours, nearest_pairs
from tests.conftest import random_liquid


def relaxed(seed: int, dimension: int = 3, size: int = 180) -> Configuration:
    """Return a jittered lattice whose particles move with their distance from equilibrium.

    Displacements also grow with a crowd of A neighbours and differ between species, so that
    every model finds something to learn. Bonds are pairs closer than 1.4.
    """
    rng = np.random.default_rng(seed)
    positions, types, box = random_liquid(rng, size, dimension)
    step = rng.normal(scale=0.1, size=positions.shape)
    inherent, cage = (np.mod(positions + scale * step, box) for scale in (0.7, 1.0))
    shift = positions[:, None] - positions
    shift -= box * np.round(shift / box)
    crowd = np.exp(-np.linalg.norm(shift, axis=2) / 0.5).sum(axis=1)
    moved = np.linalg.norm(step, axis=1)
    first = 0.1 + moved + 0.1 * types
    labels = np.stack([first, 1 + 0.2 * first + 0.5 * (crowd - crowd.mean())])
    near = find_neighbours(positions, box, 1.4)
    pairs = nearest_pairs(near.receivers, near.senders, near.distances)
    bonds = np.stack([near.receivers[pairs], near.senders[pairs]])
    change = np.stack([1.2 - near.distances[pairs], first[bonds].sum(axis=0)])
    return Configuration(
        name=f"relaxed-{dimension}d-{seed}",
        positions=positions,
        types=types,
        box=box,
        inherent=inherent,
        cage=cage,
        times=np.array([1.0, 10.0]),
        propensity=labels,
        bonds=bonds,
        bond_change=change,
        metadata={"liquid": "ka" if dimension == 3 else "ka2d", "temperature": 0.5},
    )
