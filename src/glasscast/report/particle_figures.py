"""Figures of particles: predicted against true, and distributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from glasscast.evaluation.correlation import pearson
from glasscast.liquid.interactions import species_name
from glasscast.report.measured import (
    Example,
    FloatArray,
    all_forecasts,
    measured_values,
    paired_values,
    predicted_species,
    robust_limits,
    shown_times,
)
from glasscast.report.style import (
    GREY,
    MOBILITY_MAP,
    PALETTE,
    format_time,
    new_figure,
    styled,
    target_label,
)


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
            x, y = paired_values(examples, row, kind)
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
    low, high = robust_limits(np.concatenate([true, predicted]), 0.1)
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
            true, _ = paired_values(examples, row, kind)
            predicted = all_forecasts(examples, row, kind)
            limits = robust_limits(np.concatenate([true, predicted]), 0.1)
            bins = np.linspace(*limits, int(np.clip(np.sqrt(len(predicted)), 10, 50)))
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
                predicted,
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
