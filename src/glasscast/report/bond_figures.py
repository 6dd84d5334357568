"""Figures of pairs: a map of their distance changes in a slice, and how these go with distance."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.stages import row_text
from glasscast.evaluation.bonds import (
    BOND_TARGET,
    JointDistribution,
    bond_lengths,
    forecast_of,
)
from glasscast.liquid.box import FloatArray, minimum_image
from glasscast.liquid.neighbours import NEAREST
from glasscast.models.forecast import ModelForecast
from glasscast.report.illustration import Illustration, listed
from glasscast.report.measured import MOST_TIMES, robust_limits
from glasscast.report.style import (
    ERROR_MAP,
    GREY,
    MOBILITY_MAP,
    format_time,
    new_figure,
    styled,
    target_label,
    target_words,
)

_THICKNESS = 0.8  # of the slice, in sigma, as in figure 4 of Shiba et al.


@styled
def bond_map_figure(forecast: ModelForecast, time: float) -> Illustration:
    """Segments between near neighbours in a slice, coloured by the change of their distance.

    Parameters
    ----------
    forecast : of pairs of a configuration with measured pair-distance changes.
    time : one of the forecast's at which they were measured.

    References
    ----------
    Figure 4 of Shiba et al., J. Chem. Phys. 158, 084503 (2023).
    """
    configuration = forecast.configuration
    assert configuration.bonds is not None
    assert configuration.bond_change is not None
    row = int(np.argmin(np.abs(forecast.times - time)))
    measured = configuration.bond_change[configuration.time_index(time)].astype(np.float64)
    predicted = forecast_of(forecast, configuration.bonds)[row]
    chosen = np.flatnonzero(in_slice(configuration, _THICKNESS) & np.isfinite(predicted))
    segments = _segments(configuration, chosen)
    panels = {"true": measured, "predicted": predicted, "predicted − true": predicted - measured}
    figure = new_figure(
        3.35 * len(panels) + 0.3, 3.1 * configuration.box[1] / configuration.box[0] + 1.1
    )
    for axes, (title, values) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        # The same scale for all: a forecast is fainter than the truth, and should look so.
        limit = robust_limits(np.abs(measured[chosen]), 1.0)[1]
        image = _draw(axes, configuration, segments, values[chosen], limit)
        axes.set_title(title)
    words = target_label(BOND_TARGET)
    figure.colorbar(
        image, ax=figure.axes, label=words, location="bottom", aspect=60, pad=0.02, extend="both"
    )
    where = f"{forecast.model}, {configuration.name}, {row_text(forecast.stages.by, time)}"
    depth = f"a slice {_THICKNESS:g} σ thick" if configuration.dimension == 3 else "the plane"
    return Illustration(
        name="bonds",
        title=f"Which neighbours part: {where}",
        caption=f"Segments join the particles of {depth} that are closer than {NEAREST:g} σ; red: "
        "the pair parts, blue: it comes closer. Look whether pairs that part are found one by one, "
        "or only the regions in which they lie.",
        alternative=f"Segments between neighbours in a slice of {configuration.name}, coloured by "
        f"their {target_words(BOND_TARGET)}; three panels: {listed(list(panels))}.",
        figure=figure,
    )


def in_slice(configuration: Configuration, thickness: float) -> Any:
    """Whether each bond is short, and its middle in a slice through the middle: (E,)."""
    near = bond_lengths(configuration) < NEAREST
    if configuration.dimension == 2 or configuration.bonds is None:
        return near
    middles = _middles(configuration)
    return near & (np.abs(middles[:, 2] - configuration.box[2] / 2) <= thickness / 2)


def _middles(configuration: Configuration) -> FloatArray:
    """Middle of each bond: (E, d), in the box."""
    assert configuration.bonds is not None
    i, j = configuration.bonds
    start, box = configuration.positions[i], configuration.box
    return np.asarray((start + minimum_image(configuration.positions[j] - start, box) / 2) % box)


def _segments(configuration: Configuration, chosen: Any) -> FloatArray:
    """Find the ends of some bonds in the plane: (M, 2, 2)."""
    assert configuration.bonds is not None
    i, j = configuration.bonds[:, chosen]
    half = minimum_image(configuration.positions[j] - configuration.positions[i], configuration.box)
    middles, half = _middles(configuration)[chosen, :2], half[:, :2] / 2
    return np.stack([middles - half, middles + half], axis=1)


def _draw(
    axes: Axes, configuration: Configuration, segments: FloatArray, values: FloatArray, limit: float
) -> LineCollection:
    box = configuration.box[:2]
    image = LineCollection(
        list(segments), array=values, cmap=ERROR_MAP, clim=(-limit, limit), linewidths=2.2
    )
    axes.add_collection(image, autolim=False)
    axes.add_patch(Rectangle((0, 0), *box, fill=False, edgecolor="black", lw=0.8))
    axes.set_xlim(-0.7, box[0] + 0.7)
    axes.set_ylim(-0.7, box[1] + 0.7)
    axes.set_aspect("equal")
    axes.set_xlabel("x (σ)")
    axes.set_ylabel("y (σ)")
    return image


@styled
def joint_figure(found: JointDistribution) -> Illustration:
    """Probability map of distance and its change, a panel a time.

    References
    ----------
    Figure 6 of Shiba et al., J. Chem. Phys. 158, 084503 (2023).
    """
    count = min(len(found.times), MOST_TIMES)
    rows = sorted({round(k) for k in np.linspace(0, len(found.times) - 1, count)})
    figure = new_figure(2.75 * len(rows) + 0.9, 3.1)
    panels = figure.subplots(1, len(rows), squeeze=False)[0]
    highest = max(float(found.density[row].max()) for row in rows)
    for axes, row in zip(panels, rows, strict=True):
        density = np.ma.masked_less_equal(found.density[row].T, 0)
        image = axes.pcolormesh(
            found.r,
            found.change[row],
            density,
            cmap=MOBILITY_MAP,
            norm=LogNorm(highest / 1e4, highest),
            rasterized=True,
        )
        axes.axhline(0, color=GREY, lw=0.8, ls=":")
        title = f"t = {format_time(found.times[row])}, r = {found.correlation[row]:.2f}"
        axes.set_title(title)
        axes.set_xlabel("distance at t = 0 (σ)")
    panels[0].set_ylabel(f"{target_words(BOND_TARGET)} (σ)")
    figure.colorbar(image, ax=panels.tolist(), label="density (1/σ²)", aspect=25, pad=0.01)
    return Illustration(
        name="joint_distribution",
        title=f"Distance of neighbours and its change: {found.pair} pairs",
        caption="How often a pair at a distance changes it by so much (colour, log scale), and the "
        "correlation of the two. At short times a close pair moves apart and a wide one together, "
        "which is easy to forecast; later this fades.",
        alternative=f"Maps of the density of {found.pair} pairs, distance at t = 0 against its "
        f"mean change; a panel each for t = "
        f"{listed([format_time(found.times[row]) for row in rows])}. Correlations are "
        f"{listed([f'{found.correlation[row]:.2f}' for row in rows])}.",
        figure=figure,
    )
