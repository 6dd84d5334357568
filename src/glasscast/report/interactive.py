"""Data of the view that turns in the browser, coloured by forecast or measurement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.liquid.box import FloatArray
from glasscast.liquid.interactions import species_name
from glasscast.models.forecast import ModelForecast
from glasscast.report.measured import drawn_diameters, measured_values, rank_within_species
from glasscast.report.style import target_label

#: Width of the box on the screen, in pixels, that particle sizes are reckoned from.
_BOX_PIXELS = {2: 500.0, 3: 105.0}


def view_data(forecast: ModelForecast) -> dict[str, Any]:
    """Everything the view shows, as JSON values.

    Colour is the rank within the species; hovering shows the value.
    """
    configuration = forecast.configuration
    pixels = _BOX_PIXELS[configuration.dimension] / float(configuration.box.max())
    sizes = drawn_diameters(configuration)
    species = [
        (kind, np.flatnonzero(configuration.types == kind)) for kind in configuration.species
    ]
    return {
        "dimension": configuration.dimension,
        "label": target_label(forecast.target),
        "positions": [_short(axis) for axis in configuration.positions.T],
        "species": [
            {
                "name": species_name(kind),
                "size": pixels * float(sizes[members[0]]),
                "members": members.tolist(),
            }
            for kind, members in species
        ],
        "fields": list(_fields(forecast)),
        "frame": _frame(configuration.box),
    }


def view_kinds(forecast: ModelForecast) -> list[str]:
    """Kinds among ``predicted`` and ``true`` that the view offers.

    ``true`` is offered only when it is known at every time.
    """
    known = all(measured_values(forecast, time) is not None for time in forecast.times)
    return ["predicted", "true"] if known else ["predicted"]


def _fields(forecast: ModelForecast) -> Iterator[dict[str, Any]]:
    types = forecast.configuration.types
    for row, time in enumerate(forecast.times):
        values = {
            "predicted": np.asarray(forecast.values[row], dtype=np.float64),
            "true": measured_values(forecast, time),
        }
        for kind in view_kinds(forecast):
            shown = values[kind]
            assert shown is not None  # view_kinds made sure
            ranks = rank_within_species(shown, types)
            yield {"time": row, "kind": kind, "value": _short(shown), "rank": _short(ranks)}


def _short(values: FloatArray) -> list[float | None]:
    """Four significant digits are enough to look at; None where there is no number."""
    return [float(f"{v:.4g}") if np.isfinite(v) else None for v in values]


def _frame(box: NDArray[np.float64]) -> dict[str, Any]:
    """Edges of the box as one line with gaps."""
    dimension = len(box)
    corners = np.array(np.meshgrid(*[[0, 1]] * dimension, indexing="ij")).reshape(dimension, -1).T
    lines: list[list[float | None]] = [[] for _ in box]
    for a in corners:
        for axis in range(dimension):
            if a[axis] == 0:
                b = a.copy()
                b[axis] = 1
                for k, line in enumerate(lines):
                    line += [float(a[k] * box[k]), float(b[k] * box[k]), None]
    kind = "scatter3d" if dimension == 3 else "scatter"
    frame: dict[str, Any] = dict(zip("xyz", lines, strict=False))
    return frame | {"type": kind, "mode": "lines", "hoverinfo": "skip", "showlegend": False}
