"""Figures of particles: a look into the box, predicted against true, and distributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from glasscast.evaluation.correlation import pearson
from glasscast.liquid.box import FloatArray
from glasscast.liquid.interactions import species_name
from glasscast.models.forecast import ModelForecast
from glasscast.report.illustration import Illustration, listed
from glasscast.report.measured import (
    all_values,
    is_measured,
    measured_values,
    nearest_time,
    paired_values,
    predicted_species,
    robust_limits,
    shown_times,
)
from glasscast.report.slice_figures import slice_figure
from glasscast.report.style import (
    GREY,
    MOBILITY_MAP,
    PALETTE,
    new_figure,
    styled,
    target_label,
    target_words,
)


def particle_figures(
    forecasts: Sequence[ModelForecast], tau_alpha: float | None = None
) -> list[Illustration]:
    """Draw what one model says of some snapshots, beside what was measured where it was.

    Parameters
    ----------
    forecasts : of one model; the first is the one looked into.
    tau_alpha : alpha relaxation time in LJ units; the time nearest to it is looked at.
    """
    if not forecasts:
        return []
    measured = [forecast for forecast in forecasts if is_measured(forecast)]
    return [
        slice_figure(
            forecasts[0], nearest_time(forecasts[0].times, tau_alpha, forecasts[0].stages.by)
        ),
        *([density_figure(measured)] if measured else []),
        distribution_figure(forecasts),
    ]


@styled
def density_figure(forecasts: Sequence[ModelForecast]) -> Illustration:
    """Predicted against true value of every particle, a row a species, a column a time.

    Colour counts particles (log scale). The dashed line is y = x. Dots are means of the measured
    values of particles with about the same forecast, ten groups of equal size: they lie on the
    dashed line where the forecast is right on average.

    Parameters
    ----------
    forecasts : of one model, of configurations with measured values.
    """
    forecast = forecasts[0]
    rows = [
        row
        for row in shown_times(forecast)
        if any(measured_values(f, forecast.times[row]) is not None for f in forecasts)
    ]
    species = predicted_species(forecasts)
    figure = new_figure(2.75 * len(rows) + 0.9, 2.6 * len(species) + 0.4)
    panels = figure.subplots(len(species), len(rows), squeeze=False)
    for i, kind in enumerate(species):
        for j, row in enumerate(rows):
            axes = panels[i, j]
            x, y = paired_values(forecasts, row, kind)
            image = _draw_density(axes, x, y)
            name = f"{species_name(kind)}, {forecast.stages.text(row)}"
            axes.set_title(f"{name}, r = {pearson(y, x):.3f}")
            if i == len(species) - 1:
                axes.set_xlabel(f"true {target_label(forecast.target)}")
            if j == 0:
                axes.set_ylabel(f"predicted {target_label(forecast.target)}")
        figure.colorbar(image, ax=panels[i, :].tolist(), label="particles", aspect=25, pad=0.01)
    return Illustration(
        name="density",
        title=f"Predicted against true: {forecast.model}, {_count(forecasts)}",
        caption="Each panel counts particles (colour, log scale). Orange dots are the mean "
        "measured values of ten equal groups of particles, sorted by forecast: where they leave "
        "the dashed line y = x, the forecast is biased. A cloud flatter than the line is what an "
        "imperfect mean forecast looks like, not a bias.",
        alternative=f"Clouds of particles, predicted against true {target_words(forecast.target)}; "
        f"a row each for {listed([species_name(kind) for kind in species])} particles, a column "
        f"each for {_times(forecast, rows)}. Pearson r stands above each panel.",
        figure=figure,
    )


def _count(forecasts: Sequence[ModelForecast]) -> str:
    return "1 configuration" if len(forecasts) == 1 else f"{len(forecasts)} configurations"


def _times(forecast: ModelForecast, rows: Sequence[int]) -> str:
    return listed([forecast.stages.text(row) for row in rows])


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
def distribution_figure(forecasts: Sequence[ModelForecast]) -> Illustration:
    """Distribution of predicted and, where known, true values, a panel a time.

    A forecast is a conditional mean: its distribution is narrower than the true one unless the
    forecast is perfect.
    """
    forecast = forecasts[0]
    rows = shown_times(forecast)
    species = predicted_species(forecasts)
    figure = new_figure(max(4.6, 2.5 * len(rows) + 0.8), 3.0)
    panels = figure.subplots(1, len(rows), squeeze=False)[0]
    for axes, row in zip(panels, rows, strict=True):
        for kind in species:
            color = PALETTE[kind % len(PALETTE)]
            name = species_name(kind)
            true, _ = paired_values(forecasts, row, kind)
            predicted = all_values(forecasts, row, kind)
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
        axes.set_title(forecast.stages.text(row))
        axes.set_xlabel(target_label(forecast.target))
        axes.xaxis.set_major_locator(MaxNLocator(4))
    panels[0].set_ylabel("probability density")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))
    measured = any(map(is_measured, forecasts))
    return Illustration(
        name="distribution",
        title=f"Distributions: {forecast.model}, {_count(forecasts)}",
        caption="Filled: measured; lines: forecast. A forecast is a mean given the structure, so "
        "it is narrower than the measurement; how much narrower tells what the structure did not "
        "explain."
        if measured
        else "Distribution of the forecast by species.",
        alternative=f"Probability density of the {target_words(forecast.target)} of "
        f"{listed([species_name(kind) for kind in species])} particles, "
        f"{'measured and forecast' if measured else 'forecast'}; a panel each for "
        f"{_times(forecast, rows)}.",
        figure=figure,
    )
