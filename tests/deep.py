"""Tiny labelled liquids and fast settings for the contracts of graph networks."""

import numpy as np
import torch

from glasscast.datasets.configuration import Configuration
from glasscast.liquid.box import wrap
from glasscast.liquid.neighbours import find_neighbours, nearest_pairs
from glasscast.models.botan.model import Botan, NodeTargeting
from glasscast.models.botan.settings import BotanSettings, NodeTargetingSettings
from glasscast.models.eignn.model import EignnCage, EignnInherent
from glasscast.models.eignn.settings import EignnCageSettings, EignnInherentSettings
from glasscast.models.geo_gnn.model import GeoGnn
from glasscast.models.geo_gnn.settings import GeoSettings
from glasscast.models.se3_gnn.model import Se3Gnn
from glasscast.models.se3_gnn.settings import Se3Settings
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


def tiny(name: str, workspace: Workspace | None = None, **changes):
    """A small model of each kind."""
    settings = {"epochs": 3, "validation_fraction": 0.0, "learning_rate": 3e-3, "device": "cpu"}
    settings |= changes.pop("training", {})
    workspace = workspace or Workspace(threads=1)
    if name.startswith("eignn"):
        options = {"hidden": 8, "layers": 2, "radial_functions": 4, "energy": "none"}
        kind, schema = {
            "eignn-inh": (EignnInherent, EignnInherentSettings),
            "eignn-cage": (EignnCage, EignnCageSettings),
        }[name]
    elif name == "se3-gnn":
        options = {"channels": 3, "layers": 2, "l_max": 1, "radial_functions": 4, "energy": "none"}
        options |= {"radial_cutoff": CUTOFF}
        kind, schema = Se3Gnn, Se3Settings
    elif name == "geo-gnn":
        options = {"hidden": 8, "radial_functions": 8, "angular_functions": 4, "triplet_layers": 2}
        kind, schema = GeoGnn, GeoSettings
    else:
        options = {"hidden": 16, "rounds": 2}
        kind, schema = {
            "botan": (Botan, BotanSettings),
            "nt-gnn": (NodeTargeting, NodeTargetingSettings),
        }[name]
    options |= {"cutoff": CUTOFF} | changes
    return kind(schema(**options, training=TrainingSettings(**settings)), workspace)


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
