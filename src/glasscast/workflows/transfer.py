"""Transfer: models trained at some state points, scored at all of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from glasscast.datasets.dataset import Dataset
from glasscast.errors import SettingsError
from glasscast.evaluation.published import PublishedScore, published_transfers
from glasscast.evaluation.score_table import Score, ScoreTable
from glasscast.evaluation.scores import Evaluation
from glasscast.progress import task
from glasscast.report.comparison_figures import TransferAxes, transfer_figures
from glasscast.report.page import Page
from glasscast.report.sections import (
    data_section,
    headline,
    limit_section,
    provenance_section,
    published_transfer_section,
    score_section,
    summary_section,
)
from glasscast.runtime import Workspace
from glasscast.workflows.data_roles import refuse_overlap
from glasscast.workflows.experiment_folder import ExperimentFolder, place, refuse_absent_files
from glasscast.workflows.experiments import TransferExperiment, resolved
from glasscast.workflows.fits import Fit, carry_out, read_forecasts

ALL = "all"


@dataclass(frozen=True)
class Training:
    """State points that are trained on together, and the forecasts asked of the result."""

    name: str
    state_points: tuple[str, ...]
    fit: Fit


@dataclass(frozen=True)
class _Literature:
    """What others reached between the state points of an experiment.

    Parameters
    ----------
    scores : of A particles, pooled.
    drawn : those between two of the state points, as rows of a figure: the model reads
        ``model (published)/trained on``.
    """

    scores: tuple[PublishedScore, ...] = ()
    drawn: ScoreTable = field(default_factory=ScoreTable)

    @classmethod
    def of(cls, experiment: TransferExperiment) -> Self:
        """Find what the experiment asks for.

        Raises
        ------
        SettingsError : if no transfer was published on that data set.
        """
        if experiment.published is None:
            return cls()
        tests = {name: point.test.open() for name, point in experiment.state_points.items()}
        known = {
            name: (test.state_point.temperature, test.times if test.stages.by == "time" else [])
            for name, test in tests.items()
        }
        told = {name: (t, times) for name, (t, times) in known.items() if t is not None}
        scores = published_transfers(experiment.published, told.values())
        rows = []
        for tested, (temperature, times) in told.items():
            stages = experiment.stages or tuple(float(k) for k in range(1, len(times) + 1))
            for score in scores:
                homes = [n for n, (t, _) in told.items() if score.trained_at == t]
                for stage, time in zip(stages, times, strict=False):
                    if homes and score.temperature == temperature and score.is_at(time):
                        rows.append(_drawn(score, homes[0], tested, stage))
        return cls(tuple(scores), ScoreTable(tuple(rows)))


def _drawn(score: PublishedScore, trained: str, tested: str, stage: float) -> Score:
    return Score(
        model=f"{score.model} (published)/{trained}",
        dataset=tested,
        target="propensity",
        species="A",
        time=stage,
        metric="pearson_pooled",
        value=score.value,
        low=math.nan,
        high=math.nan,
        ceiling=math.nan,
        share=math.nan,
        n_configurations=0,
        n_particles=0,
    )


def transfer(
    experiment: TransferExperiment | Mapping[str, Any] | Path | str,
    out: Path | str | None = None,
    *,
    overrides: Sequence[str] = (),
    workspace: Workspace | None = None,
) -> ScoreTable:
    """Train every model on every combination of state points and score it at each of them.

    Figures 5 and 6 of the EIGNN paper, for any model; with ``published`` beside what others
    reached. Forecasts are kept, so a killed one goes on where it stopped.

    Parameters
    ----------
    experiment : state points, combinations, models: settings, keys and values, or a YAML file.
    out : folder of the experiment; gets ``forecasts/``, the scores and ``report.html``. Without
        it nothing is kept.
    overrides : ``key=value`` with dotted keys, on top of a file.

    Returns
    -------
    Scores; the model column reads ``model/trained on``, the dataset column the state point tested.

    Raises
    ------
    SettingsError : if the state points differ in their number of times, or share configurations
        between training and test.
    InputError : if a file that the settings name is absent.
    """
    settings = resolved(TransferExperiment, experiment, overrides)
    with place(out, "transfer") as folder:
        return _transfer(settings, folder, workspace or Workspace())


def _transfer(experiment: TransferExperiment, out: Path, workspace: Workspace) -> ScoreTable:
    points = _state_points(experiment)
    literature = _Literature.of(experiment)
    tests = {name: test for name, (_, test) in points.items()}
    trainings = list(_trainings(experiment, points))
    refuse_absent_files(*experiment.models.values())
    folder = ExperimentFolder(out, experiment)
    with folder.logging():
        for label, settings in experiment.models.items():
            with task(workspace.progress, f"transfer {label}", len(trainings)) as progress:
                for training in trainings:
                    name = f"{label}--{training.name}"
                    fit = _fit_of(label, training, points, experiment)
                    carry_out(fit, name, settings, experiment.seed, out, workspace)
                    progress.advance(label)
        table = _score(experiment, trainings, tests, out)
        for suffix in ("json", "csv", "md", "tex"):
            table.write(out / f"scores.{suffix}")
        folder.finish({"seed": experiment.seed, "trainings": [t.name for t in trainings]})
    _report(experiment, trainings, table, literature, out)
    return table


def _fit_of(
    label: str,
    training: Training,
    points: Mapping[str, tuple[Dataset, Dataset]],
    experiment: TransferExperiment,
) -> Fit:
    """Return the fit of a training with as many configurations as a model is to have."""
    number = experiment.trained_on.get(label)
    if number is None:
        return training.fit
    drawn = [points[name][0].drawn(number, experiment.seed) for name in training.state_points]
    return replace(training.fit, train=Dataset.join(drawn))


def _state_points(experiment: TransferExperiment) -> dict[str, tuple[Dataset, Dataset]]:
    """Training and test data of each state point, their rows the same stages.

    They are those of the data, where all go by the same; times are numbered alike.
    """
    opened = {
        name: (point.train.open(), point.test.open())
        for name, point in experiment.state_points.items()
    }
    first = next(iter(opened.values()))[0].stages
    alike = all(data.stages.same_rows(first) for sides in opened.values() for data in sides)
    if experiment.stages is None and first.by != "time" and alike:
        for train, test in opened.values():
            refuse_overlap(train, test)
        return {
            name: (replace(train, name=name), replace(test, name=name))
            for name, (train, test) in opened.items()
        }
    counts = {name: len(train.times) for name, (train, _) in opened.items()}
    wanted = len(experiment.stages) if experiment.stages else next(iter(counts.values()))
    for name, count in counts.items():
        if count != wanted:
            raise SettingsError(
                f"'{name}' has {count} times, not {wanted}: times are matched by their order, so "
                "choose as many at each state point with 'times'"
            )
    stages = experiment.stages or tuple(float(k) for k in range(1, wanted + 1))
    staged = {}
    for name, (train, test) in opened.items():
        refuse_overlap(train, test)
        # Datasets may have names in common; the labels of the state points are unique.
        staged[name] = (
            replace(train.at_stages(stages), name=name),
            replace(test.at_stages(stages), name=name),
        )
    return staged


def _trainings(
    experiment: TransferExperiment, points: dict[str, tuple[Dataset, Dataset]]
) -> Iterator[Training]:
    """Yield the combinations of state points, each with all test data."""
    alone = tuple((name,) for name in points)
    groups = experiment.trainings or (*alone, tuple(points))
    test = Dataset.join([test for _, test in points.values()])
    for number, group in enumerate(groups):
        train = Dataset.join([points[name][0] for name in group])
        everything = len(group) > 1 and set(group) == set(points)
        yield Training(ALL if everything else "+".join(group), group, Fit(number, train, test))


def _score(
    experiment: TransferExperiment,
    trainings: list[Training],
    tests: dict[str, Dataset],
    out: Path,
) -> ScoreTable:
    table, before = ScoreTable(), 0
    for name, test in tests.items():
        evaluation = Evaluation(name, seed=experiment.seed)
        after = before + len(test)
        for label in experiment.models:
            for training in trainings:
                mine = training.fit.test[before:after]
                for forecast in read_forecasts(out, f"{label}--{training.name}", mine):
                    renamed = replace(forecast, model=f"{label}/{training.name}")
                    evaluation.add(renamed, forecast.configuration)
        table, before = table + evaluation.table(), after
    return table


def _report(
    experiment: TransferExperiment,
    trainings: list[Training],
    table: ScoreTable,
    literature: _Literature,
    out: Path,
) -> None:
    names = [training.name for training in trainings]
    order = TransferAxes(list(experiment.models), names, list(experiment.state_points))
    summary = (
        f"{', '.join(experiment.models)}, trained on {', '.join(names)}; scored on unseen "
        f"configurations of {', '.join(experiment.state_points)}. Times are stages of "
        "relaxation, matched by their order."
    )
    used = {f"training configurations, {t.name}": len(t.fit.train) for t in trainings}
    page = Page(
        "Transfer between state points",
        [
            summary_section(summary, table),
            data_section(used),
            score_section(table, transfer_figures(table, order, literature.drawn)),
            published_transfer_section(literature.scores),
            limit_section(table),
            provenance_section(experiment.without_folders().model_dump(mode="json")),
        ],
        headline(table),
    )
    page.write(out)
