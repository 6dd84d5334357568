"""Tiny labelled liquids and fast settings for the contracts of graph networks."""

import numpy as np
import torch

from glasscast.datasets.configuration import Configuration
from glasscast.liquid.box import wrap
from glasscast.liquid.neighbours import find_neighbours, nearest_pairs
from glasscast.models.registry import build, settings_class
from glasscast.runtime import Workspace
from glasscast.training.settings import TrainingSettings
from tests.plain import lattice

CUTOFF = 1.4


def liquid(seed: int, side: int = 4, species: int = 2, dimension: int = 3) -> Configuration:
    """A disordered crystal whose labels depend on the structure, with pair-distance changes."""
    rng = np.random.default_rng(seed)
    positions, box = lattice(side, rng, dimension=dimension)
    types = (rng.random(len(positions)) < 0.2).astype(np.int8) * (species - 1)
    near = find_neighbours(positions, box, CUTOFF)
    crowd = np.bincount(near.receivers, np.exp(-4 * (near.distances - 1) ** 2), len(positions))
    other = np.bincount(near.receivers, types[near.senders] * 1.0, len(positions))
    labels = np.stack([crowd + 0.3 * other + types, crowd**2 / 5 - other + 2 * types])
    upper = nearest_pairs(near.receivers, near.senders, near.distances)
    bonds = np.stack([near.receivers[upper], near.senders[upper]])
    change = np.stack([1.0 - near.distances[upper], 0.5 * (crowd[bonds[0]] + crowd[bonds[1]])])
    moves = rng.normal(0, 0.05, (2, *positions.shape))
    return Configuration(
        name=f"liquid-{seed}",
        positions=positions,
        inherent=wrap(positions + moves[0], box),
        cage=wrap(positions + moves[1], box),
        types=types,
        box=box,
        times=np.array([1.0, 10.0]),
        propensity=labels,
        bonds=bonds,
        bond_change=change,
    )


#: Settings of small networks.
TINY = {
    "botan": {"hidden": 16, "rounds": 2},
    "nt-gnn": {"hidden": 16, "rounds": 2},
    "geo-gnn": {
        "hidden": 8,
        "radial_functions": 8,
        "angular_functions": 4,
        "triplet_layers": 2,
    },
    "eignn-inh": {"hidden": 8, "layers": 2, "radial_functions": 4, "energy": "none"},
    "eignn-cage": {"hidden": 8, "layers": 2, "radial_functions": 4, "energy": "none"},
    "se3-gnn": {
        "channels": 3,
        "layers": 2,
        "l_max": 1,
        "radial_functions": 4,
        "radial_cutoff": CUTOFF,
        "energy": "none",
    },
}


def tiny(name: str, workspace: Workspace | None = None, **changes):
    """A small network; ``training`` holds what is changed of its training."""
    training = {"epochs": 3, "validation_fraction": 0.0, "learning_rate": 3e-3, "device": "cpu"}
    training = TrainingSettings(**training | changes.pop("training", {}))
    settings = settings_class(name)(
        **TINY[name] | {"cutoff": CUTOFF, "training": training} | changes
    )
    return build(settings, workspace or Workspace(threads=1))


def weights(model) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.network_.parameters()])


def cluster(seed: int, dimension: int = 3) -> Configuration:
    """Particles in the middle of a large box, so that any rotation leaves all pairs alone."""
    rng = np.random.default_rng(seed)
    positions, box = lattice(4 if dimension == 3 else 8, rng, dimension=dimension)
    positions += 20 - box / 2
    return Configuration(
        name="cluster",
        positions=positions,
        cage=positions + rng.normal(0, 0.05, positions.shape),
        types=rng.integers(0, 2, len(positions)).astype(np.int8),
        box=np.full(dimension, 40.0),
    )
