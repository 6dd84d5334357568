"""Pictures of the box: dots, bonds, arrows and interpolated fields of a slab of particles."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.interpolate import griddata

from glasscast.datasets.configuration import Configuration
from glasscast.liquid.box import FloatArray, minimum_image
from glasscast.recipes.sheet import Sheet
from glasscast.report.measured import robust_limits
from glasscast.report.style import GREY, MOBILITY_MAP

#: Positive and negative, white between.
SIGNED_MAP = "RdBu_r"
Mask = NDArray[np.bool_]


def slab(configuration: Configuration, low: float, high: float, sheet: Sheet) -> Mask:
    """Particles of a slab in z, placed in the middle at equal thickness where it does not fit.

    Parameters
    ----------
    low, high : of the paper.
    sheet : gets a remark where the slab had to be placed anew.
    """
    side = float(configuration.box[-1])
    if high > side:
        thickness = high - low
        placed = (side - thickness) / 2
        sheet.remark(
            f"The slab {low:g} < z < {high:g} reaches past the box side {side:.2f}; drawn is "
            f"{placed:.2f} < z < {placed + thickness:.2f}, of equal thickness."
        )
        low, high = placed, placed + thickness
    z = configuration.positions[:, -1]
    return np.asarray((z > low) & (z < high))


def limits_of(values: Sequence[FloatArray], percent: float = 2.0) -> tuple[float, float]:
    """Colour range of several panels: percentiles of all of them."""
    return robust_limits(np.concatenate([np.ravel(v) for v in values]), percent)


def dots(
    sheet: Sheet,
    axes: Axes,
    panel: str,
    series: str,
    points: FloatArray,
    colour: FloatArray,
    limits: tuple[float, float],
    size: float = 5.0,
    colours: str = MOBILITY_MAP,
) -> Any:
    """Draw and note a dot a particle: points (n, 2), colour (n,)."""
    image = axes.scatter(
        points[:, 0],
        points[:, 1],
        c=colour,
        s=size,
        cmap=colours,
        vmin=limits[0],
        vmax=limits[1],
        linewidths=0,
    )
    sheet.add(panel, series, x=points[:, 0], y=points[:, 1], colour=colour)
    return image


def frame(axes: Axes, configuration: Configuration, labels: bool = True) -> None:
    """Show the box, seen along z."""
    axes.set_xlim(0, configuration.box[0])
    axes.set_ylim(0, configuration.box[1])
    axes.set_aspect("equal")
    axes.tick_params(labelsize=7)
    if labels:
        axes.set_xlabel("x (σ)")
        axes.set_ylabel("y (σ)")


def colour_bar(figure: Figure, image: Any, axes: Sequence[Axes], label: str) -> None:
    """One bar of colours for several panels."""
    bar = figure.colorbar(
        image,
        ax=list(axes),
        label=label,
        location="bottom",
        aspect=28,
        pad=0.02,
        extend="both",
        shrink=0.9,
    )
    bar.ax.tick_params(labelsize=7)


def bonds(
    sheet: Sheet,
    axes: Axes,
    panel: str,
    series: str,
    configuration: Configuration,
    pairs: NDArray[np.int32],
    values: FloatArray,
    limits: tuple[float, float],
) -> Any:
    """Draw and note pairs as segments: pairs (2, n), values (n,)."""
    start = configuration.positions[pairs[0]]
    step = minimum_image(configuration.positions[pairs[1]] - start, configuration.box)
    middle = (start + step / 2)[:, :2]
    lines = np.stack([start[:, :2], (start + step)[:, :2]], axis=1)
    image = LineCollection(list(lines), array=values, cmap=SIGNED_MAP, clim=limits, linewidths=1.8)
    axes.add_collection(image)
    axes.plot(*configuration.positions[np.unique(pairs)][:, :2].T, ".", color=GREY, ms=1.5)
    sheet.add(
        panel, series, x=middle[:, 0], y=middle[:, 1], colour=values, u=step[:, 0], v=step[:, 1]
    )
    return image


def field(
    sheet: Sheet,
    axes: Axes,
    panel: str,
    series: str,
    configuration: Configuration,
    chosen: Mask,
    values: FloatArray,
    limits: tuple[float, float],
    colours: str = MOBILITY_MAP,
) -> Any:
    """Draw values (N,) interpolated between the chosen particles, periodic in the plane.

    Particles without a value, of a species that a model does not forecast, are left out.
    """
    known = np.isfinite(values)
    if not known[chosen].all():
        sheet.remark("Species that the model did not learn are left out.")
        chosen = chosen & known
    points = configuration.positions[chosen][:, :2]
    box = configuration.box[:2]
    shifts = [np.array(s) * box for s in product((-1, 0, 1), repeat=2)]
    around = np.concatenate([points + shift for shift in shifts])
    near = np.all((around > -3) & (around < box + 3), axis=1)
    repeated = np.tile(values[chosen], len(shifts))
    ticks = [np.linspace(0, side, 120) for side in box]
    grid = np.meshgrid(*ticks, indexing="xy")
    shown = griddata(around[near], repeated[near], tuple(grid), method="linear")
    image = axes.pcolormesh(
        *ticks, shown, cmap=colours, vmin=limits[0], vmax=limits[1], shading="auto", rasterized=True
    )
    axes.plot(*points.T, ".", color="black", ms=1.0)
    sheet.add(panel, series, x=points[:, 0], y=points[:, 1], colour=values[chosen])
    return image


def arrows(
    sheet: Sheet,
    axes: Axes,
    panel: str,
    series: str,
    configuration: Configuration,
    chosen: Mask,
    vectors: FloatArray,
) -> None:
    """Draw vectors (N, d) of the chosen particles, their mean length as long as 0.8 sigma."""
    points, shown = configuration.positions[chosen][:, :2], vectors[chosen][:, :2]
    mean = float(np.linalg.norm(shown, axis=1).mean())
    scale = mean / 0.8 if mean > 0 else 1.0
    axes.quiver(
        *points.T, *shown.T, angles="xy", scale_units="xy", scale=scale, width=0.006, color="black"
    )
    sheet.add(panel, series, x=points[:, 0], y=points[:, 1], u=shown[:, 0], v=shown[:, 1])
