"""Published weights of NT-GNN and BOTAN under the names of our network.

The files hold the networks of :mod:`glasscast.models.botan.network` with other names and another
order of the columns that read concatenated features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from glasscast.errors import InputError

#: Our blocks, and how many layers each has.
_LAYERS = {"encode_node": 2, "encode_edge": 2, "update_edge": 2, "update_node": 2, "decode": 3}
#: Our blocks in the file of Shiba et al.
_BOTAN_BLOCKS = {
    "encode_node": "node_encoder",
    "encode_edge": "edge_encoder",
    "update_edge": "network.edge_model.mlp",
    "update_node": "network.node_model.mlp",
    "decode": "decoder",
}
#: Our blocks in the file of Bapst et al.
_DEEPMIND_BLOCKS = {
    "encode_node": "graph_independent|node_model",
    "encode_edge": "graph_independent|edge_model",
    "update_edge": "graph_network|edge_block",
    "update_node": "graph_network|node_block",
    "decode": "graph_independent_1|node_model",
}


def is_deepmind(raw: Mapping[str, Any]) -> bool:
    """Whether the content of a file of weights is laid out as that of Bapst et al. (NT-GNN)."""
    return any(str(key).startswith("Graph|") for key in raw)


def published_state(raw: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """State of our network from the content of a file of Shiba et al. or Bapst et al.

    Parameters
    ----------
    raw : content of the file.
    path : of the file, for errors.

    Raises
    ------
    InputError : naming the weights that are missing.
    """
    return _deepmind_state(raw, path) if is_deepmind(raw) else _botan_state(raw, path)


def _botan_state(raw: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    state = {}
    for ours, theirs in _BOTAN_BLOCKS.items():
        for layer in range(_LAYERS[ours]):
            for kind in ("weight", "bias"):
                key = f"{theirs}.fc{layer + 1}.{kind}"
                state[f"{ours}.layers.{layer}.{kind}"] = _matrix(raw, key, path)
    # Theirs: sender, receiver, edge, encoded edge; ours: edge, encoded edge, receiver, sender.
    _reorder(state, "update_edge", (2, 3, 1, 0))
    return state


def _deepmind_state(raw: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """From the arrays of Bapst et al., whose weights are (in, out)."""
    state = {}
    for ours, theirs in _DEEPMIND_BLOCKS.items():
        for layer in range(_LAYERS[ours]):
            for kind, letter in (("weight", "w"), ("bias", "b")):
                key = f"Graph|{theirs}|mlp|linear_{layer}|{letter}"
                value = _matrix(raw, key, path)
                state[f"{ours}.layers.{layer}.{kind}"] = value.t().contiguous()
    # Theirs: sum, node, encoded node; ours: node, encoded node, sum. Edges agree.
    _reorder(state, "update_node", (1, 2, 0))
    return state


def _matrix(raw: Mapping[str, Any], key: str, path: Path) -> Tensor:
    if key not in raw:
        raise InputError(path, f"lacks the weights '{key}'", "is it a BOTAN or NT-GNN file?")
    value = torch.as_tensor(raw[key]).float()
    return value if value.ndim == 2 else value.reshape(-1)


def _reorder(state: dict[str, Tensor], block: str, order: Sequence[int]) -> None:
    """Put the column blocks of a first layer into another order."""
    key = f"{block}.layers.0.weight"
    parts = state[key].chunk(len(order), dim=1)
    state[key] = torch.cat([parts[i] for i in order], dim=1)
