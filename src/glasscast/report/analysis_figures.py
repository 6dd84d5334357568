"""Figures of the data themselves: how the liquid relaxes, and where its particles tend to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps

from glasscast.datasets.configuration import Configuration
from glasscast.evaluation.analysis import (
    Dynamics,
    Equilibration,
    Labels,
    Tendency,
)
from glasscast.evaluation.bonds import locally_averaged_displacement
from glasscast.evaluation.structure import Structure, first_peak
from glasscast.report.illustration import Illustration, listed
from glasscast.report.slice_figures import slice_with_images
from glasscast.report.style import (
    GREY,
    MARKERS,
    PALETTE,
    TIME_LABEL,
    finish_log_axis,
    format_time,
    legend_below,
    new_figure,
    row_height,
    series_style,
    styled,
)

_SCATTERING_LABEL = r"$F_s(k, t)$ of A"
_THICKNESS = 1.2  # of the slice with arrows, in sigma
_PLACES = {"inherent": "inherent structure", "cage": "cage state"}


@styled
def structure_figure(structure: Structure) -> Illustration:
    """Partial radial distribution functions and structure factors, a line a pair of species."""
    figure = new_figure(7.6, row_height(len(structure.radial)))
    left, right = figure.subplots(1, 2)
    for axes, curves in ((left, structure.radial), (right, structure.static)):
        for k, (pair, curve) in enumerate(curves.items()):
            style = series_style(k) | {"marker": "none", "label": pair}
            axes.plot(curve.x, curve.mean, lw=1.2, **style)
        axes.axhline(1.0, color=GREY, lw=0.8, ls=":")
        axes.set_xlim(left=0.0)
    left.set_xlabel("r (σ)")
    left.set_ylabel("g(r)")
    left.set_ylim(bottom=0.0)
    right.set_xlabel("k (1/σ)")
    right.set_ylabel("S(k)")
    legend_below(figure, left)
    number = structure.configurations
    peaks = {pair: first_peak(curve) for pair, curve in structure.radial.items()}
    known = [f"{place:.2f} σ for {pair}" for pair, place in peaks.items() if place == place]
    return Illustration(
        name="structure",
        title="Order of the particles",
        caption="Left: radial distribution function of each pair of species; dotted: an ideal gas. "
        "Right: partial structure factors, in an ideal gas 1 for like and 0 for unlike species. "
        f"Mean over {'1 configuration' if number == 1 else f'{number} configurations'}. "
        "Peaks of a liquid fade within a few σ; sharp ones that go on are a crystal's.",
        alternative=f"Two panels, lines for the pairs {listed(list(structure.radial))}: the radial "
        "distribution function against distance, its first peak at "
        f"{listed(known) or 'no distance'}; and the structure factor against wavenumber.",
        figure=figure,
    )


@styled
def relaxation_figure(found: Dynamics) -> Illustration:
    """Scattering function with its fitted relaxation time, and mean-square displacement."""
    scattering, squared, fit = found.scattering, found.squared_displacement, found.fit
    figure = new_figure(7.6, 3.2)
    left, right = figure.subplots(1, 2)
    times = scattering.x
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
    return Illustration(
        name="relaxation",
        title="Relaxation",
        caption=f"Left: scattering function{_at(found)}, mean over trajectories and "
        "configurations; dotted: 1/e. Right: mean-square displacement of species A. Bars: "
        "standard error over configurations.",
        alternative="Two panels against time on a log axis: the scattering function falls from "
        f"{scattering.mean[0]:.2f} to {scattering.mean[-1]:.2f}, the mean-square displacement "
        f"goes from {squared.mean[0]:.3g} to {squared.mean[-1]:.3g}"
        + ("." if fit is None else f"; the relaxation time is {fit.tau_alpha:.3g}."),
        figure=figure,
    )


def _at(found: Dynamics) -> str:
    """Say at which wave number, as far as that is told."""
    if found.q is None:
        return "" if found.q_from is None else f" at {found.q_from}"
    return f" at q = {found.q:.3g} / σ" + ("" if found.q_from is None else f" ({found.q_from})")


@styled
def equilibration_figure(found: Equilibration) -> Illustration:
    """Scattering functions from two waiting times; once equilibrated they are one."""
    middle, end = found.middle, found.end
    figure = new_figure(4.6, 3.2)
    axes = figure.subplots()
    curves = {"from the middle": middle} | ({} if end is None else {"from the end": end})
    for k, (label, decay) in enumerate(curves.items()):
        axes.errorbar(
            decay.x, decay.mean, decay.error, color=PALETTE[k], marker=MARKERS[k], label=label
        )
    axes.set_xlabel(TIME_LABEL)
    axes.set_ylabel(_SCATTERING_LABEL)
    times = np.concatenate([decay.x for decay in curves.values()])
    finish_log_axis(axes, times.min(), times.max())
    axes.legend()
    return Illustration(
        name="equilibration",
        title="Two waiting times",
        caption="Self part of the intermediate scattering function from the middle of "
        f"{found.stretches} stretches of {found.longest:g}, and from their ends, where the "
        "ensembles start. Once equilibrated the curves agree within their errors; a curve from the "
        "end above the other is ageing.",
        alternative=f"Scattering function against time on a log axis, {listed(list(curves))} of "
        f"the stretches; from the middle it falls from {middle.mean[0]:.2f} to "
        f"{middle.mean[-1]:.2f}.",
        figure=figure,
    )


@styled
def label_figure(labels: Labels) -> Illustration:
    """Mean propensity of each species, and the best correlation a forecast can reach."""
    figure = new_figure(7.6, 3.2)
    left, right = figure.subplots(1, 2)
    times = labels.times
    for k, species in enumerate(labels.propensity):
        style = series_style(k) | {"label": species}
        left.plot(times, labels.propensity[species], **style)
        if species in labels.ceiling:
            right.plot(times, labels.ceiling[species], **style)
    left.set_yscale("log")
    left.set_ylabel("mean propensity (σ)")
    right.set_ylabel("noise ceiling of Pearson r")
    right.set_ylim(0.0, 1.0)
    for axes in (left, right):
        axes.set_xlabel(TIME_LABEL)
        finish_log_axis(axes, times[0], times[-1])
    left.legend(title="species")
    return Illustration(
        name="labels",
        title="Propensity and its noise ceiling",
        caption="Left: mean propensity. Right: the correlation of an exact forecast with what a "
        "finite number of trajectories measures; no model can be expected to do better.",
        alternative="Two panels against time on a log axis, a line each for species "
        f"{listed(list(labels.propensity))}: the mean propensity, on a log "
        "axis, and the noise ceiling of Pearson r, from 0 to 1.",
        figure=figure,
    )


@styled
def alignment_figure(tendency: Tendency) -> Illustration:
    """Distribution of the cosine between tendency and displacement to the equilibrium positions.

    References
    ----------
    Figure 9 of the EIGNN paper shows the same agreement as arrows.
    """
    times, cosines = tendency.times, tendency.cosines
    figure = new_figure(3.7 * len(cosines) + 0.4, 3.2)
    panels = figure.subplots(1, len(cosines), sharey=True, squeeze=False)[0]
    edges = np.linspace(-1, 1, 41)
    shades = np.linspace(0.15, 0.95, len(times))
    for axes, (structure, by_time) in zip(panels, cosines.items(), strict=True):
        for shade, time, values in zip(shades, times, by_time, strict=True):
            density, _ = np.histogram(values[np.isfinite(values)], bins=edges, density=True)
            label = f"{format_time(time)}"
            axes.stairs(density, edges, color=colormaps["viridis"](1 - shade), lw=1.4, label=label)
        if tendency.example.dimension == 3:  # independent directions: flat in three dimensions
            axes.axhline(0.5, color=GREY, lw=0.8, ls=":")
        axes.set_title(f"towards the {_PLACES[structure]}")
        axes.set_xlabel(r"$\cos\theta$")
    panels[0].set_ylabel("probability density")
    panels[-1].legend(title="t")
    return Illustration(
        name="alignment",
        title="Do particles go where equilibrium pulls them?",
        caption="Distribution of the cosine between the tendency of a particle and its "
        "displacement to the equilibrium positions. Dotted: independent directions.",
        alternative="Probability density of the cosine, from -1 to 1, a line for each of "
        f"{len(times)} times; a panel each for the displacement towards the "
        f"{listed([_PLACES[structure] for structure in cosines])}.",
        figure=figure,
    )


@styled
def arrow_figure(configuration: Configuration, rows: Sequence[int]) -> Illustration:
    """Tendency, its mean over neighbours, and the way to equilibrium positions, as arrows.

    Parameters
    ----------
    rows : of the times to show.

    References
    ----------
    Figure 9(b) of the EIGNN paper; figure 7(d) of Shiba et al. (2023) for the mean of neighbours.
    """
    assert configuration.tendency is not None
    fields = {
        f"tendency, t = {format_time(configuration.times[row])}": configuration.tendency[row]
        for row in rows
    }
    averaged = locally_averaged_displacement(configuration)
    fields |= {
        f"mean of the neighbours, t = {format_time(configuration.times[row])}": averaged[row]
        for row in rows
    }
    for structure, place in _PLACES.items():
        if getattr(configuration, structure) is not None:
            fields[f"to the {place}"] = configuration.displacement_to(structure)
    index, points = slice_with_images(configuration, _THICKNESS, 0.0)
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
    return Illustration(
        name="arrows",
        title=f"Directions on a slice of {configuration.name}",
        caption="Arrows: mean displacement over the ensemble, the same averaged over neighbours, "
        "and displacement to the equilibrium positions, each scaled to its own typical length; "
        "colour is the direction. Look for the same colours in the same places.",
        alternative=f"Arrows at the particles of a slice, coloured by direction, in {len(fields)} "
        f"panels: {listed(list(fields))}.",
        figure=figure,
    )
