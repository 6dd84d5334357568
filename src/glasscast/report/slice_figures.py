"""A slice of the box, true, predicted and the difference, with periodic images."""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.liquid.box import FloatArray
from glasscast.models.forecast import ModelForecast
from glasscast.report.illustration import Illustration, listed
from glasscast.report.measured import (
    drawn_diameters,
    measured_values,
    rank_within_species,
    robust_limits,
)
from glasscast.report.style import (
    ERROR_MAP,
    MOBILITY_MAP,
    new_figure,
    styled,
    target_words,
)

_THICKNESS = 1.0  # of the slice, in sigma
_MARGIN = 1.0  # how far periodic images are drawn beyond the box, in sigma


@styled
def slice_figure(forecast: ModelForecast, time: float) -> Illustration:
    """Cut through the box, particles coloured by true value, forecast, and their difference.

    Values are ranks within the species, which compares the patterns whatever the levels of the
    species and the widths of the distributions. Circles have the size of the species. Periodic
    images are drawn a little way beyond the box (thin frame), paler, so that patches across the
    boundary stay whole.

    Parameters
    ----------
    forecast : of one configuration, 2D or 3D; without measured values it is shown alone.
    time : one of the forecast's.
    """
    configuration = forecast.configuration
    row = int(np.argmin(np.abs(forecast.times - time)))
    measured = measured_values(forecast, time)
    predicted = rank_within_species(forecast.values[row].astype(np.float64), configuration.types)
    true = None if measured is None else rank_within_species(measured, configuration.types)
    index, points = slice_with_images(configuration, _THICKNESS, _MARGIN)
    panels = _slice_panels(true, predicted)
    width, depth = configuration.box[:2]
    panel_height = 3.1 * (depth + 2 * _MARGIN) / (width + 2 * _MARGIN)
    figure = new_figure(3.35 * len(panels) + 0.3, panel_height + 1.1)
    words = target_words(forecast.target)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        image = _draw_slice(axes, configuration, index, points, panel)
        axes.set_title(panel.title)
        is_error = panel.colours == ERROR_MAP
        figure.colorbar(
            image,
            ax=axes,
            label="difference of rank" if is_error else f"rank of {words} within species",
            location="bottom",
            aspect=30,
            shrink=0.85,
            pad=0.02,
            extend="both" if is_error else "neither",
        )
    where = f"{forecast.model}, {configuration.name}, {forecast.stages.text(row)}"
    return Illustration(
        name="slice",
        title=f"A look into the box: {where}",
        caption=_caption(true is not None, configuration.dimension),
        alternative=f"Particles of {configuration.name} as circles in the plane, coloured by the "
        f"rank of their {words}; {len(panels)} panels: "
        f"{listed([panel.title for panel in panels])}.",
        figure=figure,
    )


def _caption(measured: bool, dimension: int) -> str:
    cut = "A slice one σ thick through the middle" if dimension == 3 else "The whole configuration"
    text = (
        f"{cut}; circles have the size of the species, colour is the rank within the species "
        "(yellow: fastest, grey: no value). Paler circles beyond the frame are periodic images."
    )
    if measured:
        text += (
            " Compare where fast and slow patches lie on the left and in the middle; red on the "
            "right: predicted too fast, blue: too slow."
        )
    return text


def slice_with_images(
    configuration: Configuration, thickness: float, margin: float
) -> tuple[NDArray[np.intp], FloatArray]:
    """Particles in a slice through the middle and their periodic images in the plane.

    Parameters
    ----------
    thickness : of the slice along the last axis, in sigma; 2D configurations are taken whole.
    margin : how far images are taken beyond the box, in sigma.

    Returns
    -------
    index : (M,) particle of each circle.
    points : (M, 2) where it is drawn; the particles themselves come first.
    """
    box = configuration.box
    chosen = np.arange(configuration.size)
    if configuration.dimension == 3:
        away = configuration.positions[:, 2] - box[2] / 2
        chosen = np.flatnonzero(np.abs(away) <= thickness / 2)
        chosen = chosen[np.argsort(away[chosen])]  # seen from above: the highest is drawn last
    plane = configuration.positions[chosen, :2]
    index, points = [chosen], [plane]
    reach = int(np.ceil(margin / box[:2].min()))
    for shift in product(range(-reach, reach + 1), repeat=2):
        if shift == (0, 0):
            continue
        image = plane + np.array(shift) * box[:2]
        near = np.all((image > -margin) & (image < box[:2] + margin), axis=1)
        index.append(chosen[near])
        points.append(image[near])
    return np.concatenate(index), np.concatenate(points)


class _Panel(NamedTuple):
    """One panel: values of all particles and how they are coloured."""

    title: str
    values: FloatArray
    limits: tuple[float, float]
    colours: str


def _slice_panels(true: FloatArray | None, predicted: FloatArray) -> list[_Panel]:
    """Forecast alone, or between the truth and the difference."""
    panels = [_Panel("predicted", predicted, (0.0, 1.0), MOBILITY_MAP)]
    if true is not None:
        error = predicted - true
        span = robust_limits(np.abs(error), 2.0)[1]
        panels.insert(0, _Panel("true", true, (0.0, 1.0), MOBILITY_MAP))
        panels.append(_Panel("predicted − true", error, (-span, span), ERROR_MAP))
    return panels


def _draw_slice(
    axes: Axes,
    configuration: Configuration,
    index: NDArray[np.intp],
    points: FloatArray,
    panel: _Panel,
) -> Any:
    box = configuration.box[:2]
    sizes = drawn_diameters(configuration)[index]
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
            array=np.ma.masked_invalid(panel.values[index[chosen]]),
            cmap=_with_grey(panel.colours),
            clim=panel.limits,
            edgecolors="white",
            linewidths=0.3,
            alpha=alpha,
        )
        axes.add_collection(image, autolim=False)
    axes.add_patch(Rectangle((0, 0), *box, fill=False, edgecolor="black", lw=0.8))
    axes.set_xlim(-_MARGIN, box[0] + _MARGIN)
    axes.set_ylim(-_MARGIN, box[1] + _MARGIN)
    axes.set_aspect("equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel("x (σ)")
    axes.set_ylabel("y (σ)")
    return image


def _with_grey(name: str) -> Any:
    """Colour map that shows particles without a value in grey."""
    return colormaps[name].with_extremes(bad="#c8c8c8")
