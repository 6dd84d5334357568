"""Forecasts as files that OVITO and numpy open: extended XYZ, GSD, npz.

All formats hold the same columns, one value a particle: ``propensity_t4120`` is the forecast of
``propensity`` at t = 4120, ``sd_propensity_t4120`` its standard deviation where the model gives
one, ``true_propensity_t4120`` the measured value where one is known. A decimal point is written
``p`` (``propensity_t0p13``), because OVITO reads what follows a dot as a vector component.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.files import npz_bytes, replacing, write_atomically
from glasscast.errors import SettingsError
from glasscast.liquid.box import minimum_image
from glasscast.liquid.interactions import species_name
from glasscast.models.forecast import ModelForecast
from glasscast.report.measured import drawn_diameters, measured_values

Columns = dict[str, NDArray[np.float32]]


def write_forecast(path: Path, forecast: ModelForecast) -> None:
    """Write a forecast atomically in the format that the ending names.

    Parameters
    ----------
    path : ``.xyz`` or ``.extxyz`` (extended XYZ), ``.gsd``, or ``.npz``.
    forecast : its configuration gives the positions, and measured values where it has any.

    Raises
    ------
    SettingsError : for another ending.
    InputError : if the file cannot be written; nothing is left behind.
    """
    writers: dict[str, Callable[[Path, ModelForecast, Columns], None]] = {
        ".xyz": _write_extxyz,
        ".extxyz": _write_extxyz,
        ".gsd": _write_gsd,
        ".npz": _write_npz,
    }
    if path.suffix not in writers:
        raise SettingsError(f"{path}: forecasts are written as {', '.join(writers)}")
    writers[path.suffix](path, forecast, forecast_columns(forecast))


def forecast_columns(forecast: ModelForecast) -> Columns:
    """Name and values, (N,) float32, of every column of a forecast's file."""
    columns: Columns = {}
    for row, label in enumerate(_time_labels(forecast.times)):
        name = f"{forecast.target}_t{label}"
        columns[name] = forecast.values[row]
        if forecast.uncertainty is not None:
            columns[f"sd_{name}"] = forecast.uncertainty[row]
        measured = measured_values(forecast, forecast.times[row])
        if measured is not None:
            columns[f"true_{name}"] = measured.astype(np.float32)
    return columns


def _time_labels(times: NDArray[np.float64]) -> list[str]:
    """Short decimal text of each time, exact where six digits would not tell them apart."""
    for digits in (6, 17):
        labels = [
            np.format_float_positional(t, precision=digits, fractional=False, trim="-")
            for t in times
        ]
        if len(set(labels)) == len(labels):
            break
    return [label.replace(".", "p") for label in labels]


def _write_npz(path: Path, forecast: ModelForecast, columns: Columns) -> None:
    """Write the columns beside ``positions``, ``types``, ``box`` and ``times``; no pickles."""
    configuration = forecast.configuration
    arrays: dict[str, NDArray[Any]] = {
        "positions": configuration.positions,
        "types": configuration.types,
        "box": configuration.box,
        "times": forecast.times,
        "name": np.array(configuration.name),
        "model": np.array(forecast.model),
        "target": np.array(forecast.target),
        **columns,
    }
    if forecast.bonds is not None and forecast.bond_change is not None:
        arrays |= {"bonds": forecast.bonds, "bond_change": forecast.bond_change}
    write_atomically(path, npz_bytes(arrays))


def _write_extxyz(path: Path, forecast: ModelForecast, columns: Columns) -> None:
    """Write one frame; a 2D configuration lies in the plane z = 0 of a box of height 1."""
    configuration = forecast.configuration
    flat = configuration.dimension == 2
    lattice = np.diag(np.append(configuration.box, 1.0) if flat else configuration.box)
    properties = "species:S:1:pos:R:3:radius:R:1" + "".join(f":{name}:R:1" for name in columns)
    comment = [
        f'Lattice="{" ".join(repr(float(side)) for side in lattice.ravel())}"',
        f"Properties={properties}",
        f'pbc="T T {"F" if flat else "T"}"',
        f"name={_quoted(configuration.name)}",
        f"model={_quoted(forecast.model)}",
        f"target={_quoted(forecast.target)}",
    ]
    lines = [str(configuration.size), " ".join(comment)]
    names = [species_name(s) for s in range(int(configuration.types.max(initial=0)) + 1)]
    radii = drawn_diameters(configuration) / 2
    values = np.array(list(columns.values())).reshape(len(columns), configuration.size).T
    for species, position, radius, row in zip(
        configuration.types, _three(configuration), radii, values, strict=True
    ):
        # 17 digits keep float64 positions exactly, 9 digits the float32 columns.
        numbers = [f"{x:.17g}" for x in position] + [f"{radius:g}"] + [f"{v:.9g}" for v in row]
        lines.append(f"{names[species]} {' '.join(numbers)}")
    write_atomically(path, ("\n".join(lines) + "\n").encode())


def _quoted(text: str) -> str:
    """Quote a value of the comment line; a line break in it would end the header."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return json.dumps(printable, ensure_ascii=False)


def _three(configuration: Configuration) -> NDArray[np.float64]:
    """Positions with three columns: (N, 3)."""
    missing = 3 - configuration.dimension
    return np.pad(configuration.positions, ((0, 0), (0, missing)))


def _write_gsd(path: Path, forecast: ModelForecast, columns: Columns) -> None:
    """Write one GSD frame; the box is centred on the origin as HOOMD and OVITO want it."""
    import gsd.hoomd

    with replacing(path) as partial, gsd.hoomd.open(str(partial), "w") as stream:
        stream.append(_gsd_frame(forecast, columns))


def _gsd_frame(forecast: ModelForecast, columns: Columns) -> Any:
    import gsd.hoomd

    configuration = forecast.configuration
    flat = configuration.dimension == 2
    box = np.append(configuration.box, 1.0) if flat else configuration.box
    frame = gsd.hoomd.Frame()
    frame.configuration.box = [*box, 0, 0, 0]
    frame.configuration.dimensions = configuration.dimension
    frame.particles.N = configuration.size
    count = int(configuration.types.max(initial=0)) + 1
    frame.particles.types = [species_name(s) for s in range(count)]
    frame.particles.typeid = configuration.types.astype(np.uint32)
    frame.particles.position = _centred(configuration.positions, configuration.box)
    # Without a diameter OVITO draws type B as boron.
    frame.particles.diameter = drawn_diameters(configuration).astype(np.float32)
    for name, values in columns.items():
        frame.log[f"particles/{name}"] = np.asarray(values, dtype=np.float32)
    return frame


def _centred(positions: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float32]:
    """Positions in [-L/2, L/2), the same points up to whole boxes: (N, 3) float32."""
    points = minimum_image(positions, box).astype(np.float32)
    side = box.astype(np.float32)
    # Single precision can round a point onto the upper face, which belongs to the next box.
    points = np.where(points >= side / 2, points - side, points)
    return np.pad(points, ((0, 0), (0, 3 - points.shape[1]))).astype(np.float32)
