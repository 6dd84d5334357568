r"""SVM: softness, the distance to the hyperplane between fast and slow particles.

Cubuk et al., Phys. Rev. Lett. 114, 108001 (2015); Schoenholz et al., Nat. Phys. 12, 469 (2016).
A linear support vector machine separates the fastest from the slowest particles of each training
configuration in the space of standardised structure functions z; the softness

.. math:: S_i = \frac{w \cdot z_i + b}{|w|}

is the signed distance of any particle to that hyperplane. A straight line, fitted on random
training particles, gives it the unit of the target. ``task: regression`` fits the target itself
by a support vector regression, the form in which Bapst et al., Nat. Phys. 16, 448 (2020) and
Boattini et al., Phys. Rev. Lett. 127, 088007 (2021) compare propensities. Which fractions, penalty
and loss those used is not public; here the loss is the squared (epsilon-insensitive) hinge, whose
primal problem has one exact solution.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.splits import groups_of
from glasscast.errors import ModelError, ShapeError
from glasscast.liquid.box import FloatArray
from glasscast.models.linear_forecast import LinearForecaster
from glasscast.models.settings import ModelSettings
from glasscast.progress import track
from glasscast.structure.descriptors.structure_functions import (
    MANY_ANGULAR,
    MANY_RADII,
    StructureFunctions,
)

_EPSILON = 0.1  # errors below this are free in regression, in standard deviations of the target


class SvmSettings(ModelSettings):
    """Linear support vector machine on structure functions (Cubuk et al., PRL 114, 108001)."""

    name: Literal["svm"] = "svm"
    task: Literal["softness", "regression"] = Field(
        default="softness",
        description="softness: distance to the hyperplane between fast and slow particles; "
        "regression: of the target itself",
    )
    presets: ClassVar = {"paper": {"task": "regression", "functions": "many"}}

    functions: Literal["literature", "many"] = Field(
        default="literature",
        description="structure functions of two species: 160 on grids of the softness literature, "
        "or 440, as many as Bapst et al. have",
    )
    structure: Literal["positions", "inherent", "cage"] = "positions"
    fraction: float = Field(
        default=0.1, gt=0, le=0.5, description="share of particles that are fast, and slow"
    )
    examples: int = Field(
        default=5000, ge=10, description="particles of each class learned from, per species, time"
    )
    penalties: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        default=(1e-3, 1e-2, 1e-1, 1.0), min_length=1, description="values of C tried"
    )
    folds: int = Field(default=3, ge=2, description="cross-validation folds of configurations")


class SupportVectorMachine(LinearForecaster):
    """Linear support vector machine per species and time.

    Invariant under translation, rotation, reflection and permutation.

    Attributes
    ----------
    line_ : (S, T, 2) slope and offset: forecast = slope * softness + offset.
    """

    settings: SvmSettings
    settings_class: ClassVar = SvmSettings
    arrays: ClassVar = (*LinearForecaster.arrays, "line")
    line_: FloatArray

    def _functions(self) -> StructureFunctions:
        species = max(self.species_) + 1
        if self.settings.functions == "literature":
            return StructureFunctions(species)
        return StructureFunctions(species, MANY_RADII, 0.05, MANY_ANGULAR)

    def feature_names(self) -> list[str]:
        """Names of the structure functions."""
        return self._functions().feature_names()

    def features(self, configuration: Configuration) -> FloatArray:
        """Structure functions of every particle: (N, F) float64.

        Raises
        ------
        ModelError : if the configuration lacks the structure the model describes.
        ShapeError : if there are so many neighbours that the units must be wrong.
        """
        structure = self.settings.structure
        positions, functions = self.structure_of(configuration, structure), self._functions()
        kind = self.settings.functions
        key = (
            configuration.fingerprint(structure), "structure functions", kind, functions.species
        )  # fmt: skip
        try:
            return self.workspace.remember(
                key,
                lambda: functions.compute(
                    positions, configuration.types, configuration.box, self.workspace.threads
                ),
            )
        except ShapeError as error:
            raise ShapeError(f"{configuration.name}: {error}") from None

    def fit(
        self,
        train: Sequence[Configuration],
        validation: Sequence[Configuration] = (),
        *,
        seed: int = 0,
        checkpoint: Path | None = None,
    ) -> Self:
        """Learn from a bounded number of particles of each configuration.

        The penalty is chosen by cross-validation over training configurations. A fit takes
        seconds to minutes and is not taken up in the middle.

        Raises
        ------
        ModelError : also if there is one configuration only and more than one penalty.
        """
        self.identify(train, validation, seed)
        parents = groups_of(train)
        if len(set(parents)) < 2 and len(self.settings.penalties) > 1:
            raise ModelError(
                "one training configuration cannot choose between penalties; "
                "add configurations or set a single penalty"
            )
        rng, quota = np.random.default_rng(seed), -(-self.settings.examples // len(train))
        kept: dict[tuple[int, int], list[_Drawn]] = {}
        self.state_points_, self.equilibrium_ = (), {}
        reading = track(self.workspace.progress, f"fit {self.name}", train, len(train))
        for parent, configuration in zip(parents, reading, strict=True):
            labels, features = self.check_labels(configuration), self.features(configuration)
            for s, species in enumerate(self.species_):
                mine = np.flatnonzero(configuration.types == species)
                for t in range(len(self.times_)):
                    drawn = self._draw(features[mine], labels[t, mine], parent, quota, rng)
                    kept.setdefault((s, t), []).append(drawn)
        shape, width = (len(self.species_), len(self.times_)), len(self.feature_names())
        self.weights_ = np.zeros((shape[0], width, shape[1]))
        self.origin_ = np.zeros((shape[0], width))
        self.intercept_, self.penalty_ = np.zeros(shape), np.zeros(shape)
        self.line_ = np.zeros((*shape, 2))
        for (s, t), samples in kept.items():
            self._fit_one(s, t, _Drawn.join(samples), seed)
        return self

    def softness(self, configuration: Configuration) -> FloatArray:
        """Signed distance of every particle to the hyperplane: (T, N), positive when soft.

        Raises
        ------
        ModelError : if the model was fitted for regression.
        """
        if self.settings.task != "softness":
            raise ModelError("a regression has no hyperplane; set task to 'softness'")
        values = self.predict(configuration).values.astype(np.float64)
        index = np.searchsorted(self.species_, configuration.types)
        slope, offset = self.line_[index].transpose(2, 1, 0)
        return np.asarray((values - offset) / slope)

    def _draw(
        self,
        features: FloatArray,
        labels: NDArray[np.float32],
        parent: str,
        quota: int,
        rng: np.random.Generator,
    ) -> _Drawn:
        """Draw fast, slow and random particles of one configuration, species and time."""
        count = max(1, round(self.settings.fraction * len(labels)))
        order = np.argsort(labels, kind="stable")
        random = rng.permutation(len(labels))[: 2 * quota]
        slow, fast = (rng.permutation(group)[:quota] for group in (order[:count], order[-count:]))
        rows = np.concatenate([slow, fast, random])
        kind = np.repeat([-1, 1, 0], [len(slow), len(fast), len(random)])
        return _Drawn(
            features[rows].astype(np.float32),
            labels[rows].astype(np.float64),
            kind,
            np.full(len(rows), parent),
        )

    def _fit_one(self, s: int, t: int, drawn: _Drawn, seed: int) -> None:
        """Fill the weights of one species and time."""
        x = drawn.features.astype(np.float64)
        mean, scale = x.mean(axis=0), x.std(axis=0)
        scale = np.where(scale > 1e-5, scale, np.inf)  # what does not vary gets no weight
        z = (x - mean) / scale
        random = drawn.kind == 0
        slope, offset = 1.0, 0.0
        if self.settings.task == "softness":
            used = ~random
            machine = self._machine(z[used], drawn.kind[used], drawn.parents[used], seed)
            norm = np.linalg.norm(machine.coef_[0])
            weights, bias = machine.coef_[0] / norm, machine.intercept_[0] / norm
            slope, offset = np.polyfit(z[random] @ weights + bias, drawn.labels[random], 1)
        else:
            labels = drawn.labels[random]
            offset, slope = labels.mean(), labels.std()
            target = (labels - offset) / slope
            machine = self._machine(z[random], target, drawn.parents[random], seed)
            weights, bias = machine.coef_, float(np.squeeze(machine.intercept_))
        self.line_[s, t] = slope, offset
        self.weights_[s, :, t] = slope * weights / scale
        if t == 0:
            self.origin_[s] = mean
        shift = (self.origin_[s] - mean) @ self.weights_[s, :, t]
        self.intercept_[s, t] = slope * bias + offset + shift
        self.penalty_[s, t] = machine.C

    def _machine(
        self, z: FloatArray, target: FloatArray, parents: NDArray[np.str_], seed: int
    ) -> Any:
        """Fitted machine with the penalty of the best cross-validated score."""
        from sklearn.model_selection import GridSearchCV, GroupKFold
        from sklearn.svm import LinearSVC, LinearSVR

        if self.settings.task == "softness":
            machine = LinearSVC(dual=False, random_state=seed)
        else:
            machine = LinearSVR(
                loss="squared_epsilon_insensitive", epsilon=_EPSILON, dual=False, random_state=seed
            )
        penalties = list(self.settings.penalties)
        if len(penalties) == 1:
            return machine.set_params(C=penalties[0]).fit(z, target)
        folds = GroupKFold(min(self.settings.folds, len(set(parents.tolist()))))
        search = GridSearchCV(machine, {"C": penalties}, cv=folds)
        return search.fit(z, target, groups=parents).best_estimator_


class _Drawn:
    """Particles drawn to learn from: features, labels, -1 slow / 1 fast / 0 random, and parents."""

    def __init__(
        self,
        features: NDArray[np.float32],
        labels: FloatArray,
        kind: NDArray[np.int64],
        parents: NDArray[np.str_],
    ) -> None:
        self.features, self.labels, self.kind, self.parents = features, labels, kind, parents

    @classmethod
    def join(cls, samples: Sequence[_Drawn]) -> _Drawn:
        """All of them as one."""
        fields = ("features", "labels", "kind", "parents")
        return cls(*(np.concatenate([getattr(s, f) for s in samples]) for f in fields))
