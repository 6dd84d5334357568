"""Experiment files: one YAML file an experiment, typed, complete, unknown keys refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import Field, model_validator

from glasscast.config import Settings, checked, read
from glasscast.datasets.dataset import SAMPLE, Dataset
from glasscast.errors import SettingsError
from glasscast.evaluation.bonds import JudgedPairs
from glasscast.models.registry import ChosenModel
from glasscast.models.settings import ModelSettings

Kind = TypeVar("Kind", bound=Settings)


def resolved(
    kind: type[Kind], experiment: Kind | Mapping[str, Any] | Path | str, overrides: Sequence[str]
) -> Kind:
    """Return the settings of an experiment or a simulation, however they are given.

    Parameters
    ----------
    experiment : the settings; a YAML file, paths in it seen from it; or keys and values, paths in
        them seen from here.
    overrides : ``key=value`` with dotted keys, on top of a file.

    Raises
    ------
    InputError, SettingsError : naming the file and key that cannot be used.
    """
    if isinstance(experiment, Path | str):
        return read(kind, Path(experiment), overrides)
    if overrides:
        raise SettingsError("overrides are for settings in a file", "overrides")
    if isinstance(experiment, Mapping):
        return checked(kind, experiment).beside(Path.cwd())
    return experiment


#: Between the label of a model and what tells its trainings apart, in names of folders.
MARK = "--"
#: Labels name folders, so they hold nothing a path would trip over.
Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._()^+=-]*$")]


class Data(Settings):
    """Which configurations: dataset folders, joined; a split, some by name or by chance; times."""

    datasets: tuple[Path, ...] = Field(min_length=1, description="dataset folders, joined")
    split: str | None = Field(None, description="named split to take; all when absent")
    configurations: tuple[str, ...] | None = Field(
        None, min_length=1, description="names of those to take; all when absent"
    )
    number: int | None = Field(
        None,
        ge=1,
        description="random configurations to take of each dataset, or of its split; with one "
        "seed fewer are among more",
    )
    seed: int = Field(0, ge=0, description="of that choice")
    times: tuple[float, ...] | None = Field(None, description="times to keep; all when absent")
    stages: Literal["tau_alpha"] | tuple[float, ...] | None = Field(
        None,
        description="rows by stages of relaxation instead of times: `tau_alpha`, multiples of it, "
        "or values of F_s(q, t) to take them at",
    )

    def with_paths(self, change: Callable[[Path], Path]) -> Self:
        """Return the settings with the dataset folders changed.

        ``sample`` stays the bundled one where no folder of that name lies there.
        """
        seen = (p if _is_sample(p, change(p)) else change(p) for p in self.datasets)
        return self.model_copy(update={"datasets": tuple(seen)})

    def open(self) -> Dataset:
        """Open, split and join the datasets, and pick the configurations and times.

        Raises
        ------
        InputError : if a folder is no dataset, or lacks the split, a configuration or a time.
        """
        opened = [Dataset.open(folder) for folder in self.datasets]
        if self.split is not None:
            opened = [dataset.split(self.split) for dataset in opened]
        if self.number is not None:
            opened = [dataset.drawn(self.number, self.seed) for dataset in opened]
        joined = Dataset.join(opened)
        if self.configurations is not None:
            joined = joined.subset(self.configurations)
        joined = joined if self.times is None else joined.at_times(self.times)
        if self.stages is None:
            return joined
        if self.stages == "tau_alpha":
            return joined.in_tau_alpha()
        return joined.at_scattering(self.stages)


def _is_sample(dataset: Path, seen: Path) -> bool:
    """Whether a dataset is the one that comes with the library, nothing lying where it is seen."""
    return dataset == Path(SAMPLE) and not seen.exists()


class Pretraining(Settings):
    """A training whose weights another starts from, on the training configurations of that one."""

    times: tuple[float, ...] | None = Field(
        None, description="that it learns; those of the data when absent"
    )
    model: ChosenModel


class TrainExperiment(Settings):
    """Train one model."""

    train: Data
    copies: Data | None = Field(
        None, description="thermal copies; those of training configurations are trained on too"
    )
    single_runs: Data | None = Field(
        None,
        description="labels of single runs; those that descend from training configurations "
        "are trained on too",
    )
    validation: Data | None = None
    test: Data | None = Field(None, description="scored after training, never trained on")
    watch_test: bool = Field(
        False, description="note loss and correlations of the test data at every epoch as well"
    )
    calibration: Data | None = Field(
        None,
        description="never trained on: teach how far forecasts err; else validation data do, else "
        "what the fit sets aside, else test data, else fits that leave training data out in turn",
    )
    pretraining: Pretraining | None = Field(
        None, description="train weights to start from, on the training configurations alone"
    )
    model: ChosenModel
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _can_start(self) -> TrainExperiment:
        if self.pretraining is not None:
            _refuse_unable("model", self.model)
        return self


class PublishedData(Settings):
    """The published data set whose scores are laid beside ours."""

    dataset: str = Field(description="GlassBench-KA3D, GlassBench-KA2D or Bapst-KA3D")
    temperature: float = Field(gt=0)


class Copies(Data):
    """Thermal copies, and what the models use them for."""

    models: tuple[Label, ...] | None = Field(
        None, description="labels of those trained on them; all when absent"
    )
    averaged: tuple[Label, ...] = Field(
        (), description="labels of those that forecast the mean over a snapshot and its copies"
    )


class SingleRuns(Data):
    """Configurations whose labels are of single runs, and what the models use them for.

    Of each fit only those that descend from its training data are trained on.
    """

    models: tuple[Label, ...] | None = Field(
        None, description="labels of those trained on them beside `data`; all when absent"
    )
    alone: tuple[Label, ...] = Field(
        (), description="labels of those trained on them in place of `data`"
    )


class OtherForecasts(Settings):
    """Forecasts that others made of the scored configurations."""

    files: tuple[Path, ...] = Field(
        min_length=1,
        description="npz files or folders of them: test files of GlassBench with the forecasts of "
        "its models, or label-only files of one model a folder",
    )

    def with_paths(self, change: Callable[[Path], Path]) -> Self:
        """Return the settings with the files changed."""
        return self.model_copy(update={"files": tuple(map(change, self.files))})


class SharedPretraining(Pretraining):
    """A training whose weights models start from, on the training configurations of each fit."""

    models: tuple[Label, ...] = Field(
        min_length=1, description="labels of those that start from its weights"
    )
    each_seed: bool = Field(False, description="one for each of the seeds, not one for all")


class Sweep(Settings):
    """Train models with each of several values of one setting, all else equal."""

    setting: str = Field(
        description="dotted key of the models, such as `node_weight` or `training.epochs`"
    )
    values: tuple[Any, ...] = Field(min_length=1, description="tried one after the other")
    models: tuple[Label, ...] | None = Field(
        None, description="labels of those whose setting it is; all that have it when absent"
    )

    def labels(self, models: Mapping[str, ModelSettings]) -> list[str]:
        """Labels of the models that are swept."""
        chosen = models if self.models is None else self.models
        return [label for label in chosen if self.models or self._has(models[label])]

    def changed(self, settings: ModelSettings, value: Any) -> dict[str, Any]:
        """Return the keys and values of settings with one changed."""
        record = settings.model_dump()
        *parents, last = self.setting.split(".")
        inner = record
        for key in parents:
            inner = inner[key]
        inner[last] = value
        return record

    def _has(self, settings: ModelSettings) -> bool:
        inner: Any = settings
        for key in self.setting.split("."):
            if key not in getattr(type(inner), "model_fields", ()):
                return False
            inner = getattr(inner, key)
        return True

    def refuse_unknown(self, models: Mapping[str, ModelSettings]) -> None:
        """Refuse a setting that a model has not, or a value that it cannot have."""
        labels = self.labels(models)
        if not labels:
            raise ValueError(f"sweep: no model has the setting '{self.setting}'")
        for label in labels:
            if not self._has(models[label]):
                name = models[label].name
                raise ValueError(f"sweep: '{label}' ({name}) has no setting '{self.setting}'")
            for value in self.values:
                try:
                    checked(type(models[label]), self.changed(models[label], value))
                except SettingsError as error:
                    raise ValueError(f"sweep: {value!r} for '{label}': {error}") from None


class BenchmarkExperiment(Settings):
    """Compare models on equal terms: the same configurations, folds and seeds for each.

    With ``test`` every model is trained on ``data`` and scored on ``test``; without it, ``data``
    is cross-validated by configuration.
    """

    data: Data
    copies: Copies | None = Field(
        None,
        description="thermal copies of `data`, trained on or averaged over beside the snapshots",
    )
    single_runs: SingleRuns | None = Field(
        None,
        description="reversed runs or chains that descend from `data`, trained on, never scored",
    )
    test: Data | None = None
    folds: int | Literal["each"] = Field(
        5, description="cross-validation folds; 'each' leaves out one configuration at a time"
    )
    models: dict[Label, ChosenModel] = Field(min_length=1, description="label -> model")
    trained_on: dict[Label, Annotated[int, Field(ge=1)]] = Field(
        {},
        description="label -> random number of configurations of each fit that it is trained on, "
        "fewer among more; all of them when absent",
    )
    training_sizes: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(
        None,
        min_length=1,
        description="also train on only so many configurations in each fit: the learning curve",
    )
    seed: int = Field(0, ge=0)
    seeds: tuple[Annotated[int, Field(ge=0)], ...] | None = Field(
        None,
        min_length=1,
        description="train each model once with each of these, folds staying those of `seed`; "
        "tables then show the median, the worst and the best",
    )
    sweep: Sweep | None = Field(None, description="also train with other values of one setting")
    per_time: bool | tuple[Label, ...] = Field(
        False,
        description="train one network a time, joined into one forecast: all models, or some",
    )
    pretraining: SharedPretraining | None = Field(
        None, description="train weights to start from, on the training configurations alone"
    )
    bonds: JudgedPairs = JudgedPairs()
    forecasts: OtherForecasts | None = Field(
        None, description="of others, scored on the same configurations beside the models"
    )
    watch_test: bool = Field(
        False,
        description="note loss and correlations of the test data at every epoch; they decide "
        "nothing",
    )
    tau_alpha: float | None = Field(None, gt=0, description="marked in figures")
    chi4_threshold: float = Field(
        0.3, gt=0, description="propensity beyond which chi_4 counts a particle as mobile, sigma"
    )
    published: PublishedData | None = Field(
        None, description="lay scores of the literature beside ours, marked as such"
    )

    @model_validator(mode="after")
    def _known_labels(self) -> BenchmarkExperiment:
        copies, runs = self.copies, self.single_runs
        named = {
            "copies": () if copies is None else (*(copies.models or ()), *copies.averaged),
            "single_runs": () if runs is None else (*(runs.models or ()), *runs.alone),
            "sweep": () if self.sweep is None else self.sweep.models or (),
            "pretraining": () if self.pretraining is None else self.pretraining.models,
            "trained_on": tuple(self.trained_on),
            "per_time": () if isinstance(self.per_time, bool) else self.per_time,
        }
        for key, labels in named.items():
            if unknown := set(labels) - set(self.models):
                raise ValueError(f"{key} names '{min(unknown)}', which is not among the models")
        return self

    @model_validator(mode="after")
    def _can_be_carried_out(self) -> BenchmarkExperiment:
        marked = [label for label in self.models if MARK in label]
        if marked:
            raise ValueError(f"models: the label '{marked[0]}' holds '{MARK}'; choose another")
        if self.trained_on and self.training_sizes is not None:
            raise ValueError("trained_on and training_sizes: a model has one or the other")
        if self.seeds is not None and len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds: each once")
        if self.sweep is not None:
            self.sweep.refuse_unknown(self.models)
        if self.pretraining is not None:
            for label in self.pretraining.models:
                _refuse_unable(label, self.models[label])
        return self

    def takes_times_apart(self, label: str) -> bool:
        """Whether a model is trained once a time."""
        return self.per_time if isinstance(self.per_time, bool) else label in self.per_time


def _refuse_unable(label: str, settings: ModelSettings) -> None:
    """Refuse a model that cannot start from weights, or has others to start from."""
    if "initial_weights" not in type(settings).model_fields:
        raise ValueError(f"pretraining: '{label}' is a '{settings.name}', which starts from none")
    if settings.files.get("initial_weights") is not None:
        raise ValueError(f"pretraining: '{label}' has 'initial_weights' already; leave one of them")


class TransferPoint(Settings):
    """Training and test data of one temperature, or of one liquid."""

    train: Data
    test: Data


class TransferExperiment(Settings):
    """Train at some state points, score at all, to see how far what was learnt carries.

    Rows are matched by the stages of relaxation that they are, where all data go by the same;
    times by their order, so each state point must have as many.
    """

    renamed: ClassVar[Mapping[str, str]] = {"states": "state_points"}

    state_points: dict[Label, TransferPoint] = Field(min_length=2, description="label -> data")
    trainings: tuple[tuple[Label, ...], ...] | None = Field(
        None, description="state points trained on together; default: each alone, then all"
    )
    stages: tuple[float, ...] | None = Field(
        None, description="numbers for the matched times, such as t / tau_alpha; default 1, 2, .."
    )
    models: dict[Label, ChosenModel] = Field(min_length=1, description="label -> model")
    trained_on: dict[Label, Annotated[int, Field(ge=1)]] = Field(
        {},
        description="label -> random number of configurations of each state point that it is "
        "trained on, fewer among more; all of them when absent",
    )
    published: str | None = Field(
        None,
        description="data set whose published transfers are laid beside ours: GlassBench-KA3D",
    )
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _known_state_points(self) -> TransferExperiment:
        named = {name for group in self.trainings or () for name in group}
        unknown = named - set(self.state_points)
        if unknown:
            raise ValueError(f"trainings names '{min(unknown)}', not among the state points")
        if any(not group for group in self.trainings or ()):
            raise ValueError("trainings: each must name at least one state point")
        if strange := set(self.trained_on) - set(self.models):
            raise ValueError(f"trained_on names '{min(strange)}', which is not among the models")
        return self
