"""The released EIGNN-Cage weights under our names.

The file holds the network of :mod:`glasscast.models.eignn.model` with ``parity`` off. The
normalisation of tensors after the last layer is left out, since nothing reads them there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from glasscast.datasets.published import TIME_TABLES
from glasscast.errors import InputError
from glasscast.models.eignn.model import EignnCage
from glasscast.models.hyperparameters import EignnCageHyperparameters
from glasscast.runtime import Workspace
from glasscast.training.examples import TargetStatistics

#: Times the released weights forecast, in LJ units.
TIMES = TIME_TABLES["glassbench-ka-T0.44"]
_BLOCKS = {
    "embed": "lin_embedding",
    "combine": "lin_cat",
    "readout": "agg_3.nn.lins.0",
    "hidden": "out.lins.0",
    "heads": "out.lins.1",
    "norm": "out.norms.0.module",
}
_LAYER_BLOCKS = {
    "lift": "I2EConv.lin1",
    "weigh": "I2EConv.lin2",
    "couple": "I2EConv.o3_lin",
    "merge": "I2EConv.lin3",
    "gate": "E2IConv.lin_cat",
    "value": "E2IConv.lin_r",
    "norm": "norm",
    "tensor_norm": "e_norm",
}
#: Entries that have no counterpart in the file: our inputs are scaled, theirs are not.
_OURS = {"inputs.mean": 0.0, "inputs.std": 1.0, "norm.mean_scale": 1.0}


def is_eignn(raw: Any) -> bool:
    """Whether the content of a file of weights is a checkpoint of EIGNN."""
    return isinstance(raw, Mapping) and isinstance(raw.get("net"), Mapping)


def read_eignn(raw: Mapping[str, Any], path: Path, workspace: Workspace | None) -> EignnCage:
    """Make a model of the content of a released checkpoint.

    Its forecasts are standardised within each configuration and species, so they have no unit:
    only correlations with them mean anything. They want inherent and cage positions.

    Raises
    ------
    InputError : naming the weights that are missing.
    """
    settings = EignnCageHyperparameters(parity=False, liquid="ka-unshifted")
    model = EignnCage(settings, workspace)
    model.species_, model.dimension_, model.times_ = (0, 1), 3, np.array(TIMES)
    model.liquid_ = settings.liquid
    times = len(TIMES)
    model.statistics_ = TargetStatistics(
        (0, 1), np.zeros((2, times)), np.ones((2, times)), np.zeros(times), np.ones(times), True
    )
    model.network_ = model.build_network().eval()
    model.network_.load_state_dict(
        {
            name: _find(raw["net"], name, like, path)
            for name, like in model.network_.state_dict().items()
        }
    )
    return model


def _find(raw: Mapping[str, Any], name: str, like: Tensor, path: Path) -> Tensor:
    if name in _OURS:
        return torch.full_like(like, _OURS[name])
    block, kind = name.rsplit(".", 1)
    if block.startswith("layers."):
        _, number, inner = block.split(".", 2)
        key = f"interactions.{number}.{_LAYER_BLOCKS[inner]}.{kind}"
    else:
        key = f"{_BLOCKS[block]}.{kind}"
    value = raw.get(key)
    if not isinstance(value, Tensor):
        raise InputError(path, f"lacks the weights '{key}'", "is it a released EIGNN file?")
    if block.endswith("tensor_norm") and value.numel() == like.numel():
        value = value.view_as(like)  # ours have an axis of channels
    if value.shape != like.shape:
        raise InputError(
            path,
            f"holds weights of another network ('{key}' has shape {tuple(value.shape)}, not "
            f"{tuple(like.shape)})",
        )
    return value.to(like)
