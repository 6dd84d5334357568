"""A training whose weights others start from, part of the same experiment.

It sees the training configurations of the training it is for, and no other, at times of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from glasscast.datasets.dataset import Dataset
from glasscast.models.files import RECORD, read_record, trained_on
from glasscast.models.identity import fit_identity
from glasscast.models.registry import build
from glasscast.models.settings import ModelSettings
from glasscast.progress import log
from glasscast.runtime import Workspace
from glasscast.workflows.experiments import BenchmarkExperiment, Data, Pretraining
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
    data = learned_by(pretraining, experiment.data, fit.train.names)
    folder = pretrained(pretraining, data, seed, out / PRETRAINING / name, workspace)
    return starting_from(settings, folder)


def learned_by(pretraining: Pretraining, data: Data, names: Sequence[str]) -> Dataset:
    """Return the configurations that a pretraining learns from, at its times.

    Parameters
    ----------
    names : of the training configurations among the data.
    """
    times = pretraining.times or data.times
    return data.model_copy(update={"times": times}).open().subset(names)


def starting_from(settings: ModelSettings, folder: Path) -> ModelSettings:
    """Return the settings of a model with the weights in a folder to start from."""
    return settings.model_copy(update={"initial_weights": str(folder)})


def pretrained(
    pretraining: Pretraining, data: Dataset, seed: int, folder: Path, workspace: Workspace | None
) -> Path:
    """Train what others start from into a folder, unless that very model is there."""
    wanted = fit_identity(pretraining.model, seed, data).record()
    if (folder / RECORD).exists():
        made = trained_on(read_record(folder))
        if made.get("identity") == wanted["identity"]:
            return folder
    log.info("pretraining (%s) on %d configurations", folder.name, len(data))
    folder.mkdir(parents=True, exist_ok=True)
    model = build(pretraining.model, workspace)
    model.fit(data, seed=seed, checkpoint=folder / "checkpoint.npz")
    model.save(folder)
    return folder
