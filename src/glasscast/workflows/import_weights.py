"""Published weights as models of this library."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glasscast.datasets.files import sha256_of_file
from glasscast.datasets.ownership import owned, place_of
from glasscast.errors import SettingsError
from glasscast.inputs import reading
from glasscast.models.botan.model import Botan, NodeTargeting
from glasscast.models.botan.published import is_deepmind
from glasscast.models.botan.settings import BotanSettings
from glasscast.models.deep import DeepModel
from glasscast.models.eignn.model import EignnCage
from glasscast.models.eignn.published import is_eignn
from glasscast.models.foreign import read_foreign
from glasscast.runtime import Workspace


def import_weights(
    path: Path,
    time: float | None = None,
    workspace: Workspace | None = None,
    *,
    particles: bool = False,
    out: Path | str | None = None,
) -> DeepModel:
    """Read published weights as a model that predicts.

    Parameters
    ----------
    path : ``.pth`` of Shiba et al. (BOTAN), ``.pt`` of Jiang et al. (EIGNN), or a checkpoint of
        Bapst et al. (NT-GNN): its ``.ckpt.index``, or an ``.npz`` of its variables.
    time : at which the weights of BOTAN and NT-GNN forecast; the files do not say. BOTAN's
        edge-pretrained ones were trained at t = 13. The ten times of EIGNN are known.
    particles : whether weights of BOTAN were trained on particles, too; their file does not say.
        The published ones were trained on pairs alone: what they say of particles means nothing,
        and is left out.
    out : folder for the model; nothing is written without it.

    Returns
    -------
    Botan or NodeTargeting, in units of sigma, or EignnCage, in standardised units; for species A
    and B in three dimensions.

    Raises
    ------
    InputError : if the file is none of them, is damaged, or holds Python objects.
    SettingsError : if the time is needed and absent, or given and known, or if something else
        than an earlier import of the same lies in ``out``.
    """
    if out is None:
        return _read(path, time, particles, workspace)
    work = {"weights": place_of(path, Path(out)), "time": time, "particles": particles}
    with owned(Path(out), "import-weights", work):
        model = _read(path, time, particles, workspace)
        model.save(Path(out))
        return model


def _read(
    path: Path, time: float | None, particles: bool, workspace: Workspace | None
) -> DeepModel:
    with reading(path):
        return _made(path, read_foreign(path), time, particles, workspace)


def _made(
    path: Path,
    raw: Mapping[str, Any],
    time: float | None,
    particles: bool,
    workspace: Workspace | None,
) -> DeepModel:
    model: DeepModel
    if particles and (is_eignn(raw) or is_deepmind(raw)):
        raise SettingsError(f"{path} forecasts particles as it is; leave it out", "particles")
    if is_eignn(raw):
        if time is not None:
            raise SettingsError(
                f"{path} forecasts ten times of its own; leave the time out", "time"
            )
        model = EignnCage.from_published(raw, path, workspace)
    elif time is None:
        raise SettingsError(
            f"{path} does not say at which time it forecasts; give the time", "time"
        )
    elif is_deepmind(raw):
        model = NodeTargeting.from_published(raw, path, time, workspace)
    else:
        settings = BotanSettings() if particles else BotanSettings(node_weight=0.0)
        model = Botan.from_published(raw, path, time, workspace, settings)
    model.provenance_ = {"published": path.name, "sha256": sha256_of_file(path)}
    model.history_ = []
    return model
