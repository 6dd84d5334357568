"""Linear models: ridge regression per species and time on any descriptors."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.identity import Identity, Input
from glasscast.datasets.splits import fold_indices, groups_to_choose_by, kinds_of
from glasscast.errors import ModelError
from glasscast.models.linear_forecast import LinearForecaster
from glasscast.models.moment_sums import MomentSums
from glasscast.models.ridge import (
    RidgeMoments,
    Selection,
    choose_penalty,
    forward_selection,
    ridge_path,
)
from glasscast.models.selection import SelectionScores, score_first
from glasscast.models.settings import RidgeSettings
from glasscast.models.weighted_ridge import weigh
from glasscast.progress import track
from glasscast.training.label_weights import Runs, runs_of

#: Moments of parts are kept for other fits while they take no more than this part of the memory of
#: the workspace.
_SHARED = 4


class LinearModel(LinearForecaster):
    """Ridge regression of the target on a table of descriptors, one fit a species and time.

    Training streams: each configuration adds to the moments of its family, or its cross-validation
    fold, and is forgotten. The penalty is the one with the least held-out residual variance.

    Attributes
    ----------
    selection_ : per species and time the descriptors taken in order, when ``select`` is set.
    moments_ : of the training data per species and time, kept when ``select`` is set; not saved.
    label_weights_ : per species and time what labels weigh by the number of runs behind them.
    """

    settings: RidgeSettings
    settings_class: ClassVar[type[RidgeSettings]]
    selection_: dict[tuple[int, int], Selection]
    moments_: dict[tuple[int, int], RidgeMoments]
    label_weights_: dict[tuple[int, int], dict[int, float]]

    def fit(
        self,
        train: Sequence[Configuration],
        validation: Sequence[Configuration] = (),
        *,
        seed: int = 0,
        checkpoint: Path | None = None,
    ) -> Self:
        """Choose the penalty by cross-validation over configurations, then fit on all of them.

        Raises
        ------
        ModelError : if labels are missing or differ in times, or there is one configuration
            only and more than one penalty to choose from.
        InputError : if the checkpoint is none.
        """
        identity = self.identify(train, validation, seed)
        folds = self._fold_moments(train, seed, identity, checkpoint)
        shape = (len(self.species_), len(self.times_))
        count = len(self.feature_names())
        self.weights_ = np.zeros((shape[0], count, shape[1]))
        self.intercept_, self.penalty_ = np.zeros(shape), np.zeros(shape)
        self.selection_, self.moments_, self.label_weights_ = {}, {}, {}
        for s, of_species in enumerate(folds):
            for weighed in weigh(of_species, self.settings.penalties, self.settings.label_noise):
                self.label_weights_ |= {(s, int(t)): weighed.weights for t in weighed.rows}
                if self.settings.select is None:
                    self._fit_species(s, weighed.folds, np.arange(count), weighed.rows)
                    continue
                total = reduce(add, weighed.folds)
                for t in weighed.rows.tolist():
                    self.moments_[s, t] = total
                    chosen = forward_selection(
                        total, t, self.settings.select, self.settings.least_gain
                    )
                    self.selection_[s, t] = chosen
                    self._fit_species(s, weighed.folds, chosen.indices, np.array([t]))
        if checkpoint is not None:
            checkpoint.unlink(missing_ok=True)
        return self

    def _fit_species(
        self, s: int, folds: list[RidgeMoments], keep: NDArray[np.int64], times: NDArray[np.int64]
    ) -> None:
        """Fill weights of one species for some times with some of the descriptors."""
        penalties = self.settings.penalties
        narrowed = [fold.columns(keep) for fold in folds]
        best = np.zeros(len(self.times_), dtype=np.int64)
        if len(penalties) > 1:
            best, _ = choose_penalty(narrowed, penalties)
        total = reduce(add, narrowed)
        path = ridge_path(total, penalties)
        for t in times:
            weights = path[best[t], :, t]
            self.penalty_[s, t] = penalties[best[t]]
            self.weights_[s, keep, t] = weights
            self.intercept_[s, t] = (total.y[t] - total.x @ weights) / total.count

    def _fold_moments(
        self, train: Sequence[Configuration], seed: int, identity: Identity, checkpoint: Path | None
    ) -> list[list[dict[Runs, RidgeMoments]]]:
        """Moments by species, fold and runs of the labels; goes on from what is gathered."""
        parents = groups_to_choose_by(train, self.settings.folds)
        count = min(self.settings.folds, len(set(parents)))
        if count < 2 and len(self.settings.penalties) > 1:
            raise ModelError(
                "one training configuration cannot choose between penalties; "
                "add configurations or set a single penalty"
            )
        members = fold_indices(parents, count, seed) if count > 1 else [list(range(len(train)))]
        self.state_points_, self.equilibrium_, target = (), {}, self.settings.target
        sums: MomentSums | None = None
        reading = track(self.workspace.progress, f"fit {self.name}", train, len(train))
        for index, configuration in enumerate(reading):
            labels = self.check_labels(configuration, whole=False)
            sums = sums or self._begin(train, parents, members, identity, checkpoint)
            if sums.counted[index]:
                continue
            features, runs = self.features(configuration), runs_of(configuration, target)
            known = np.where(np.array(runs)[:, None] > 0, labels, 0.0)
            for s, species in enumerate(self.species_):
                mine = configuration.types == species
                sums.part(index).add(s, runs, features[mine], known[:, mine].T.astype(np.float64))
            sums.counted[index] = True
            sums.save_sometimes()
        assert sums is not None
        sums.share()
        self.origin_ = sums.origins(len(self.species_))
        return [[sums.of(s, held) for held in members] for s in range(len(self.species_))]

    def _begin(
        self,
        train: Sequence[Configuration],
        parents: Sequence[str],
        members: Sequence[Sequence[int]],
        identity: Identity,
        checkpoint: Path | None,
    ) -> MomentSums:
        """Divide the training data into parts: families, or folds where these take less memory."""
        fold_of = {index: fold for fold, held in enumerate(members) for index in held}
        kinds = kinds_of(train)
        labels: list[Hashable] = list(zip(parents, kinds, strict=True))
        needed = len(set(labels)) * len(self.species_) * 8 * len(self.feature_names()) ** 2
        shared = needed <= self.workspace.limit // _SHARED
        if not shared:
            labels = [fold_of[index] for index in range(len(train))]
        numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
        parts = [numbers[label] for label in labels]
        keys = self._part_keys(parts, identity) if shared else None
        pause = self.settings.checkpoint_seconds
        return MomentSums(parts, keys, self.workspace, checkpoint, pause, identity)

    def _part_keys(self, parts: Sequence[int], identity: Identity) -> list[Hashable]:
        """Tell what the moments of each part depend on: descriptors, labels, configurations."""
        described = set(type(self.settings).model_fields) - set(RidgeSettings.model_fields)
        settings = self.settings.model_dump_json(include={"name", "target", *described})
        read, others = identity.inputs[: len(parts)], identity.inputs[len(parts) :]
        inputs: dict[int, list[Input]] = {}
        for part, each in zip(parts, read, strict=True):
            inputs.setdefault(part, []).append(each)
        common = (type(self), settings, self.species_, others)
        return [(*common, *inputs[number]) for number in range(len(inputs))]

    def selected(self, test: Iterable[Configuration]) -> list[SelectionScores]:
        """Score the first 1, 2, .. descriptors taken on test configurations, read once.

        Boattini et al., Phys. Rev. Lett. 127, 088007 (2021), figure 2.

        Raises
        ------
        ModelError : if descriptors were selected, but not in this process.
        """
        if not getattr(self, "selection_", None):
            return []
        if not self.moments_:
            raise ModelError("a saved model does not hold what its selection was made from; fit it")
        held: dict[tuple[int, int], list[RidgeMoments]] = {key: [] for key in self.selection_}
        for configuration in test:
            labels, features = self.labels_to_score(configuration), self.features(configuration)
            for (s, t), chosen in self.selection_.items():
                mine = configuration.types == self.species_[s]
                columns = features[np.ix_(mine, chosen.indices)]
                target = labels[t, mine, None].astype(np.float64)
                origin = self.origin_[s, chosen.indices]
                held[s, t].append(RidgeMoments.of(columns, target, origin))
        return [self._scores_of(s, t, moments) for (s, t), moments in held.items()]

    def _scores_of(self, s: int, t: int, test: Sequence[RidgeMoments]) -> SelectionScores:
        """Scores of what was selected for one species and time."""
        chosen, names = self.selection_[s, t], self.feature_names()
        training = self.moments_[s, t].columns(chosen.indices)
        counts, scores = score_first(training, test, t, float(self.penalty_[s, t]))
        return SelectionScores(
            self.species_[s],
            float(self.times_[t]),
            tuple(names[i] for i in chosen.indices),
            chosen.correlation,
            counts,
            scores,
        )

    def record(self) -> dict[str, Any]:
        """Say what is saved as JSON; the descriptors selected among it."""
        names = self.feature_names()
        selection = [
            {
                "species": self.species_[s],
                "time": float(self.times_[t]),
                "descriptors": [names[i] for i in chosen.indices],
                "correlation": chosen.correlation.tolist(),
            }
            for (s, t), chosen in self.selection_.items()
        ]
        weights = [
            {"species": self.species_[s], "time": float(self.times_[t]), "by_runs": by_runs}
            for (s, t), by_runs in sorted(self.label_weights_.items())
            if len(by_runs) > 1
        ]
        told = {"label_weights": weights} if weights else {}
        return super().record() | {"selection": selection} | told

    def restore(self, record: dict[str, Any]) -> None:
        """Take up what :meth:`record` gave."""
        super().restore(record)
        self.label_weights_ = {
            (self.species_.index(row["species"]), self._row_of(row["time"])): {
                int(runs): float(weight) for runs, weight in row["by_runs"].items()
            }
            for row in record.get("label_weights", ())
        }
        names = {name: i for i, name in enumerate(self.feature_names())}
        self.moments_ = {}
        self.selection_ = {
            (self.species_.index(row["species"]), self._row_of(row["time"])): Selection(
                np.array([names[n] for n in row["descriptors"]], dtype=np.int64),
                np.array(row["correlation"]),
            )
            for row in record["selection"]
        }

    def _row_of(self, time: float) -> int:
        return int(np.argmin(np.abs(self.times_ - time)))
