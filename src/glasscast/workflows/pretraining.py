"""A training whose weights others start from, part of the same experiment.

It sees the training configurations of the fit it is for, and no other, at times of its own.
"""

from __future__ import annotations

from pathlib import Path

from glasscast.models.files import RECORD, read_record, trained_on
from glasscast.models.identity import fit_identity
from glasscast.models.registry import build
from glasscast.models.settings import ModelSettings
from glasscast.progress import log
from glasscast.runtime import Workspace
from glasscast.workflows.experiments import BenchmarkExperiment
from glasscast.workflows.fits import Fit

#: Folder of the pretrained models, below that of the experiment.
PRETRAINING = "pretraining"


def started(
    experiment: BenchmarkExperiment,
    label: str,
    settings: ModelSettings,
    seed: int,
    fit: Fit,
    out: Path,
    workspace: Workspace,
) -> ModelSettings:
    """Return the settings of a model with the weights to start from, which are made if need be.

    Parameters
    ----------
    label, settings, seed : of the training that starts.
    fit : whose training configurations may be learned from.
    out : folder of the experiment.
    """
    pretraining = experiment.pretraining
    if pretraining is None or label not in pretraining.models:
        return settings
    seed = seed if pretraining.each_seed else experiment.seed
    name = f"fit-{fit.number}-of-{len(fit.train)}" + (f"-seed-{seed}" * pretraining.each_seed)
    folder = out / PRETRAINING / name
    _make(experiment, seed, fit, folder, workspace)
    return settings.model_copy(update={"initial_weights": str(folder)})


def _make(
    experiment: BenchmarkExperiment, seed: int, fit: Fit, folder: Path, workspace: Workspace
) -> None:
    """Train what others start from, unless that very model is there."""
    pretraining = experiment.pretraining
    assert pretraining is not None
    times = pretraining.times or experiment.data.times
    data = experiment.data.model_copy(update={"times": times}).open().subset(fit.train.names)
    wanted = fit_identity(pretraining.model, seed, data).record()
    if (folder / RECORD).exists():
        made = trained_on(read_record(folder))
        if made.get("identity") == wanted["identity"]:
            return
    log.info("pretraining for fit %d on %d configurations", fit.number, len(data))
    folder.mkdir(parents=True, exist_ok=True)
    model = build(pretraining.model, workspace)
    model.fit(data, seed=seed, checkpoint=folder / "checkpoint.npz")
    model.save(folder)
