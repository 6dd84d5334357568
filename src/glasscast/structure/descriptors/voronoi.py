r"""Voronoi cells of all particles: radical by default, ordinary when all radii are equal.

The radical (power, Laguerre) cell of particle i holds the points x for which
:math:`|x - r_i|^2 - R_i^2` is smaller than for any other particle. Cells tile the periodic box.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.errors import MissingExtraError
from glasscast.liquid.box import FloatArray


@dataclass(frozen=True)
class Cells:
    """Size of every particle's cell.

    Parameters
    ----------
    volume : (N,) in sigma^3; the area in sigma^2 in two dimensions. Adds up to the box.
    surface : (N,) in sigma^2; the perimeter in sigma in two dimensions.
    """

    volume: FloatArray
    surface: FloatArray


def voronoi_cells(positions: FloatArray, box: FloatArray, radii: FloatArray | None = None) -> Cells:
    """Cells in a periodic box.

    Parameters
    ----------
    positions : (N, d) wrapped into the box, in sigma; d = 2 or 3.
    box : (d,) sides in sigma.
    radii : (N,) in sigma, for radical cells; ordinary ones without. A particle whose cell is
        empty, which takes radii of very different size, has volume and surface 0.

    Raises
    ------
    MissingExtraError : if the library that makes the cells is not installed.
    """
    try:
        import pyvoro2
        from pyvoro2 import planar
    except ImportError:
        raise MissingExtraError(
            "Voronoi cells need pyvoro2: pip install 'glasscast[voronoi]'"
        ) from None
    options: dict[str, Any] = {"return_adjacency": False, "output": "cells"}
    if radii is not None:
        options |= {"mode": "power", "radii": radii}
    bounds = tuple((0.0, float(side)) for side in box)
    if len(box) == 2:
        domain = planar.RectangularCell(bounds, periodic=(True, True))
        cells = planar.compute(positions, domain=domain, **options)
        return _collect(cells, len(positions), "area", "edges")
    domain = pyvoro2.OrthorhombicCell(bounds, periodic=(True, True, True))
    cells = pyvoro2.compute(positions, domain=domain, **options)
    return _collect(cells, len(positions), "volume", "faces")


def _collect(cells: list[dict[str, Any]], size: int, measure: str, sides: str) -> Cells:
    """Volume and surface of each particle; the library's order is arbitrary."""
    volume, surface = np.zeros(size), np.zeros(size)
    owners = np.array([cell["id"] for cell in cells])
    volume[owners] = [cell[measure] for cell in cells]
    vertices = np.concatenate([cell["vertices"] for cell in cells])
    first = np.cumsum([0, *(len(cell["vertices"]) for cell in cells)])[:-1]
    polygons = [side["vertices"] for cell in cells for side in cell[sides]]
    counts = np.array([len(cell[sides]) for cell in cells])
    lengths = np.array([len(polygon) for polygon in polygons])
    corners = np.fromiter(chain.from_iterable(polygons), np.int64, lengths.sum())
    corners += np.repeat(np.repeat(first, counts), lengths)
    areas = _side_measures(vertices, corners, lengths)
    surface[owners] = np.bincount(np.repeat(np.arange(len(cells)), counts), areas, len(cells))
    return Cells(volume, surface)


def _side_measures(
    vertices: FloatArray, corners: NDArray[np.int64], lengths: NDArray[np.int64]
) -> FloatArray:
    """Length of each edge (2D) or area of each polygon (3D), given their corners in a row."""
    if vertices.shape[1] == 2:
        ends = vertices[corners].reshape(-1, 2, 2)
        return np.asarray(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1))
    start = np.cumsum(lengths) - lengths
    # About the polygon's first corner, so that nothing cancels far from the origin.
    spokes = vertices[corners] - np.repeat(vertices[corners[start]], lengths, axis=0)
    following = np.roll(spokes, -1, axis=0)
    following[start + lengths - 1] = spokes[start]
    vectors = np.add.reduceat(np.cross(spokes, following), start, axis=0)
    return np.asarray(np.linalg.norm(vectors, axis=1) / 2)
