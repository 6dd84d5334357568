"""Small settings of every registered model, what to ask it with, and what it does not promise.

A model that has no case here is asked all the same, in few epochs and without excuse.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pytest

from glasscast.datasets.configuration import Configuration
from glasscast.models.base import Model
from glasscast.models.registry import REGISTRY, build, model_class, settings_class
from glasscast.runtime import Workspace
from tests.relaxed import relaxed


@dataclass(frozen=True)
class Case:
    """How one model is asked.

    Parameters
    ----------
    name : of the model in the registry.
    settings : that make it small.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)


RIDGE = {"folds": 2, "penalties": [1.0, 100.0]}
TRAINING = {"epochs": 4, "validation_fraction": 0, "learning_rate": 3e-3, "device": "cpu"}
TENSORS = {"cutoff": 1.4, "layers": 2, "l_max": 1, "radial_functions": 4, "training": TRAINING}
PHASES = [
    {"loss": "error", "learning_rate": 1e-2, "epochs": 3},
    {"loss": "total", "learning_rate": 1e-3, "epochs": 2},
]
#: Label -> case; several cases of one model where its settings make it another.
CASES = {
    "lr": Case("lr", {"order": 1, **RIDGE}),
    "cage-lr": Case("cage-lr", {"order": 0, **RIDGE}),
    "cage-lr-inherent": Case(
        "cage-lr", {"order": 0, "structure": "inherent", "initial": False, **RIDGE}
    ),
    "softness": Case("svm", {"penalties": [0.01, 0.1], "folds": 2}),
    "support-vector-regression": Case("svm", {"task": "regression", "penalties": [0.01]}),
    "density": Case("structural", {"quantity": "density", "length": 1.0}),
    "energy": Case("structural", {"quantity": "energy"}),
    "bond-order": Case("structural", {"quantity": "bond-order", "length": 0}),
    "inherent-distance": Case("structural", {"quantity": "inherent-distance", "length": 0}),
    "cage-distance": Case("structural", {"quantity": "cage-distance", "length": 0}),
    "uml": Case("uml", {"hidden": 8, "epochs": 50}),
    "glass-mlp": Case("glass-mlp", {"phases": PHASES, "rings": [1.0, 2.0], "training": TRAINING}),
    "cnn": Case(
        "cnn", {"spacing": 0.6, "levels": 2, "channels": 4, "blocks": 1, "training": TRAINING}
    ),
    "botan": Case("botan", {"cutoff": 1.4, "hidden": 16, "rounds": 2, "training": TRAINING}),
    "nt-gnn": Case("nt-gnn", {"cutoff": 1.4, "hidden": 16, "rounds": 2, "training": TRAINING}),
    "geo-gnn": Case(
        "geo-gnn",
        {
            "cutoff": 1.4,
            "hidden": 8,
            "radial_functions": 8,
            "angular_functions": 4,
            "triplet_layers": 2,
            "dropout": 0.1,
            "training": TRAINING,
        },
    ),
    "eignn-inh": Case("eignn-inh", {"hidden": 8, **TENSORS}),
    "eignn-cage": Case("eignn-cage", {"hidden": 8, **TENSORS}),
    "se3-gnn": Case("se3-gnn", {"channels": 3, "radial_cutoff": 1.4, **TENSORS}),
}


def is_network(name: str) -> bool:
    """Whether a model is trained by the one loop."""
    return "training" in settings_class(name).model_fields


CASES |= {
    name: Case(name, {"training": TRAINING} if is_network(name) else {})
    for name in REGISTRY
    if name not in {case.name for case in CASES.values()}
}

_TAUGHT = "learned from random symmetries of the box at each step, as far as they go"
_VOXELS = "holds where both have the same voxels: tests/unit/models/test_cnn.py"
#: Model -> contract -> why the model does not promise it.
EXCUSED = {
    "botan": {"symmetries of the box": _TAUGHT, "rotation": _TAUGHT},
    "nt-gnn": {"symmetries of the box": _TAUGHT, "rotation": _TAUGHT},
    "cnn": {
        "translation": _VOXELS,
        "symmetries of the box": _TAUGHT,
        "rotation": _TAUGHT,
        "small boxes": _VOXELS,
        "batches of several sizes": "all configurations of a fit have grids of one shape",
    },
    "glass-mlp": {"rotation": "cells at the surface of a cluster end at the faces of the box"},
    "svm": {
        "resumption": "a fit takes seconds to minutes and starts anew",
        "few runs": "the fastest of one run are not the fastest of an ensemble",
    },
    "uml": {
        "resumption": "a fit takes seconds and starts anew",
        "few runs": "a line is all that it learns of labels",
    },
}


def asked(contract: str, networks_only: bool = False) -> list[Any]:
    """Parameters (label, dimension) of every model that is to keep a contract."""
    return [
        pytest.param(label, dimension, id=f"{label}-{dimension}d")
        for label, case in CASES.items()
        if contract not in EXCUSED.get(case.name, {})
        and (is_network(case.name) or not networks_only)
        for dimension in model_class(case.name).dimensions
    ]


def unfitted(label: str, workspace: Workspace | None = None, **changes: Any) -> Model:
    """Small model of a case."""
    case = CASES[label]
    if case.name == "glass-mlp":
        pytest.importorskip("pyvoro2")
    settings = settings_class(case.name)(**case.settings | changes)
    return build(settings, workspace or Workspace(threads=1))


@cache
def fitted(label: str, dimension: int) -> Model:
    """Return the model of a case that learned from three configurations; not to be changed."""
    return unfitted(label).fit([snapshot(seed, dimension) for seed in (1, 2, 3)])


def snapshot(seed: int, dimension: int, size: int = 64) -> Configuration:
    """Labelled configuration with all that any model reads."""
    return relaxed(seed, dimension, size)


def cluster(dimension: int) -> Configuration:
    """Particles in the middle of a large box, so that any rotation leaves all pairs alone."""
    liquid, side = snapshot(5, dimension), 40.0
    positions = liquid.positions + side / 2 - liquid.box / 2
    moved = {key: positions + liquid.displacement_to(key) for key in ("inherent", "cage")}
    return Configuration(
        name="cluster",
        positions=positions,
        types=liquid.types,
        box=np.full(dimension, side),
        metadata=liquid.metadata,
        **moved,
    )
