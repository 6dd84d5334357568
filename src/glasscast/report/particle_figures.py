"""Figures of particles: predicted against true, a slice of the box, distributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.evaluation.correlation import pearson
from glasscast.liquid.species import diameters, species_name
from glasscast.models.forecast import Forecast
from glasscast.report.style import (
    ERROR_MAP,
    GREY,
    MOBILITY_MAP,
    PALETTE,
    format_time,
    new_figure,
    styled,
    target_label,
)

FloatArray = NDArray[np.float64]
#: A forecast and the configuration whose measured values, if any, it is shown with.
Example = tuple[Forecast, Configuration]
#: Panels a figure has at most; more times are thinned out evenly.
MOST_TIMES = 4


def measured_values(forecast: Forecast, truth: Configuration, time: float) -> FloatArray | None:
    """Return the measured target at a time of the forecast, (N,), or None if not known."""
    measured = getattr(truth, forecast.target)
    rows = np.flatnonzero(np.isclose(truth.times, time, rtol=1e-3, atol=0))
    if measured is None or len(rows) == 0:
        return None
    return np.asarray(measured[rows[0]], dtype=np.float64)


def shown_times(forecast: Forecast, most: int = MOST_TIMES) -> list[int]:
    """Rows of at most ``most`` times, evenly spread, first and last included."""
    count = len(forecast.times)
    return sorted({round(k) for k in np.linspace(0, count - 1, min(count, most))})


@styled
def density_figure(examples: Sequence[Example]) -> Figure:
    """Predicted against true value of every particle, a row a species, a column a time.

    Colour counts particles (log scale). The dashed line is y = x. Dots are means of the measured
    values of particles with about the same forecast, ten groups of equal size: they lie on the
    dashed line where the forecast is right on average.

    Parameters
    ----------
    examples : of one model, with measured values.
    """
    forecast = examples[0][0]
    rows = [
        row
        for row in shown_times(forecast)
        if any(measured_values(f, c, forecast.times[row]) is not None for f, c in examples)
    ]
    species = predicted_species(examples)
    figure = new_figure(2.75 * len(rows) + 0.9, 2.6 * len(species) + 0.4)
    panels = figure.subplots(len(species), len(rows), squeeze=False)
    for i, kind in enumerate(species):
        for j, row in enumerate(rows):
            axes = panels[i, j]
            x, y = _paired(examples, row, kind)
            image = _draw_density(axes, x, y)
            name = f"{species_name(kind)}, t = {format_time(forecast.times[row])}"
            axes.set_title(f"{name}, r = {pearson(y, x):.3f}")
            if i == len(species) - 1:
                axes.set_xlabel(f"true {target_label(forecast.target)}")
            if j == 0:
                axes.set_ylabel(f"predicted {target_label(forecast.target)}")
        figure.colorbar(image, ax=panels[i, :].tolist(), label="particles", aspect=25, pad=0.01)
    return figure


def _draw_density(axes: Axes, true: FloatArray, predicted: FloatArray) -> Any:
    low, high = _robust_limits(np.concatenate([true, predicted]), 0.1)
    image = axes.hexbin(
        true,
        predicted,
        gridsize=45,
        bins="log",
        mincnt=1,
        cmap=MOBILITY_MAP,
        linewidths=0.1,
        extent=(low, high, low, high),
    )
    axes.plot([low, high], [low, high], color=GREY, lw=1.0, ls="--")
    order = np.argsort(predicted)
    groups = [group for group in np.array_split(order, 10) if len(group)]
    axes.plot(
        [true[group].mean() for group in groups],
        [predicted[group].mean() for group in groups],
        color=PALETTE[1],
        marker="o",
        ls="none",
        markersize=4.5,
        markeredgecolor="white",
        markeredgewidth=0.8,
    )
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_aspect("equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4))
    return image


@styled
def distribution_figure(examples: Sequence[Example]) -> Figure:
    """Distribution of predicted and, where known, true values, a panel a time.

    A forecast is a conditional mean: its distribution is narrower than the true one unless the
    forecast is perfect.
    """
    forecast = examples[0][0]
    rows = shown_times(forecast)
    figure = new_figure(max(4.6, 2.5 * len(rows) + 0.8), 3.0)
    panels = figure.subplots(1, len(rows), squeeze=False)[0]
    for axes, row in zip(panels, rows, strict=True):
        for kind in predicted_species(examples):
            color = PALETTE[kind % len(PALETTE)]
            name = species_name(kind)
            true, predicted = _paired(examples, row, kind)
            shown = np.concatenate([true, predicted]) if len(true) else _all(examples, row, kind)
            bins = np.linspace(*_robust_limits(shown, 0.1), 50)
            if len(true):
                axes.hist(
                    true,
                    bins,
                    density=True,
                    histtype="stepfilled",
                    color=color,
                    alpha=0.3,
                    label=f"{name} true",
                )
            axes.hist(
                _all(examples, row, kind),
                bins,
                density=True,
                histtype="step",
                color=color,
                lw=1.5,
                label=f"{name} predicted",
            )
        axes.set_title(f"t = {format_time(forecast.times[row])}")
        axes.set_xlabel(target_label(forecast.target))
        axes.xaxis.set_major_locator(MaxNLocator(4))
    panels[0].set_ylabel("probability density")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))
    return figure


@styled
def slice_figure(
    forecast: Forecast,
    truth: Configuration | None = None,
    *,
    time: float | None = None,
    scale: str = "rank",
    thickness: float = 1.0,
    height: float | None = None,
    margin: float = 1.0,
) -> Figure:
    """Cut through the box, particles coloured by true value, forecast, and their difference.

    Circles have the size of the species. Periodic images are drawn a little way beyond the box
    (thin frame), paler, so that patches across the boundary stay whole.

    Parameters
    ----------
    forecast : of one configuration, 2D or 3D.
    truth : measured values; without them the forecast alone is shown.
    time : of the forecast; the last by default.
    scale : ``rank``: the particle's rank within its species, which compares the patterns
        whatever the levels of the species and the widths of the distributions; ``value``: one
        scale for both, from the 2nd to the 98th percentile of the truth (of the forecast where
        there is none).
    thickness : of the slice along the last axis, in sigma; 2D configurations are shown whole.
    height : of the slice's middle; the middle of the box by default.
    margin : how far images are drawn beyond the box, in sigma.
    """
    truth = forecast.configuration if truth is None else truth
    row = len(forecast.times) - 1
    if time is not None:
        row = int(np.argmin(np.abs(np.log(forecast.times / time))))
    predicted = np.asarray(forecast.values[row], dtype=np.float64)
    true = measured_values(forecast, truth, forecast.times[row])
    configuration = forecast.configuration
    label = target_label(forecast.target)
    if scale == "rank":
        predicted = rank_within_species(predicted, configuration.types)
        true = None if true is None else rank_within_species(true, configuration.types)
        label = f"rank of {forecast.target.replace('_', ' ')} within species"
    index, points = slice_with_images(configuration, thickness, height, margin)
    panels = _slice_panels(true, predicted, scale)
    width, depth = configuration.box[:2]
    panel_height = 3.1 * (depth + 2 * margin) / (width + 2 * margin)
    figure = new_figure(3.35 * len(panels) + 0.3, panel_height + 1.1)
    for axes, (title, values, limits, cmap, kind) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
    ):
        image = _draw_slice(axes, configuration, index, points, values, limits, cmap, margin)
        axes.set_title(title)
        name = label
        if kind == "error":
            name = "difference of rank" if scale == "rank" else f"error of {label}"
        figure.colorbar(
            image,
            ax=axes,
            label=name,
            location="bottom",
            aspect=30,
            shrink=0.85,
            pad=0.02,
            extend="neither" if limits == (0.0, 1.0) else "both",
        )
    return figure


def rank_within_species(values: FloatArray, types: NDArray[np.int8]) -> FloatArray:
    """Rank of each particle within its species, from 0 (least) to 1; NaN stays NaN."""
    ranks = np.full(values.shape, np.nan)
    for species in np.unique(types):
        chosen = np.flatnonzero((types == species) & np.isfinite(values))
        if len(chosen):
            order = np.argsort(np.argsort(values[chosen], kind="stable"), kind="stable")
            ranks[chosen] = order / max(1, len(chosen) - 1)
    return ranks


def slice_with_images(
    configuration: Configuration, thickness: float, height: float | None, margin: float
) -> tuple[NDArray[np.intp], FloatArray]:
    """Particles in a slice and their periodic images in the plane.

    Parameters
    ----------
    thickness, height, margin : see :func:`slice_figure`.

    Returns
    -------
    index : (M,) particle of each circle.
    points : (M, 2) where it is drawn; the particles themselves come first.
    """
    box = configuration.box
    chosen = np.arange(configuration.size)
    if configuration.dimension == 3:
        middle = box[2] / 2 if height is None else height
        away = configuration.positions[:, 2] - middle
        away -= box[2] * np.round(away / box[2])
        chosen = np.flatnonzero(np.abs(away) <= thickness / 2)
        chosen = chosen[np.argsort(away[chosen])]  # seen from above: the highest is drawn last
    plane = configuration.positions[chosen, :2]
    index, points = [chosen], [plane]
    for shift in ((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)):
        image = plane + np.array(shift) * box[:2]
        near = np.all((image > -margin) & (image < box[:2] + margin), axis=1)
        index.append(chosen[near])
        points.append(image[near])
    return np.concatenate(index), np.concatenate(points)


Panel = tuple[str, FloatArray, tuple[float, float], str, str]


def _slice_panels(true: FloatArray | None, predicted: FloatArray, scale: str) -> list[Panel]:
    """Title, values, colour limits, colour map and kind of each panel."""
    limits = (0.0, 1.0)
    if scale == "value":
        limits = _robust_limits(predicted if true is None else true, 2.0)
    panels: list[Panel] = [("predicted", predicted, limits, MOBILITY_MAP, "level")]
    if true is not None:
        error = predicted - true
        span = _robust_limits(np.abs(error), 2.0)[1]
        panels.insert(0, ("true", true, limits, MOBILITY_MAP, "level"))
        panels.append(("predicted − true", error, (-span, span), ERROR_MAP, "error"))
    return panels


def _draw_slice(
    axes: Axes,
    configuration: Configuration,
    index: NDArray[np.intp],
    points: FloatArray,
    values: FloatArray,
    limits: tuple[float, float],
    cmap: str,
    margin: float,
) -> Any:
    from matplotlib.collections import EllipseCollection
    from matplotlib.patches import Rectangle

    box = configuration.box[:2]
    sizes = diameters(configuration.types)[index]
    inside = np.all((points >= 0) & (points < box), axis=1)
    image = None
    for chosen, alpha in ((~inside, 0.35), (inside, 1.0)):
        image = EllipseCollection(
            sizes[chosen],
            sizes[chosen],
            np.zeros(int(chosen.sum())),
            units="xy",
            offsets=points[chosen],
            offset_transform=axes.transData,
            array=np.ma.masked_invalid(values[index[chosen]]),
            cmap=_with_grey(cmap),
            clim=limits,
            edgecolors="white",
            linewidths=0.3,
            alpha=alpha,
        )
        axes.add_collection(image, autolim=False)
    axes.add_patch(Rectangle((0, 0), *box, fill=False, edgecolor="black", lw=0.8))
    axes.set_xlim(-margin, box[0] + margin)
    axes.set_ylim(-margin, box[1] + margin)
    axes.set_aspect("equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel("x (σ)")
    axes.set_ylabel("y (σ)")
    return image


def _with_grey(name: str) -> Any:
    """Colour map that shows particles without a value in grey."""
    import matplotlib as mpl

    return mpl.colormaps[name].with_extremes(bad="#c8c8c8")


def predicted_species(examples: Sequence[Example]) -> list[int]:
    """Species with any forecast, ascending."""
    found = set()
    for forecast, _ in examples:
        has = np.isfinite(forecast.values).any(axis=0)
        found |= set(np.unique(forecast.configuration.types[has]).tolist())
    return sorted(found)


def _paired(examples: Sequence[Example], row: int, kind: int) -> tuple[FloatArray, FloatArray]:
    """Collect true and predicted values of a species at one time, over the labelled examples."""
    time = examples[0][0].times[row]
    x, y = [np.empty(0)], [np.empty(0)]
    for forecast, truth in examples:
        true = measured_values(forecast, truth, time)
        if true is not None:
            chosen = (truth.types == kind) & np.isfinite(forecast.values[row])
            x.append(true[chosen])
            y.append(np.asarray(forecast.values[row, chosen], dtype=np.float64))
    return np.concatenate(x), np.concatenate(y)


def _all(examples: Sequence[Example], row: int, kind: int) -> FloatArray:
    """Return the finite forecasts of a species at one time, labelled or not."""
    parts = [f.values[row, f.configuration.types == kind] for f, _ in examples]
    values = np.concatenate(parts).astype(np.float64)
    return values[np.isfinite(values)]


def _robust_limits(values: FloatArray, percent: float) -> tuple[float, float]:
    """Percentiles from both ends, a little apart even for equal values."""
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return 0.0, 1.0
    low, high = np.percentile(values, [percent, 100 - percent])
    return (float(low), float(high)) if high > low else (float(low) - 0.5, float(low) + 0.5)
