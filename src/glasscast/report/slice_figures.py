"""A slice of the box, true, predicted and the difference, with periodic images."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.models.forecast import ModelForecast
from glasscast.report.measured import (
    FloatArray,
    measured_values,
    rank_within_species,
    robust_limits,
)
from glasscast.report.style import (
    ERROR_MAP,
    MOBILITY_MAP,
    drawn_diameters,
    new_figure,
    styled,
    target_label,
)


@styled
def slice_figure(
    forecast: ModelForecast,
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
    reach = int(np.ceil(margin / box[:2].min()))
    for shift in product(range(-reach, reach + 1), repeat=2):
        if shift == (0, 0):
            continue
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
        limits = robust_limits(predicted if true is None else true, 2.0)
    panels: list[Panel] = [("predicted", predicted, limits, MOBILITY_MAP, "level")]
    if true is not None:
        error = predicted - true
        span = robust_limits(np.abs(error), 2.0)[1]
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
