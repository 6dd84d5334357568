"""The released EIGNN-Cage weights under the names of our network.

The file holds the network of :mod:`glasscast.models.eignn.network` with ``parity`` off. The
normalisation of tensors after the last layer is left out, since nothing reads them there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from glasscast.datasets.published import TIME_TABLES
from glasscast.errors import InputError

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


def published_state(
    raw: Mapping[str, Any], path: Path, network: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """State of our network from the content of a released checkpoint.

    Parameters
    ----------
    raw : content of the file.
    path : of the file, for errors.
    network : state of the network to fill, for names and shapes.

    Raises
    ------
    InputError : naming the weights that are missing or of another shape.
    """
    return {name: _find(raw["net"], name, like, path) for name, like in network.items()}


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
