r"""UML: two kinds of environment, told apart without looking at the dynamics.

Boattini, Marin-Aguilar, Mitra, Foffi, Smallenburg, Filion, Nat. Commun. 11, 5479 (2020), the
unsupervised baseline in figure 3(a) of Boattini et al., Phys. Rev. Lett. 127, 088007 (2021). The
averaged bond order parameters of the particles of a species are squeezed through the bottleneck
of an autoencoder; a mixture of two Gaussians divides what comes out, and the probability to
belong to the second is the order parameter. A straight line gives it sign and unit of the target:
nothing else looks at a label. Widths and neighbours are ours: the paper finds neighbours by solid
angles, here they lie within a radius.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from glasscast.datasets.configuration import Configuration
from glasscast.errors import InputError, ModelError
from glasscast.liquid.box import FloatArray
from glasscast.models.base import Model
from glasscast.models.files import read_weights, write_model
from glasscast.models.forecast import ModelForecast
from glasscast.models.settings import ModelSettings
from glasscast.progress import track
from glasscast.runtime import Workspace
from glasscast.structure.descriptors.bond_order import averaged_bond_order

_KINDS = 2  # of environment


class UmlSettings(ModelSettings):
    """Unsupervised order parameter (Boattini et al., Nat. Commun. 11, 5479)."""

    name: Literal["uml"] = "uml"
    structure: Literal["positions", "inherent", "cage"] = "positions"
    radius: float = Field(default=1.5, gt=0, description="of the first shell, in sigma")
    degrees: int = Field(default=8, ge=1, le=30, description="bond order parameters, l = 1 to this")
    hidden: int = Field(default=40, ge=1, le=4096, description="width of encoder and decoder")
    bottleneck: int = Field(default=2, ge=1, le=64, description="width between them")
    examples: int = Field(default=20000, ge=10, description="particles learned from, per species")
    epochs: int = Field(default=200, ge=1, description="of the autoencoder, at most")


class UnsupervisedOrder(Model):
    """Probability of one of two kinds of environment, per species; one line a time.

    Invariant under translation, rotation, reflection and permutation.

    Attributes
    ----------
    arrays_ : what was learned, by name: ``mean`` and ``scale`` (S, F) of the order parameters,
        encoder ``first`` (S, F, H), ``first_bias``, ``second`` (S, H, B), ``second_bias``, mixture
        ``centres`` (S, 2, B), ``precisions`` (S, 2, B, B) by Cholesky, ``shares`` (S, 2), and
        ``line`` (S, T, 2): forecast = slope * probability + offset.
    """

    dimensions: ClassVar[tuple[int, ...]] = (3,)
    settings_class: ClassVar = UmlSettings
    settings: UmlSettings
    arrays_: dict[str, FloatArray]

    def features(self, configuration: Configuration) -> FloatArray:
        """Averaged bond order parameters of every particle: (N, F) float64.

        Raises
        ------
        ModelError : if the configuration lacks the structure the model describes.
        """
        options = self.settings
        positions = self.structure_of(configuration, options.structure)
        return averaged_bond_order(positions, configuration.box, options.radius, options.degrees)

    def fit(
        self,
        train: Sequence[Configuration],
        validation: Sequence[Configuration] = (),
        *,
        seed: int = 0,
        checkpoint: Path | None = None,
    ) -> Self:
        """Find the two kinds, then the line; a fit takes seconds and is not taken up."""
        self.identify(train, validation, seed)
        for attribute in ("stages_", "species_", "dimension_"):
            self.__dict__.pop(attribute, None)
        self.state_points_, self.equilibrium_ = (), {}
        rng, quota = np.random.default_rng(seed), -(-self.settings.examples // len(train))
        drawn: dict[int, list[tuple[FloatArray, FloatArray]]] = {}
        for configuration in track(self.workspace.progress, f"fit {self.name}", train, len(train)):
            labels, features = self.check_labels(configuration), self.features(configuration)
            for species in self.species_:
                rows = np.flatnonzero(configuration.types == species)
                rows = rng.permutation(rows)[:quota]
                found = features[rows], labels[:, rows].T.astype(np.float64)
                drawn.setdefault(species, []).append(found)
        learned = [self._learn(drawn[species], seed) for species in self.species_]
        self.arrays_ = {key: np.stack([found[key] for found in learned]) for key in learned[0]}
        return self

    def _learn(
        self, drawn: Sequence[tuple[FloatArray, FloatArray]], seed: int
    ) -> dict[str, FloatArray]:
        """Learn the arrays of one species from its order parameters and labels."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture
        from sklearn.neural_network import MLPRegressor

        x, labels = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
        if len(x) < 10:
            raise ModelError(f"{len(x)} particles of a species are too few to tell two kinds apart")
        mean, scale = x.mean(axis=0), x.std(axis=0)
        scale = np.where(scale > 1e-9, scale, 1.0)
        z, options = (x - mean) / scale, self.settings
        encoder = MLPRegressor(
            hidden_layer_sizes=(options.hidden, options.bottleneck, options.hidden),
            activation="tanh",
            max_iter=options.epochs,
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            encoder.fit(z, z)
            arrays = {
                "mean": mean,
                "scale": scale,
                "first": encoder.coefs_[0],
                "first_bias": encoder.intercepts_[0],
                "second": encoder.coefs_[1],
                "second_bias": encoder.intercepts_[1],
            }
            mixture = GaussianMixture(_KINDS, random_state=seed).fit(_encode(x, arrays))
        arrays |= {
            "centres": mixture.means_,
            "precisions": mixture.precisions_cholesky_,
            "shares": mixture.weights_,
        }
        probability = _probability(x, arrays)
        if np.ptp(probability) < 1e-12:
            raise ModelError("all environments look alike; there are no two kinds to tell apart")
        arrays["line"] = np.array([_line(probability, y) for y in labels.T])
        return arrays

    def probability(self, configuration: Configuration) -> FloatArray:
        """Probability of each particle to be of the second kind of its species: (N,)."""
        self.check_structure(configuration)
        features, found = self.features(configuration), np.empty(configuration.size)
        for s, species in enumerate(self.species_):
            mine = configuration.types == species
            arrays = {key: values[s] for key, values in self.arrays_.items()}
            found[mine] = _probability(features[mine], arrays)
        return found

    def predict(self, configuration: Configuration) -> ModelForecast:
        """Forecast every particle of one snapshot."""
        probability = self.probability(configuration)
        index = np.searchsorted(self.species_, configuration.types)
        slope, offset = self.arrays_["line"][index].transpose(2, 1, 0)
        return ModelForecast(
            configuration=configuration,
            model=self.name,
            times=self.times_,
            values=(slope * probability + offset).astype(np.float32),
            target=self.settings.target,
        )

    def parameter_count(self) -> int:
        """Numbers of encoder, mixture and lines; the decoder is not kept."""
        return sum(values.size for values in self.arrays_.values())

    def save(self, folder: Path) -> None:
        """Write the model; see :meth:`glasscast.models.base.Model.save`."""
        if not hasattr(self, "arrays_"):
            raise ModelError("cannot save a model that is not fitted")
        write_model(folder, self.common_record(), dict(self.arrays_), self.other_files())

    @classmethod
    def load(cls, folder: Path, workspace: Workspace | None = None) -> Self:
        """Read a saved model; see :meth:`glasscast.models.base.Model.load`."""
        record = cls.read_own_record(folder)
        arrays: dict[str, Any] = read_weights(folder, record)
        try:
            model = cls(cls.settings_class.from_record(record["hyperparameters"]), workspace)
            model.restore_common(record)
            model.arrays_ = {key: arrays[key].astype(np.float64) for key in _shapes(model)}
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(folder, f"holds no complete uml model ({error!r})") from None
        for key, shape in _shapes(model).items():
            if model.arrays_[key].shape != shape:
                raise InputError(folder, f"'{key}' must have shape {shape}")
        return model


def _line(x: FloatArray, y: FloatArray) -> FloatArray:
    """Slope and offset of y against x where y is known; NaN where it is not."""
    known = np.isfinite(y)
    return np.polyfit(x[known], y[known], 1) if known.any() else np.full(2, np.nan)


def _shapes(model: UnsupervisedOrder) -> dict[str, tuple[int, ...]]:
    """Shapes of what a fitted model has learned."""
    options, species = model.settings, len(model.species_)
    features, hidden, width = options.degrees, options.hidden, options.bottleneck
    shapes: dict[str, tuple[int, ...]] = {
        "mean": (features,),
        "scale": (features,),
        "first": (features, hidden),
        "first_bias": (hidden,),
        "second": (hidden, width),
        "second_bias": (width,),
        "centres": (_KINDS, width),
        "precisions": (_KINDS, width, width),
        "shares": (_KINDS,),
        "line": (len(model.times_), 2),
    }
    return {key: (species, *shape) for key, shape in shapes.items()}


def _encode(x: FloatArray, arrays: dict[str, FloatArray]) -> FloatArray:
    """Squeeze order parameters (N, F) through the bottleneck: (N, B)."""
    z = (x - arrays["mean"]) / arrays["scale"]
    hidden = np.tanh(z @ arrays["first"] + arrays["first_bias"])
    return np.asarray(np.tanh(hidden @ arrays["second"] + arrays["second_bias"]))


def _probability(x: FloatArray, arrays: dict[str, FloatArray]) -> FloatArray:
    """Probability to belong to the second Gaussian: (N,)."""
    latent = _encode(x, arrays)
    logs = []
    for centre, root, share in zip(
        arrays["centres"], arrays["precisions"], arrays["shares"], strict=True
    ):
        away = (latent - centre) @ root
        logs.append(np.log(share) + np.log(np.diag(root)).sum() - 0.5 * np.square(away).sum(axis=1))
    return np.asarray(1 / (1 + np.exp(np.clip(logs[0] - logs[1], -700, 700))))
