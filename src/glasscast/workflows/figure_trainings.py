"""The trainings behind figures: shared between them, done by the benchmark engine."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from glasscast.config import checked
from glasscast.datasets.files import sha256
from glasscast.errors import SettingsError
from glasscast.models.forecast import ModelForecast
from glasscast.models.registry import build, settings_class
from glasscast.models.selection import SelectionScores
from glasscast.models.settings import ModelSettings
from glasscast.recipes.material import Point, Trained
from glasscast.recipes.trainings import Scale, Start, all_trainings, model_settings
from glasscast.runtime import Workspace
from glasscast.workflows.experiment_folder import refuse_absent_files
from glasscast.workflows.experiments import BenchmarkExperiment, Data, SharedPretraining
from glasscast.workflows.fits import Fit, history_of
from glasscast.workflows.variants import Trainings, Variant

_SEED = 0
#: Relaxation time of the state point that the papers count times by, T = 0.44.
_RELAXATION = 4120.0


@dataclass(eq=False)
class Bench:
    """Makes forecasts when they are first asked for, and keeps them for the other figures.

    Parameters
    ----------
    out : folder of the trainings.
    scale : whose settings they have.
    workspace : threads and progress.
    """

    out: Path
    scale: Scale
    workspace: Workspace
    _selections: dict[tuple[str, int], list[SelectionScores]] = field(default_factory=dict)
    _forecasts: dict[tuple[str, str, str], list[list[ModelForecast]]] = field(default_factory=dict)

    def settings(self, training: str) -> ModelSettings:
        """Return the settings of a training's model."""
        return model_settings(training, self.scale)

    def label(self, training: str, at: Point) -> str:
        """Folder of a training: of what decides it, so that equal ones are shared."""
        chosen = self.settings(training)
        settings = chosen.model_dump(mode="json", exclude_defaults=True)
        pretrained = self.scale == "paper" and all_trainings().trainings[training].pretrained
        content = json.dumps([settings, at.train.name, at.train.names, at.train.times])
        content += " pretrained" * pretrained
        return f"{chosen.name}-{sha256(content.encode())[:12]}"

    def trainings(self, training: str, at: Point, on: Point) -> tuple[Trainings, Variant]:
        """Say to the benchmark engine what a training is."""
        known = all_trainings()
        scale, named = known.scales[self.scale], known.trainings[training]
        settings, label = self.settings(training), self.label(training, at)
        count = scale.seeds.get(settings.name, 1)
        start = scale.pretraining if named.pretrained else None
        experiment = BenchmarkExperiment(
            data=Data(datasets=at.folders),
            models={label: settings},
            seed=_SEED,
            seeds=None if count == 1 else tuple(range(count)),
            per_time=settings.name in scale.per_time,
            pretraining=None if start is None else self._pretraining(start, at, label),
            watch_test=training in known.watched,
        )
        fit = Fit(0, at.train, on.test)
        return Trainings(experiment, [fit], self.out), Variant(label, settings)

    def _pretraining(self, start: Start, at: Point, label: str) -> SharedPretraining:
        moment = at.at(start.time, _RELAXATION)
        if moment is None:
            raise SettingsError(
                f"the paper's pretraining learns t = {start.time:g}; {at.name} has no such time",
                "data",
            )
        settings = checked(settings_class(str(start.model["name"])), start.model)
        return SharedPretraining(times=(moment.time,), model=settings, models=(label,))

    def repeats(self, training: str, at: Point, on: Point) -> list[list[ModelForecast]]:
        """Forecasts of the test configurations of a state point, once a seed."""
        key = (self.label(training, at), at.name, on.name)
        if key not in self._forecasts:
            refuse_absent_files(self.settings(training))
            self.out.mkdir(parents=True, exist_ok=True)
            work, variant = self.trainings(training, at, on)
            work.carry_out([variant], self.workspace)
            self._forecasts[key] = [
                list(work.forecasts(variant, seed, on.test)) for seed in work.seeds
            ]
        return self._forecasts[key]

    def trained(self, training: str, at: Point) -> Trained:
        """Cost of a training, and its history; of the first, where there are several."""
        self.repeats(training, at, at)
        work, variant = self.trainings(training, at, at)
        first = work.of(variant, work.seeds[0])[0]
        fit = Fit(0, at.train, at.test)
        return Trained(work.cost(variant), tuple(history_of(self.out, first.name, fit)))

    def selection(self, training: str, at: Point, row: int) -> list[SelectionScores]:
        """Descriptors chosen one by one at one time, with the scores of the first few."""
        key = (self.label(training, at), row)
        if key not in self._selections:
            time = [float(at.times[row])]
            model = build(self.settings(training), self.workspace)
            model.fit(at.train.at_times(time), seed=_SEED)
            self._selections[key] = model.selected(at.test.at_times(time))
        return self._selections[key]
