"""Published weights as models of this library; nothing in them is executed.

The files of NT-GNN and BOTAN hold the same networks as :mod:`glasscast.models.botan.model` with
other names and another order of the columns that read concatenated features; for those of EIGNN
see :mod:`glasscast.models.eignn.published`.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from glasscast.datasets.files import read_npz, sha256_of_file
from glasscast.errors import InputError, ModelError, SettingsError
from glasscast.models.botan.model import Botan, NodeTargeting
from glasscast.models.deep import DeepModel
from glasscast.models.eignn.published import is_eignn, read_eignn
from glasscast.models.hyperparameters import BotanHyperparameters, NodeTargetingHyperparameters
from glasscast.models.registry import load_model
from glasscast.runtime import Workspace
from glasscast.training.examples import TargetStatistics

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


def import_weights(
    path: Path, time: float | None = None, workspace: Workspace | None = None
) -> DeepModel:
    """Read published weights as a model that predicts.

    Parameters
    ----------
    path : ``.pth`` of Shiba et al. (BOTAN), ``.npz`` of Bapst et al. (NT-GNN) or ``.pt`` of
        Jiang et al. (EIGNN).
    time : at which the weights of the first two forecast; the files do not say. BOTAN's
        edge-pretrained ones were trained at t = 13, their node output is untrained. The ten
        times of EIGNN are known.

    Returns
    -------
    Botan or NodeTargeting, in units of sigma, or EignnCage, in standardised units; for species A
    and B in three dimensions.

    Raises
    ------
    InputError : if the file is none of them, is damaged, or holds Python objects.
    SettingsError : if the time is needed and absent, or given and known.
    """
    raw = read_npz(path) if path.suffix == ".npz" else _read_torch(path)
    if is_eignn(raw):
        if time is not None:
            raise SettingsError(f"{path} forecasts ten times of its own; leave the time out")
        model: DeepModel = read_eignn(raw, path, workspace)
    elif time is None:
        raise SettingsError(f"{path} does not say at which time it forecasts; give the time")
    else:
        model = _interaction_network(raw, path, time, workspace)
    model.provenance_ = {"published": path.name, "sha256": sha256_of_file(path)}
    model.history_ = []
    return model


def _interaction_network(
    raw: Mapping[str, Any], path: Path, time: float, workspace: Workspace | None
) -> Botan:
    """NT-GNN or BOTAN from the content of a file."""
    model: Botan
    if path.suffix == ".npz":
        model = NodeTargeting(NodeTargetingHyperparameters(), workspace)
        state = _deepmind_state(raw, path)
    else:
        model = Botan(BotanHyperparameters(), workspace)
        state = _botan_state(raw, path)
    model.species_, model.dimension_ = (0, 1), 3
    model.times_ = np.array([time], dtype=np.float64)
    model.statistics_ = TargetStatistics(
        (0, 1), np.zeros((2, 1)), np.ones((2, 1)), np.zeros(1), np.ones(1)
    )
    model.network_ = model.build_network().eval()
    try:
        model.network_.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(path, f"holds weights of another network ({error})") from None
    return model


def _read_torch(path: Path) -> Mapping[str, Any]:
    """Content of a file of torch, tensors and plain values only."""
    try:
        raw = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(path, "does not exist") from None
    except (RuntimeError, pickle.UnpicklingError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise InputError(path, f"is not a file of weights ({error!r:.200})") from None
    if not isinstance(raw, Mapping):
        raise InputError(path, f"holds a {type(raw).__name__}, not named weights")
    return raw


def _botan_state(raw: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """State of our network from a BOTAN state dict."""
    state = {}
    for ours, theirs in _BOTAN_BLOCKS.items():
        for layer in range(3 if ours == "decode" else 2):
            for kind in ("weight", "bias"):
                key = f"{theirs}.fc{layer + 1}.{kind}"
                state[f"{ours}.layers.{layer}.{kind}"] = _matrix(raw, key, path)
    # Theirs: sender, receiver, edge, encoded edge; ours: edge, encoded edge, receiver, sender.
    _reorder(state, "update_edge", (2, 3, 1, 0))
    return state


def _deepmind_state(raw: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """State of our network from the arrays of Bapst et al., whose weights are (in, out)."""
    state = {}
    for ours, theirs in _DEEPMIND_BLOCKS.items():
        for layer in range(3 if ours == "decode" else 2):
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


def start_from(model: Botan, path: Path) -> None:
    """Take the weights of a file or saved model as the start of a training.

    A single forecast is copied to all times of the new model. Published decoders forecast in
    sigma; their last layer is changed so that it says the same in the new standardised units,
    those of edges when edges are learned, else those of species A.

    Raises
    ------
    InputError : if the file cannot be read.
    ModelError : if it holds another network.
    """
    if path.is_dir():
        source = load_model(path, model.workspace)
    else:
        raw = read_npz(path) if path.suffix == ".npz" else _read_torch(path)
        source = _interaction_network(raw, path, 0.0, model.workspace)
    if not isinstance(source, Botan):
        raise ModelError(f"{path} holds a '{source.name}', which cannot start a '{model.name}'")
    state = {key: value.clone() for key, value in source.network_.state_dict().items()}
    last = "decode.layers.2"
    weight, bias = state[f"{last}.weight"], state[f"{last}.bias"]
    times = len(model.times_)
    if len(bias) == 1:
        weight, bias = weight.repeat(times, 1), bias.repeat(times)
    old, new = source.statistics_, model.statistics_
    if model.node_weight < 1:
        means, stds = (old.edge_mean, new.edge_mean), (old.edge_std, new.edge_std)
    else:
        means = (old.node_mean[0], new.node_mean[0])
        stds = (old.node_std[0], new.node_std[0])
    if len(bias) == times:
        scale = torch.as_tensor(stds[0] / stds[1], dtype=torch.float32)
        shift = torch.as_tensor((means[0] - means[1]) / stds[1], dtype=torch.float32)
        weight, bias = weight * scale.unsqueeze(1), bias * scale + shift
    state[f"{last}.weight"], state[f"{last}.bias"] = weight, bias
    # Published networks have no normalisations: those of the model start as they are.
    fresh = model.network_.state_dict()
    state |= {key: fresh[key] for key in fresh.keys() - state.keys() if "_norms." in key}
    try:
        model.network_.load_state_dict(state)
    except RuntimeError as error:
        raise ModelError(
            f"{path} holds another network than the settings of '{model.name}' ask for; compare "
            f"rounds, hidden, edge_sees_encoded_nodes and the number of times ({error})"
        ) from None
