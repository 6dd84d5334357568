"""Train one model from an experiment file into a run folder."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.files import write_json
from glasscast.errors import SettingsError
from glasscast.evaluation.score_table import ScoreTable
from glasscast.evaluation.scores import Evaluation
from glasscast.evaluation.smoothness_scores import (
    SmoothnessEvaluation,
    SmoothnessScore,
    write_smoothness,
)
from glasscast.liquid.interactions import species_name
from glasscast.models.base import Model
from glasscast.models.files import MODEL
from glasscast.models.registry import build, load_model
from glasscast.progress import track
from glasscast.runtime import Workspace
from glasscast.workflows.experiment_folder import (
    RunFolder,
    about,
    log,
    open_data,
    refuse_absent_files,
    with_copies,
)
from glasscast.workflows.experiments import TrainExperiment

CHECKPOINT, SCORES = "checkpoint.npz", "scores"


def train(
    experiment: TrainExperiment,
    out: Path,
    workspace: Workspace | None = None,
) -> Model:
    """Train a model, save it, and score it on the test data if the experiment names any.

    A killed run is taken up by the same call, with the identical result; a finished one is
    read back.

    Parameters
    ----------
    experiment : what to do.
    out : run folder.

    Raises
    ------
    SettingsError : if the run folder holds another experiment, or test data was trained on.
    InputError : if a file that the settings name is absent.
    """
    run = RunFolder(out, experiment)
    if run.finished:
        log.info("%s is finished already", out)
        return load_model(out / MODEL, workspace)
    refuse_absent_files(experiment.model)
    data = open_data(experiment.train)
    validation = open_data(experiment.validation) if experiment.validation else ()
    test = open_data(experiment.test) if experiment.test else None
    if test is not None:
        refuse_overlap(data, test)
    copies = None if experiment.copies is None else open_data(experiment.copies)
    seen = with_copies(data, copies)
    with run.logging():
        log.info("training %s on %d configurations", experiment.model.name, len(seen))
        model, started = build(experiment.model, workspace), perf_counter()
        model.fit(seen, validation, seed=experiment.seed, checkpoint=out / CHECKPOINT)
        seconds = perf_counter() - started
        model.save(out / MODEL)
        if test is not None:
            scores, smoothness = score(model, test)
            write_smoothness(out, smoothness)
            report_selection(model, test, out)
            scores.write(out / f"{SCORES}.json")
            scores.write(out / f"{SCORES}.csv")
        parts = {"train": data, "validation": validation, "test": test}
        used = {part: about(d) for part, d in parts.items() if isinstance(d, Dataset)}
        if copies is not None:
            used["copies"] = {**about(copies), "configurations": len(seen) - len(data)}
        run.finish(
            {
                "seed": experiment.seed,
                "trained_on": seen.names,
                "data": used,
                "fit_seconds": seconds,
            }
        )
        log.info("finished in %.1f s", seconds)
    return model


def score(model: Model, test: Dataset) -> tuple[ScoreTable, list[SmoothnessScore]]:
    """Forecast each test configuration; score it, and compare how smooth it is."""
    evaluation, smoothness = Evaluation(test.name), SmoothnessEvaluation()
    for configuration in track(model.workspace.progress, f"score {model.name}", test, len(test)):
        forecast = model.predict(configuration)
        evaluation.add(forecast, configuration)
        smoothness.add(forecast, configuration)
    return evaluation.table(), smoothness.scores()


def report_selection(model: Model, test: Dataset, out: Path) -> None:
    """Write the ranked descriptors and the curve of their score, if the model selected any."""
    from glasscast.models.linear import LinearModel
    from glasscast.models.selection import selection_scores
    from glasscast.report.figures import draw_selection
    from glasscast.report.score_figures import SelectionCurve

    if not isinstance(model, LinearModel) or not model.selection_:
        return
    found = selection_scores(model, test)
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
    curves = [
        SelectionCurve(
            counts=row.counts.tolist(),
            scores=row.test.tolist(),
            label=f"{species_name(row.species)}, t = {row.time:g}",
            names=row.names,
        )
        for row in found
        if row.time == found[-1].time
    ]
    draw_selection(out / "figures", curves)


def refuse_overlap(train_data: Dataset, test: Dataset) -> None:
    """Refuse test data that was trained on.

    Raises
    ------
    SettingsError : naming a configuration that is on both sides.
    """
    seen = {entry.checksum for entry in train_data.entries}
    both = [entry.name for entry in test.entries if entry.checksum in seen]
    if both:
        raise SettingsError(
            f"configuration '{both[0]}' is in the training and the test data; use splits that "
            "do not overlap"
        )
