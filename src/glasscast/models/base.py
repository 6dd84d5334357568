"""The one face of every model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.identity import Identity
from glasscast.datasets.metadata import Equilibrium
from glasscast.datasets.records import EquilibriumField
from glasscast.datasets.stages import Stages
from glasscast.datasets.state_points import Range, StatePoint, merged, times_of_stages
from glasscast.datasets.times import listed
from glasscast.errors import InputError, ModelError, ShapeError
from glasscast.liquid.definition import side_by_side
from glasscast.liquid.interactions import species_name
from glasscast.models.files import equilibrium, read_others, read_record, trained_on
from glasscast.models.forecast import ModelForecast
from glasscast.models.identity import fit_identity
from glasscast.models.limits import Limits
from glasscast.models.selection import SelectionScores
from glasscast.models.settings import ModelSettings
from glasscast.models.uncertainty import Uncertainty
from glasscast.runtime import Workspace, check_device
from glasscast.training.label_weights import UNKNOWN, runs_of


class Model(ABC):
    """Fit on configurations, predict one, save and load; the same for ridge and GNN.

    The constructor only stores; ``fit`` learns. Models see configurations, never files of data.

    Attributes
    ----------
    dimensions : dimensions of space the model can work in.
    settings_class : class of its settings.
    settings : what it was made with.
    workspace : threads, and results shared with other models of the run.
    species_ : species seen in training; set by ``fit``.
    species_names_ : names of species 0, 1, ...; set by ``fit``.
    stages_ : what the rows of the labels in training were; set by ``fit``.
    dimension_ : of the training configurations; set by ``fit``.
    state_points_ : liquids, temperatures, densities, mixtures trained on, and the times that the
        stages had there; set by ``fit``, empty where they were not recorded.
    equilibrium_ : how the equilibrium positions that it read in training were made, as far as that
        was recorded; set by ``fit``.
    trained_on_ : name and SHA-256 of all that was read, and the hash of what the fit depended on;
        set by ``fit``, empty where it was not recorded.
    labels_ : by kind of configuration, how many were learned from, and the fewest and most runs
        behind their labels; set by ``fit``.
    set_aside_ : names of configurations that the fit kept for validation; set by ``fit``.
    uncertainty_ : how far forecasts err, learned from configurations not fitted on; see
        :func:`glasscast.workflows.calibrate.calibrate`. None where nothing was learned.
    limits_ : what was trained on, to tell what is unlike it; None where it was not looked at.
    """

    dimensions: ClassVar[tuple[int, ...]] = (2, 3)
    settings_class: ClassVar[type[ModelSettings]]

    species_: tuple[int, ...]
    species_names_: tuple[str, ...]
    stages_: Stages
    dimension_: int
    state_points_: tuple[StatePoint, ...] = ()
    equilibrium_: Mapping[EquilibriumField, Equilibrium] = {}
    trained_on_: Mapping[str, Any] = {}
    labels_: Mapping[str, Mapping[str, Any]] = {}
    set_aside_: tuple[str, ...] = ()
    uncertainty_: Uncertainty | None = None
    limits_: Limits | None = None
    _watched: Sequence[Configuration] = ()

    def __init__(self, settings: ModelSettings, workspace: Workspace | None = None) -> None:
        self.settings = settings
        self.workspace = workspace or Workspace()

    def __repr__(self) -> str:
        if not hasattr(self, "stages_"):
            return f"{type(self).__name__}(not fitted)"
        species = " ".join(self.species_names_[s] for s in self.species_)
        values = listed(self.stages_.values)
        points = "; ".join(map(str, self.state_points_)) or "state point not recorded"
        rows = f"{self.stages_.quantity} = {values}"
        return (
            f"{type(self).__name__}({self.settings.target} of {species} at {rows}, "
            f"{self.parameter_count()} parameters, trained on {points})"
        )

    @property
    def name(self) -> str:
        """Key of the model in the registry."""
        return self.settings.name

    @property
    def times_(self) -> NDArray[np.float64]:
        """Times of the rows of a forecast, or values of its stages: (T,)."""
        return np.array(self.stages_.values, dtype=np.float64)

    @abstractmethod
    def fit(
        self,
        train: Sequence[Configuration],
        validation: Sequence[Configuration] = (),
        *,
        seed: int = 0,
        checkpoint: Path | None = None,
    ) -> Self:
        """Learn from labelled configurations.

        Parameters
        ----------
        train, validation : labelled at the same times. A model that needs validation data and
            gets none splits it off the training configurations itself.
        seed : of everything random.
        checkpoint : file that holds the state of an unfinished fit; when it exists and belongs
            to this fit, the work goes on from there, with the identical result. One of a fit
            that differs in settings, seed, version or anything read is not taken up; the log
            says in what.

        Raises
        ------
        InputError : if the checkpoint is none, or a file that the settings name is absent.
        ModelError : if the configurations have no labels, differ in times, or have a dimension
            the model cannot work in.
        """

    @abstractmethod
    def predict(self, configuration: Configuration) -> ModelForecast:
        """Forecast every particle of one snapshot; its labels, if any, are not looked at.

        The values alone: :meth:`predict_mean` says how sure they are.

        Raises
        ------
        ModelError : if the model is not fitted, or a species or dimension is new to it.
        """

    def identify(
        self, train: Sequence[Configuration], validation: Sequence[Configuration], seed: int
    ) -> Identity:
        """Say what a fit depends on, and note it for the record of the model; see :meth:`fit`."""
        identity = fit_identity(self.settings, seed, train, validation)
        self.trained_on_, self.labels_ = identity.record(), {}
        return identity

    def predict_mean(self, snapshots: Iterable[Configuration], since: float = 0.0) -> ModelForecast:
        """Forecast the first snapshot by the mean over all, thermal copies of it, without pairs.

        The vibrations, which say little of the motion at long times, average out. Times before
        ``since``, and stages whose times are not known, are forecast from the first snapshot alone.
        The uncertainty is that of one snapshot, which a mean over several should not exceed; it is
        not known where nothing was learned of it.
        """
        return self._mean([self.predict(snapshot) for snapshot in snapshots], since)

    def predict_each(self, groups: Sequence[Sequence[Configuration]]) -> list[ModelForecast]:
        """Forecast several snapshots, each with its thermal copies; see :meth:`predict_mean`.

        One after the other, unless the settings ask for more together.
        """
        return [self.predict_mean(group) for group in groups]

    def _mean(self, forecasts: Sequence[ModelForecast], since: float = 0.0) -> ModelForecast:
        """Make the forecast of a snapshot of those of it and its copies."""
        first = forecasts[0]
        if len(forecasts) > 1:
            values = np.array([f.values for f in forecasts], dtype=np.float64)
            late = self._since(first, since)[:, None]
            mean = np.where(late, values.mean(axis=0), first.values).astype(np.float32)
            spread = np.where(late, values.std(axis=0, ddof=1), np.nan).astype(np.float32)
            first = replace(first, values=mean, spread=spread, bonds=None, bond_change=None)
        if self.uncertainty_ is None:
            return first
        return replace(first, uncertainty=self.uncertainty_.of(first))

    def _since(self, forecast: ModelForecast, time: float) -> NDArray[np.bool_]:
        """Whether each row is of a time or later, as far as times of stages are known: (T,)."""
        spans: Sequence[Range | None] = forecast.stages.spans
        if forecast.stages.by != "time":
            point = forecast.configuration.state_point
            spans = times_of_stages(self.state_points_, point) or spans
        return np.array([s is not None and s[0] >= time * (1 - 1e-9) for s in spans], dtype=bool)

    def watch(self, configurations: Sequence[Configuration]) -> None:
        """Follow loss and correlations of some configurations while a fit goes on.

        They decide nothing. A model that learns at one stroke has nothing to follow.
        """
        self._watched = configurations

    def selected(self, test: Iterable[Configuration]) -> list[SelectionScores]:
        """Score the descriptors that the fit chose on test configurations; empty if it chose none.

        Parameters
        ----------
        test : labelled configurations.
        """
        return []

    def move(self, device: str) -> None:
        """Forecast on ``auto``, ``cpu`` or ``cuda``; what is no network works on the CPU anyway.

        Raises
        ------
        SettingsError : if there is no such device.
        """
        check_device(device)

    def parameter_count(self) -> int:
        """Numbers learned in ``fit``; none unless a model says otherwise."""
        return 0

    def structure_of(self, configuration: Configuration, field: str) -> NDArray[np.float64]:
        """Positions (N, d) in one of the fields ``positions``, ``inherent``, ``cage``.

        Raises
        ------
        ModelError : if the configuration lacks them.
        """
        try:
            return configuration.structure(field)
        except ShapeError as error:
            raise ModelError(str(error)) from None

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write ``weights.safetensors`` and then ``model.json`` into a folder, atomically."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, workspace: Workspace | None = None) -> Self:
        """Read what :meth:`save` wrote; nothing in the files is executed.

        Raises
        ------
        InputError : naming the file and key that cannot be used.
        """

    @classmethod
    def read_own_record(cls, folder: Path) -> dict[str, Any]:
        """Read the record of a saved model of this class.

        Raises
        ------
        InputError : if the folder holds no model, or another one.
        """
        record, name = read_record(folder), cls.settings_class.model_fields["name"].default
        if record.get("model") != name:
            raise InputError(folder, f"holds a '{record.get('model')}', not a '{name}'")
        read_others(folder, record)
        return record

    def other_files(self) -> dict[str, bytes]:
        """Return what is saved because a forecast reads it, besides the weights: a liquid's file.

        The settings of a saved model name files by their names; those that are here lie beside.
        """
        liquid = self.settings.files.get("liquid")
        return {} if liquid is None else side_by_side(liquid)

    def common_record(self) -> dict[str, Any]:
        """Return what the record of every saved model begins with, as JSON values."""
        return {
            "model": self.name,
            "hyperparameters": self.settings.without_folders().model_dump(mode="json"),
            "dimension": self.dimension_,
            "species": list(self.species_names_),
            "stages": self.stages_.model_dump(mode="json", exclude_none=True),
            "state_points": [point.record() for point in self.state_points_],
            "reads": self._reads(),
            "trained_on": {
                **self.trained_on_,
                **({"labels": self.labels_} if self.labels_ else {}),
            },
            **self.worth(),
        }

    def worth(self) -> dict[str, Any]:
        """Return what was learned of errors and limits, as JSON values; nothing if nothing was."""
        told: dict[str, Uncertainty | Limits | None]
        told = {"uncertainty": self.uncertainty_, "limits": self.limits_}
        return {key: value.record() for key, value in told.items() if value is not None}

    def restore_common(self, record: dict[str, Any]) -> None:
        """Take up what :meth:`common_record` gave; upgraded records of old tell less.

        Raises
        ------
        KeyError, ValueError, TypeError : if it cannot be.
        """
        self.dimension_ = int(record["dimension"])
        points = record["state_points"]
        self.state_points_ = tuple(StatePoint.from_record(point) for point in points)
        self._name_species(tuple(map(str, record["species"])))
        self.stages_ = Stages(**record["stages"])
        self.equilibrium_ = equilibrium(record)
        self.trained_on_ = trained_on(record)
        if "uncertainty" in record:
            self.uncertainty_ = Uncertainty.from_record(record["uncertainty"])
        if "limits" in record:
            self.limits_ = Limits.from_record(record["limits"])

    def _name_species(self, names: tuple[str, ...]) -> None:
        """Take the names of species 0, 1, ...; those that no training had are not forecast."""
        there = {
            s for p in self.state_points_ for s, (_, most) in enumerate(p.composition) if most > 0
        }
        self.species_names_ = names
        self.species_ = tuple(sorted(there)) or tuple(range(len(names)))

    def check_labels(
        self, configuration: Configuration, *, whole: bool = True
    ) -> NDArray[np.float32]:
        """Labels (T, N) of a training configuration, once sure that it suits the others.

        The first configuration seen sets species, rows, dimension and kinds of equilibrium
        positions; each adds to the state points.

        Parameters
        ----------
        whole : whether the model needs labels at every time; else rows without any are NaN.

        Raises
        ------
        ModelError : if the target is missing or the configuration differs from the first.
        """
        labels = self._labels(configuration, whole)
        if not hasattr(self, "stages_"):
            if configuration.dimension not in self.dimensions:
                known = " or ".join(str(d) for d in self.dimensions)
                raise ModelError(
                    f"{self.name} works in {known} dimensions, not in the "
                    f"{configuration.dimension} of {configuration.name}"
                )
            self.species_ = configuration.species
            self.species_names_ = configuration.species_names
            self.stages_ = configuration.stages
            self.dimension_ = configuration.dimension
            self.state_points_, self.equilibrium_ = (), {}
        self._check_rows(configuration)
        self.check_structure(configuration)
        times = tuple(None if np.isnan(t) else (t, t) for t in configuration.times.tolist())
        point = replace(configuration.state_point, times=times)
        self.state_points_ = merged([*self.state_points_, point])
        self._note_equilibrium(configuration)
        self._note_runs(configuration)
        return labels

    def _note_runs(self, configuration: Configuration) -> None:
        """Count configurations by kind, and note the fewest and most runs behind their labels."""
        runs = [r for r in runs_of(configuration, self.settings.target) if r not in (0, UNKNOWN)]
        kind = configuration.metadata.origin.kind
        told = self.labels_.get(kind, {"configurations": 0})
        many = [n for n in (*runs, *told.get("runs", ())) if n]
        found = {"configurations": told["configurations"] + 1}
        found |= {"runs": (min(many), max(many))} if many else {}
        self.labels_ = {**self.labels_, kind: found}

    def _note_equilibrium(self, configuration: Configuration) -> None:
        """Remember how equilibrium positions were made; numbers that differ are not known.

        Raises
        ------
        ModelError : if they were made in another way than those of the configurations before.
        """
        told = configuration.metadata.equilibrium
        made = {key: told[key] for key in self.settings.equilibrium_positions if key in told}
        for key, how in made.items():
            before = self.equilibrium_.get(key, how)
            if before.by != how.by:
                raise ModelError(
                    f"the '{key}' positions of {configuration.name} were made otherwise ({how}) "
                    f"than those of the configurations before it ({before})"
                )
            made[key] = before.common(how)
        self.equilibrium_ = {**self.equilibrium_, **made}

    def _reads(self) -> dict[str, Any]:
        return {
            key: self.equilibrium_[key].to_json() if key in self.equilibrium_ else {}
            for key in self.settings.equilibrium_positions
        }

    def labels_to_score(self, configuration: Configuration) -> NDArray[np.float32]:
        """Labels (T, N) of a configuration that the fitted model is tried on.

        Raises
        ------
        ModelError : if the target is missing, times differ, or the snapshot does not suit.
        """
        labels = self._labels(configuration)
        self.check_structure(configuration)
        self._check_rows(configuration)
        return labels

    def _labels(self, configuration: Configuration, whole: bool = True) -> NDArray[np.float32]:
        target = self.settings.target
        labels: NDArray[np.float32] | None = getattr(configuration, target)
        if labels is None or len(labels) == 0:
            raise ModelError(
                f"{configuration.name} has no '{target}' to learn from; import trajectories or "
                "labels, or simulate an ensemble"
            )
        known = configuration.known_rows(target)
        if not known.all() and (whole or not known.any()):
            raise ModelError(
                f"{configuration.name} has no '{target}' at "
                f"{configuration.stages.text(int(np.argmin(known)))}; choose times at which all "
                "configurations have it ('times:' of an experiment)"
            )
        return labels

    def _check_rows(self, configuration: Configuration) -> None:
        mine, theirs = self.stages_, configuration.stages
        if not mine.same_rows(theirs):
            raise ModelError(
                f"{configuration.name} has labels at {theirs.quantity} = {list(theirs.values)}, "
                f"the configurations before it at {mine.quantity} = {list(mine.values)}"
            )

    def check_structure(self, configuration: Configuration) -> None:
        """Refuse a snapshot the fitted model knows nothing about.

        Raises
        ------
        ModelError : if the model is not fitted, or a species or the dimension is new to it.
        """
        if not hasattr(self, "stages_"):
            raise ModelError(f"this {self.name} is not fitted; call fit or load first")
        if configuration.dimension != self.dimension_:
            raise ModelError(
                f"{configuration.name} has {configuration.dimension} dimensions, the model was "
                f"trained in {self.dimension_}"
            )
        unknown = set(configuration.species) - set(self.species_)
        if unknown:
            known = ", ".join(species_name(s) for s in self.species_)
            raise ModelError(
                f"{configuration.name} holds species {species_name(min(unknown))}, unknown to the "
                f"model, which was trained on {known}"
            )
