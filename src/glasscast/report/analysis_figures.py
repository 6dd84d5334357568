"""Figures of the data themselves: how the liquid relaxes, and where its particles tend to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.evaluation.relaxation import MeanCurve, Relaxation
from glasscast.liquid.interactions import species_name
from glasscast.report.slice_figures import slice_with_images
from glasscast.report.style import (
    GREY,
    MARKERS,
    PALETTE,
    TIME_LABEL,
    finish_log_axis,
    format_time,
    new_figure,
    series_style,
    styled,
)

FloatArray = NDArray[np.float64]
_SCATTERING_LABEL = r"$F_s(k, t)$ of A"
_PLACES = {"inherent": "inherent structure", "cage": "cage state"}


@styled
def relaxation_figure(scattering: MeanCurve, squared: MeanCurve, fit: Relaxation | None) -> Figure:
    """Scattering function with its fitted relaxation time, and mean-square displacement."""
    figure = new_figure(7.6, 3.2)
    left, right = figure.subplots(1, 2)
    times = scattering.times
    left.errorbar(times, scattering.mean, scattering.error, color=PALETTE[0], marker="o")
    left.axhline(np.exp(-1), color=GREY, lw=0.8, ls=":")
    if fit is not None:
        left.axvline(fit.tau_alpha, color=GREY, lw=0.8, ls="--")
        left.annotate(
            rf"$\tau_\alpha$ = {fit.tau_alpha:.3g}",
            (fit.tau_alpha, 0.95),
            xycoords=("data", "axes fraction"),
            xytext=(-4, 0),
            textcoords="offset points",
            ha="right",
            va="top",
            color=GREY,
        )
    left.set_ylim(-0.02, 1.0)
    left.set_ylabel(_SCATTERING_LABEL)
    right.errorbar(times, squared.mean, squared.error, color=PALETTE[1], marker="s")
    right.set_yscale("log")
    right.set_ylabel("mean-square displacement (σ²)")
    for axes in (left, right):
        axes.set_xlabel(TIME_LABEL)
        finish_log_axis(axes, times[0], times[-1])
    return figure


@styled
def equilibration_figure(middle: MeanCurve, end: MeanCurve | None) -> Figure:
    """Scattering functions from two waiting times; in equilibrium they are one."""
    figure = new_figure(4.6, 3.2)
    axes = figure.subplots()
    curves = {"from the middle": middle} | ({} if end is None else {"from the end": end})
    for k, (label, decay) in enumerate(curves.items()):
        axes.errorbar(
            decay.times, decay.mean, decay.error, color=PALETTE[k], marker=MARKERS[k], label=label
        )
    axes.set_xlabel(TIME_LABEL)
    axes.set_ylabel(_SCATTERING_LABEL)
    times = np.concatenate([decay.times for decay in curves.values()])
    finish_log_axis(axes, times.min(), times.max())
    axes.legend()
    return figure


@styled
def label_figure(
    times: FloatArray, means: Mapping[int, FloatArray], ceilings: Mapping[int, FloatArray]
) -> Figure:
    """Mean propensity of each species, and the best correlation a forecast can reach."""
    figure = new_figure(7.6, 3.2)
    left, right = figure.subplots(1, 2)
    for k, species in enumerate(means):
        style = series_style(k) | {"label": species_name(species)}
        left.plot(times, means[species], **style)
        if species in ceilings:
            right.plot(times, ceilings[species], **style)
    left.set_yscale("log")
    left.set_ylabel("mean propensity (σ)")
    right.set_ylabel("noise ceiling of Pearson r")
    right.set_ylim(0.0, 1.0)
    for axes in (left, right):
        axes.set_xlabel(TIME_LABEL)
        finish_log_axis(axes, times[0], times[-1])
    left.legend(title="species")
    return figure


@styled
def alignment_figure(
    times: FloatArray, cosines: Mapping[str, Sequence[FloatArray]], dimension: int
) -> Figure:
    """Distribution of the cosine between tendency and displacement to equilibrium.

    Parameters
    ----------
    times : (T,)
    cosines : structure -> for each time the cosines of all particles.
    dimension : decides what independent directions look like: flat in three dimensions.

    References
    ----------
    Figure 9 of the EIGNN paper shows the same agreement as arrows.
    """
    figure = new_figure(3.7 * len(cosines) + 0.4, 3.2)
    panels = figure.subplots(1, len(cosines), sharey=True, squeeze=False)[0]
    edges = np.linspace(-1, 1, 41)
    shades = np.linspace(0.15, 0.95, len(times))
    for axes, (structure, by_time) in zip(panels, cosines.items(), strict=True):
        for shade, time, values in zip(shades, times, by_time, strict=True):
            density, _ = np.histogram(values, bins=edges, density=True)
            label = f"{format_time(time)}"
            axes.stairs(density, edges, color=colormaps["viridis"](1 - shade), lw=1.4, label=label)
        if dimension == 3:
            axes.axhline(0.5, color=GREY, lw=0.8, ls=":")
        axes.set_title(f"towards the {_PLACES[structure]}")
        axes.set_xlabel(r"$\cos\theta$")
    panels[0].set_ylabel("probability density")
    panels[-1].legend(title="t")
    return figure


@styled
def arrow_figure(
    configuration: Configuration, rows: Sequence[int], thickness: float = 1.2
) -> Figure:
    """Tendency at some times and displacement to equilibrium, as arrows on a slice.

    Parameters
    ----------
    rows : of the times to show.
    thickness : of the slice along the last axis, in sigma.

    References
    ----------
    Figure 9(b) of the EIGNN paper.
    """
    assert configuration.tendency is not None
    fields = {
        f"tendency, t = {format_time(configuration.times[row])}": configuration.tendency[row]
        for row in rows
    }
    for structure, place in _PLACES.items():
        if getattr(configuration, structure) is not None:
            fields[f"to the {place}"] = configuration.displacement_to(structure)
    index, points = slice_with_images(configuration, thickness, None, 0.0)
    width, height = configuration.box[:2]
    columns = min(2, len(fields))
    lines = -(-len(fields) // columns)
    figure = new_figure(3.6 * columns, (3.4 * height / width + 0.4) * lines)
    panels = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes, (title, field) in zip(panels, fields.items(), strict=False):
        arrows = np.asarray(field, dtype=np.float64)[index, :2]
        typical = float(np.sqrt(np.mean(arrows**2) * 2)) or 1.0
        axes.quiver(
            *points.T,
            *arrows.T,
            np.arctan2(arrows[:, 1], arrows[:, 0]),
            cmap="twilight_shifted",
            angles="xy",
            scale_units="xy",
            scale=typical / 0.9,  # an arrow of typical length is nearly a diameter long
            width=0.006,
        )
        axes.set_title(title)
        axes.set_xlim(0, width)
        axes.set_ylim(0, height)
        axes.set_aspect("equal")
    for axes in panels[len(fields) :]:
        axes.set_axis_off()
    return figure
