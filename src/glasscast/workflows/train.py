"""Train one model from an experiment file into its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.files import write_json
from glasscast.datasets.identity import inputs_of
from glasscast.evaluation.coverage import write_coverage
from glasscast.evaluation.smoothness_scores import write_smoothness
from glasscast.liquid.interactions import species_name
from glasscast.models.base import Model
from glasscast.models.files import MODEL
from glasscast.models.identity import fit_identity
from glasscast.models.registry import build, load_model
from glasscast.models.settings import ModelSettings
from glasscast.progress import log
from glasscast.runtime import Workspace
from glasscast.training.history import history_paths, read_history
from glasscast.workflows.calibrate import cross_fitted, forecasts_of, held_out, learn_worth
from glasscast.workflows.data_roles import about, refuse_overlap, with_relatives
from glasscast.workflows.evaluate import score
from glasscast.workflows.experiment_folder import ExperimentFolder, place, refuse_absent_files
from glasscast.workflows.experiments import TrainExperiment, resolved
from glasscast.workflows.pretraining import PRETRAINING, learned_by, pretrained, starting_from

CHECKPOINT, SCORES = "checkpoint.npz", "scores"


def train(
    experiment: TrainExperiment | Mapping[str, Any] | Path | str,
    out: Path | str | None = None,
    *,
    overrides: Sequence[str] = (),
    workspace: Workspace | None = None,
) -> Model:
    """Train a model, save it, and score it on the test data if the experiment names any.

    What was not trained on teaches it how far its forecasts err: see
    :func:`glasscast.workflows.calibrate.held_out`.

    What was killed is taken up by the same call, with the identical result; what is finished is
    read back. Both only while settings, version and all that is read are the same: a killed fit
    starts anew otherwise, and what is finished is not touched.

    Parameters
    ----------
    experiment : what to do: settings, keys and values, or a YAML file.
    out : folder of the experiment; without it the model is in memory alone.
    overrides : ``key=value`` with dotted keys, on top of a file.

    Raises
    ------
    SettingsError : if the folder holds another experiment, or one finished from other inputs,
        naming what has changed; if test data was trained on.
    InputError : if a file that the settings name is absent.
    """
    settings = resolved(TrainExperiment, experiment, overrides)
    with place(out, "train") as folder:
        return _train(settings, folder, workspace)


def _train(experiment: TrainExperiment, out: Path, workspace: Workspace | None) -> Model:
    pretraining = experiment.pretraining
    refuse_absent_files(experiment.model, *([pretraining.model] if pretraining else []))
    data = experiment.train.open()
    validation = experiment.validation.open() if experiment.validation else ()
    test = experiment.test.open() if experiment.test else None
    calibration = experiment.calibration.open() if experiment.calibration else None
    for other in (test, calibration):
        if other is not None:
            refuse_overlap(data, other)
    beside = {
        use: asked.open()
        for use, asked in (("copies", experiment.copies), ("single_runs", experiment.single_runs))
        if asked is not None
    }
    seen = with_relatives(data, list(beside.values()))
    identity = fit_identity(experiment.model, experiment.seed, seen, validation)
    others = (*inputs_of(test or (), "test"), *inputs_of(calibration or (), "calibration"))
    if pretraining is not None:
        begun_on = learned_by(pretraining, experiment.train, data.names)
        before = fit_identity(pretraining.model, experiment.seed, begun_on)
        others = (*others, *before.inputs)
        identity = identity.also(pretraining=dict(before.values))
    folder = ExperimentFolder(out, experiment, identity.also(others))
    if folder.finished:
        log.info("%s is finished already", out)
        return load_model(out / MODEL, workspace)

    def settings(train: Dataset, name: str) -> ModelSettings:
        """Return the settings of a model to fit, with the weights it starts from, if any."""
        if pretraining is None:
            return experiment.model
        names = [n for n in data.names if n in set(train.names)]
        begun_on = learned_by(pretraining, experiment.train, names)
        place = out / PRETRAINING / name
        start = pretrained(pretraining, begun_on, experiment.seed, place, workspace)
        return starting_from(experiment.model, start)

    with folder.logging():
        log.info("training %s on %d configurations", experiment.model.name, len(seen))
        chosen = settings(seen, "all")
        model, started = build(chosen, workspace), perf_counter()
        if test is not None and experiment.watch_test:
            model.watch(test)
        model.fit(seen, validation, seed=experiment.seed, checkpoint=out / CHECKPOINT)
        seconds = perf_counter() - started
        model.save(out / MODEL)
        draw_history(out, model.name)
        held = held_out(model, experiment, seen)
        forecasts = (
            cross_fitted(settings, seen, experiment.seed, workspace)
            if held is None
            else list(forecasts_of(model, held))
        )
        learn_worth(model, forecasts, seen)
        model.save(out / MODEL)
        if test is not None:
            found = score(model, test)
            write_smoothness(out, found.smoothness)
            write_coverage(out, found.coverage)
            report_selection(model, test, out)
            found.table.write(out / f"{SCORES}.json")
            found.table.write(out / f"{SCORES}.csv")
        opened = {
            "train": data, "validation": validation, "test": test, "calibration": calibration
        }  # fmt: skip
        used = {use: about(d) for use, d in opened.items() if isinstance(d, Dataset)}
        for use, relatives in beside.items():
            count = len(with_relatives(data, [relatives])) - len(data)
            used[use] = {**about(relatives), "configurations": count}
        folder.finish(
            {
                "seed": experiment.seed,
                "trained_on": seen.names,
                "data": used,
                "fit_seconds": seconds,
            }
        )
        log.info("fitted in %.1f s", seconds)
    return model


def draw_history(out: Path, label: str) -> None:
    """Draw loss and correlations of every epoch, if the model has a history."""
    rows = [row for path in history_paths(out / CHECKPOINT) for row in read_history(path)]
    if rows:
        from glasscast.report.history_figures import history_figure

        history_figure(rows, label).save(out / "figures")


def report_selection(model: Model, test: Dataset, out: Path) -> None:
    """Write the ranked descriptors and the curve of their score, if the model selected any."""
    from glasscast.report.score_figures import selection_figure

    found = model.selected(test)
    if not found:
        return
    record = [
        {
            "species": species_name(row.species),
            "time": row.time,
            "descriptors": row.names,
            "training_correlation": row.training.round(5).tolist(),
            "counts": row.counts.tolist(),
            "test_pearson": row.test.round(5).tolist(),
        }
        for row in found
    ]
    write_json(out / "selection.json", record)
    last = [row for row in found if row.time == found[-1].time]
    selection_figure(last).save(out / "figures")
