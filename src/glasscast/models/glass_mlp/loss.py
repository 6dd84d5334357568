r"""The loss of GlassMLP: absolute error, and variance and spatial correlation of the mobility.

Jung, Biroli, Berthier, Phys. Rev. Lett. 130, 238202 (2023), with the details of the authors'
public code. Per configuration, species and time, with y the label and :math:`\hat y` the forecast,

.. math::
    L = \frac{\langle |y - \hat y| \rangle}{\sigma_y}
      + \lambda_v \frac{|\operatorname{Var} \hat y - \operatorname{Var} y|}{\operatorname{Var} y}
      + \lambda_c \sum_k \frac{|G_{d_k}[y] - G_{d_k}[\hat y]|}{|G_{d_1}[y] - G_{d_K}[y]|}

where :math:`\sigma_y` is the spread over the training set, and the correlation of the mobility
:math:`m = \tfrac12[\tanh(s (y - y_0)) + 1]` at distance d, with :math:`\delta = m - \langle m
\rangle`, is

.. math::
    G_d = \frac{\sum_i \delta_i \sum_j w^{(d)}_{ij} \delta_j / \sum_j w^{(d)}_{ij}}
               {\sum_i \delta_i^2}, \qquad w^{(d)}_{ij} = e^{-(r_{ij} - d)^2 / 2}

over particles of the species, on thermal positions, i itself included.

Labels of single runs are propensities plus an error that no structure tells, large and skewed.
What is wanted of a forecast is their mean, not their median, and not their variance: there the
error is squared, :math:`\langle (y - \hat y)^2 \rangle / \sigma_y^2`, and the other terms are left
out. Each configuration weighs as :mod:`glasscast.training.label_weights` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from glasscast.datasets.configuration import Configuration
from glasscast.liquid.box import FloatArray, minimum_image
from glasscast.networks.batch import NetworkInput
from glasscast.networks.descriptors import DescriptorTable
from glasscast.structure.descriptors.coarse_graining import copies_seen
from glasscast.training.examples import Example, TargetStatistics
from glasscast.training.label_weights import runs_of
from glasscast.training.objectives import Objective, Outputs

#: Smallest difference of correlations that errors are measured by: where the mobility is not
#: correlated in space, as at short times, its noise would weigh more than everything else.
SMALLEST_CONTRAST = 0.02


#: Distances at which correlations are compared, by the dimension of space; those of the paper.
RINGS = {2: (2.0, 5.0, 8.0), 3: (2.0, 4.0, 6.0)}


@dataclass(frozen=True)
class RingedTable(DescriptorTable):
    """Descriptors, and who is how far from whom.

    Parameters
    ----------
    rings : for each configuration and learned species the (K, n, n) weights of particles at some
        distances, from :func:`ring_weights`.
    """

    rings: tuple[tuple[Tensor, ...], ...]

    def nbytes(self) -> int:
        """Memory held."""
        held = sum(r.numel() * r.element_size() for rings in self.rings for r in rings)
        return super().nbytes() + held

    def to(self, device: torch.device | str) -> Self:
        """Return a copy on a device."""
        rings = tuple(tuple(r.to(device) for r in rings) for rings in self.rings)
        return replace(super().to(device), rings=rings)

    @staticmethod
    def join(parts: Sequence[Any]) -> RingedTable:
        """Put configurations side by side."""
        joined = DescriptorTable.join(parts)
        return RingedTable(**vars(joined), rings=tuple(r for part in parts for r in part.rings))


@dataclass(frozen=True)
class MobilityLoss(Objective):
    """Sum of the three terms, mean over configurations, species and times.

    Parameters
    ----------
    statistics : of the training targets; the network forecasts standardised ones.
    variance_weight, correlation_weight : lambda_v and lambda_c; 0 leaves a term out.
    threshold : y_0 in units of the target; None takes the training mean of species and time.
    steepness : s in inverse units of the target.
    target : field of Configuration; where it falls with mobility (bond breaking counts what is
        kept), m = 1 - y.
    distances : d_1, ..., d_K in sigma; None takes those of the paper.
    """

    statistics: TargetStatistics
    variance_weight: float = 0.0
    correlation_weight: float = 0.0
    threshold: float | None = None
    steepness: float = 20.0
    target: str = "propensity"
    distances: tuple[float, ...] | None = None

    @property
    def chooses_by_loss(self) -> bool:
        """The least loss, as published: a correlation knows nothing of the variance."""
        return True

    def prepare(self, configuration: Configuration, inputs: NetworkInput) -> NetworkInput:
        """Add the neighbourhoods that the correlation term looks at; none where it is left out."""
        assert isinstance(inputs, DescriptorTable)
        if self.correlation_weight == 0:
            return inputs
        distances = self.distances or RINGS[configuration.dimension]
        noisy = self.statistics.noisy(runs_of(configuration, self.target))
        rings = tuple(
            torch.empty(0)
            if left_out.all()
            else ring_weights(
                configuration.positions[configuration.types == species],
                configuration.box,
                distances,
            )
            for species, left_out in zip(self.statistics.species, noisy, strict=True)
        )
        return RingedTable(**vars(inputs), rings=(rings,))

    def __call__(self, outputs: Outputs, example: Example) -> Tensor:
        """Loss of some configurations: a scalar."""
        inputs = example.inputs
        sizes = list(inputs.counts)
        rings = inputs.rings if isinstance(inputs, RingedTable) else ((),) * len(sizes)
        parts = zip(
            torch.split(outputs[0], sizes),
            torch.split(example.nodes, sizes),
            torch.split(example.learned, sizes),
            torch.split(example.node_weights * len(sizes), sizes),
            example.noisy,
            rings,
            strict=True,
        )
        losses = [self._configuration(*part) for part in parts]
        return torch.stack(losses).mean()

    def _configuration(
        self,
        forecast: Tensor,
        truth: Tensor,
        learned: Tensor,
        weights: Tensor,
        noisy: Tensor,
        rings: tuple[Tensor, ...],
    ) -> Tensor:
        terms, count = [], int((learned >= 0).sum())
        for s in range(int(learned.max()) + 1):
            mine = learned == s
            if int(mine.sum()) < 2:
                continue
            a, b = forecast[mine].float(), truth[mine]  # (n, T), in units of sigma_y already
            worth = weights[mine][0] * count  # (T,)
            loss = torch.where(noisy[s], (a - b).square(), (a - b).abs()).mean(0)
            if not noisy[s].all():
                loss = loss + torch.where(noisy[s], 0.0, self._further(a, b, s, rings))
            terms.append((worth * loss).mean())
        return torch.stack(terms).mean()

    def _further(self, a: Tensor, b: Tensor, s: int, rings: tuple[Tensor, ...]) -> Tensor:
        """Terms of variance and correlation, weighed, per time: (n, T), (n, T) -> (T,)."""
        error = a.new_zeros(a.shape[1])
        if self.variance_weight > 0:
            error = error + self.variance_weight * variance_term(a, b)
        if self.correlation_weight > 0:
            apart = correlation_term(self.mobility(a, s), self.mobility(b, s), rings[s])
            error = error + self.correlation_weight * apart
        return error

    def mobility(self, standardised: Tensor, s: int) -> Tensor:
        """Mobility m of the particles of one species: (n, T) -> (n, T)."""
        mean, std = (
            torch.as_tensor(values[s], dtype=standardised.dtype, device=standardised.device)
            for values in (self.statistics.node_mean, self.statistics.node_std)
        )
        values = mean + std * standardised
        if self.target == "bond_breaking":
            return 1 - values
        start = mean if self.threshold is None else self.threshold
        return (torch.tanh(self.steepness * (values - start)) + 1) / 2


def variance_term(forecast: Tensor, truth: Tensor) -> Tensor:
    """Relative error of the variance over particles, per time: (n, T) -> (T,)."""
    wanted = truth.var(0, correction=0)
    return (forecast.var(0, correction=0) - wanted).abs() / wanted.clamp(min=1e-12)


def correlation_term(forecast: Tensor, truth: Tensor, rings: Tensor) -> Tensor:
    """Error of the spatial correlations of the mobility, per time.

    Parameters
    ----------
    forecast, truth : (n, T) mobilities.
    rings : (K, n, n) from :func:`ring_weights`.

    Returns
    -------
    (T,), the sum over distances.
    """
    # One product for both: it is reading the weights that takes the time.
    found, wanted = ring_correlation(torch.cat([forecast, truth], 1), rings).chunk(2, 1)
    contrast = (wanted[0] - wanted[-1]).abs().clamp(min=SMALLEST_CONTRAST).detach()
    return (found - wanted).abs().sum(0) / contrast


def ring_correlation(mobility: Tensor, rings: Tensor) -> Tensor:
    """Correlation G_d of the mobility at each distance: (n, T), (K, n, n) -> (K, T)."""
    delta = mobility - mobility.mean(0)
    around = torch.matmul(rings, delta)  # (K, n, T)
    return (delta * around).sum(1) / delta.square().sum(0).clamp(min=1e-12)


def ring_weights(positions: FloatArray, box: FloatArray, distances: tuple[float, ...]) -> Tensor:
    """Weights of the particles at each distance; rows add up to 1.

    Parameters
    ----------
    positions : (n, d) of one species, in sigma.
    box : (d,) sides in sigma.
    distances : d_1, ..., d_K in sigma.

    Returns
    -------
    (K, n, n) float32: for the 3277 A particles of a published configuration 129 MB. Images count
    as in :mod:`glasscast.structure.descriptors.coarse_graining`.
    """
    size, copies = len(positions), copies_seen(box)
    rings = torch.zeros(len(distances), size, size)
    for image in np.ndindex(*copies):
        square = np.zeros((size, size), dtype=np.float32)
        for column, side, count, shift in zip(positions.T, box, copies, image, strict=True):
            apart = np.subtract.outer(column, column + shift * side)
            square += np.square(minimum_image(apart, count * side))
        r = torch.from_numpy(np.sqrt(square))
        for ring, distance in zip(rings, distances, strict=True):
            ring += torch.exp((r - distance).square_().mul_(-0.5))
    return rings.div_(rings.sum(2, keepdim=True))
