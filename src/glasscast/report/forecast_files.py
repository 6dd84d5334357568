"""Forecasts as files that OVITO, ASE, pandas and numpy open.

All formats hold the same columns, one value a particle: ``propensity_t4120`` is the forecast of
``propensity`` at t = 4120, ``rank_propensity_t4120`` its rank within the species from 0 (slowest)
to 1, ``sd_propensity_t4120`` its standard deviation where the model was taught one,
``spread_propensity_t4120`` that over the thermal copies averaged, as it is, and
``true_propensity_t4120`` the measured value where one is known. A decimal point is written ``p``
(``propensity_t0p13``), because OVITO reads what follows a dot as a vector component. Where rows are
stages of relaxation, ``s0p5`` stands for F_s(q, t) = 0.5, ``a0p1`` for t = 0.1 tau_alpha, ``n7``
for stage 7.

Extended XYZ (``.xyz``), GSD, CSV, parquet and JSON for chemiscope (``.json``) take several
snapshots, a frame or a group of lines each; npz takes one.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.files import npz_bytes, replacing, write_atomically
from glasscast.datasets.records import VERSION
from glasscast.errors import SettingsError
from glasscast.liquid.box import minimum_image
from glasscast.models.forecast import ModelForecast
from glasscast.report.measured import drawn_diameters, measured_values, rank_within_species
from glasscast.runtime import import_optional

_ENVIRONMENT = 1.5  # radius of what chemiscope shows around a particle: its first shell, in sigma
#: Header of an npz.
FORMAT: Final = "glasscast forecast"
Columns = dict[str, NDArray[np.float32]]
#: Names of species, such as chemical symbols; None: those of the liquid.
Names = Sequence[str] | None


def write_forecasts(path: Path, forecasts: Sequence[ModelForecast], species: Names = None) -> None:
    """Write forecasts atomically in the format that the ending names.

    Parameters
    ----------
    path : ``.xyz`` or ``.extxyz`` (extended XYZ), ``.gsd``, ``.csv``, ``.parquet``, ``.npz``,
        ``.json`` (chemiscope).
    forecasts : their configurations give the positions, and measured values where they have any.
    species : names to write instead of those of the liquid. Extended XYZ then has the column
        ``species``, which ASE and OVITO take for chemical elements; without it ``type``, since
        OVITO would draw a species B as boron, and ASE knows no element A.

    Raises
    ------
    SettingsError : for another ending, too few names, or a name that a format cannot hold.
    MissingExtraError : for parquet without pandas and pyarrow.
    InputError : if the file cannot be written; nothing is left behind.
    """
    if path.suffix not in _WRITERS:
        raise SettingsError(f"{path}: forecasts are written as {', '.join(_WRITERS)}", "formats")
    for name in species or ():
        if not name or any(c.isspace() or c in ":\"'" for c in name):
            raise SettingsError(f"'{name}' cannot name a species in a file", "species")
    for forecast in forecasts:
        species_names(forecast.configuration, species)
    _WRITERS[path.suffix](path, forecasts, species)


def species_names(configuration: Configuration, given: Names = None) -> tuple[str, ...]:
    """Name of species 0, 1, ...: as given, else those of the liquid, else A, B, ...

    Raises
    ------
    SettingsError : if fewer names are given than there are species.
    """
    count = int(configuration.types.max(initial=0)) + 1
    if given is not None:
        if len(given) < count:
            raise SettingsError(
                f"{len(given)} names for the {count} species of {configuration.name}", "species"
            )
        return tuple(given)
    return configuration.species_names


def forecast_columns(forecast: ModelForecast) -> Columns:
    """Name and values, (N,) float32, of every column of a forecast's file."""
    columns: Columns = {}
    for row, label in enumerate(forecast.stages.labels):
        name, values = f"{forecast.target}_{label}", forecast.values[row]
        columns[name] = values
        if forecast.uncertainty is not None:
            columns[f"sd_{name}"] = forecast.uncertainty[row]
        if forecast.spread is not None:
            columns[f"spread_{name}"] = forecast.spread[row]
        ranks = rank_within_species(values.astype(np.float64), forecast.configuration.types)
        columns[f"rank_{name}"] = ranks.astype(np.float32)
        measured = measured_values(forecast, forecast.times[row])
        if measured is not None:
            columns[f"true_{name}"] = measured.astype(np.float32)
    return columns


def forecast_table(
    forecast: ModelForecast, frame: int = 0, species: Names = None
) -> dict[str, Any]:
    """Columns of a table, one row a particle: snapshot, frame, particle, id, species, position.

    ``id`` is there where the snapshot has ids; then follow those of :func:`forecast_columns`.
    """
    c = forecast.configuration
    names = np.array(species_names(c, species))
    table: dict[str, Any] = {
        "snapshot": np.full(c.size, c.name),
        "frame": np.full(c.size, frame),
        "particle": np.arange(c.size),
    }
    if c.ids is not None:
        table["id"] = c.ids
    table["species"] = names[c.types]
    table |= {axis: c.positions[:, k] for k, axis in enumerate("xyz"[: c.dimension])}
    return table | forecast_columns(forecast)


def _write_npz(path: Path, forecasts: Sequence[ModelForecast], species: Names) -> None:
    """Write columns, of pairs too, beside the snapshot and the record as JSON; no pickles."""
    if len(forecasts) != 1:
        raise SettingsError(f"{path}: an npz holds one forecast, not {len(forecasts)}", "formats")
    forecast = forecasts[0]
    c = forecast.configuration
    record = forecast.record() | {"species": list(species_names(c, species))}
    texts = {"format": FORMAT, "version": VERSION, "name": c.name, "record": json.dumps(record)}
    arrays = {key: np.array(value) for key, value in texts.items()}
    arrays |= {"positions": c.positions, "types": c.types, "box": c.box}
    if c.ids is not None:
        arrays["ids"] = c.ids
    arrays |= forecast_columns(forecast)
    if forecast.bonds is not None and forecast.bond_change is not None:
        rows = zip(forecast.stages.labels, forecast.bond_change, strict=True)
        arrays |= {"bonds": forecast.bonds} | {f"bond_change_{label}": row for label, row in rows}
    write_atomically(path, npz_bytes(arrays))


def _write_csv(path: Path, forecasts: Sequence[ModelForecast], species: Names) -> None:
    """Write a line a particle; what is not forecast or measured is empty."""
    tables = [forecast_table(f, frame, species) for frame, f in enumerate(forecasts)]
    header = list(dict.fromkeys(key for table in tables for key in table))
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    for table in tables:
        columns = [[_cell(v) for v in table[key]] if key in table else [""] * len(table["frame"])
                   for key in header]  # fmt: skip
        writer.writerows(zip(*columns, strict=True))
    write_atomically(path, stream.getvalue().encode())


def _cell(value: Any) -> str:
    """Text that reads back the same number; empty for NaN."""
    if isinstance(value, np.floating):
        return "" if np.isnan(value) else str(value)
    return str(value)


def _write_parquet(path: Path, forecasts: Sequence[ModelForecast], species: Names) -> None:
    """Write a row a particle."""
    pandas = import_optional("pandas", "parquet")
    import_optional("pyarrow", "parquet")
    tables = [forecast_table(f, frame, species) for frame, f in enumerate(forecasts)]
    frame = pandas.concat([pandas.DataFrame(table) for table in tables], ignore_index=True)
    with replacing(path) as partial:
        frame.to_parquet(partial, engine="pyarrow", index=False)


def _write_extxyz(path: Path, forecasts: Sequence[ModelForecast], species: Names) -> None:
    """Write a frame a snapshot; 2D ones lie in the plane z = 0 of a box of height 1."""
    frames = [_extxyz_frame(forecast, species) for forecast in forecasts]
    write_atomically(path, "".join(frames).encode())


def _extxyz_frame(forecast: ModelForecast, species: Names) -> str:
    configuration, columns = forecast.configuration, forecast_columns(forecast)
    flat = configuration.dimension == 2
    lattice = np.diag(np.append(configuration.box, 1.0) if flat else configuration.box)
    ids = configuration.ids
    properties = f"{'type' if species is None else 'species'}:S:1:pos:R:3"
    properties += (":id:I:1" if ids is not None else "") + ":radius:R:1"
    properties += "".join(f":{name}:R:1" for name in columns)
    comment = [
        f'Lattice="{" ".join(repr(float(side)) for side in lattice.ravel())}"',
        f"Properties={properties}",
        f'pbc="T T {"F" if flat else "T"}"',
        f"name={_quoted(configuration.name)}",
        f"model={_quoted(forecast.model)}",
        f"target={_quoted(forecast.target)}",
        f"stages={_quoted(' '.join(forecast.stages.labels))}",
    ]
    lines = [str(configuration.size), " ".join(comment)]
    names = species_names(configuration, species)
    radii = drawn_diameters(configuration) / 2
    values = np.array(list(columns.values())).reshape(len(columns), configuration.size).T
    for k, (kind, position) in enumerate(
        zip(configuration.types, _three(configuration), strict=True)
    ):
        # 17 digits keep float64 positions exactly, 9 digits the float32 columns.
        words = [names[kind], *(f"{x:.17g}" for x in position)]
        words += [] if ids is None else [str(int(ids[k]))]
        words += [f"{radii[k]:g}", *(f"{v:.9g}" for v in values[k])]
        lines.append(" ".join(words))
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Quote a value of the comment line; readers differ in how a quote within is escaped."""
    printable = "".join(c if c.isprintable() and c not in "\"'\\" else " " for c in text)
    return f'"{printable}"'


def _three(configuration: Configuration) -> NDArray[np.float64]:
    """Positions with three columns: (N, 3)."""
    missing = 3 - configuration.dimension
    return np.pad(configuration.positions, ((0, 0), (0, missing)))


def _write_gsd(path: Path, forecasts: Sequence[ModelForecast], species: Names) -> None:
    """Write a GSD frame a snapshot; the box is centred as HOOMD and OVITO want it."""
    import gsd.hoomd

    with replacing(path) as partial, gsd.hoomd.open(str(partial), "w") as stream:
        for step, forecast in enumerate(forecasts):
            frame = _gsd_frame(forecast, species)
            frame.configuration.step = step
            stream.append(frame)


def _gsd_frame(forecast: ModelForecast, species: Names) -> Any:
    import gsd.hoomd

    configuration = forecast.configuration
    flat = configuration.dimension == 2
    box = np.append(configuration.box, 1.0) if flat else configuration.box
    frame = gsd.hoomd.Frame()
    frame.configuration.box = [*box, 0, 0, 0]
    frame.configuration.dimensions = configuration.dimension
    frame.particles.N = configuration.size
    frame.particles.types = list(species_names(configuration, species))
    frame.particles.typeid = configuration.types.astype(np.uint32)
    frame.particles.position = _centred(configuration.positions, configuration.box)
    # Without a diameter OVITO draws type B as boron.
    frame.particles.diameter = drawn_diameters(configuration).astype(np.float32)
    ids = configuration.ids
    if ids is not None:
        frame.log["particles/id"] = np.asarray(ids, dtype=np.int64)
    for name, values in forecast_columns(forecast).items():
        frame.log[f"particles/{name}"] = np.asarray(values, dtype=np.float32)
    return frame


def _write_chemiscope(path: Path, forecasts: Sequence[ModelForecast], species: Names) -> None:
    """Write JSON that the viewer chemiscope opens: an environment a particle that is forecast."""
    structures: list[dict[str, Any]] = []
    environments: list[dict[str, Any]] = []
    columns = [forecast_columns(forecast) for forecast in forecasts]
    common = [name for name in columns[0] if all(name in each for each in columns)]
    values: dict[str, list[float]] = {name: [] for name in common}
    for number, (forecast, of_one) in enumerate(zip(forecasts, columns, strict=True)):
        c = forecast.configuration
        sides = np.append(c.box, 1.0) if c.dimension == 2 else c.box
        names, points = np.array(species_names(c, species)), _three(c)
        structures.append(
            {
                "size": c.size,
                "names": names[c.types].tolist(),
                **{axis: points[:, k].tolist() for k, axis in enumerate("xyz")},
                "cell": np.diag(sides).ravel().tolist(),
            }
        )
        known = np.isfinite([of_one[name] for name in common]).all(axis=0)  # JSON knows no NaN
        environments += [
            {"structure": number, "center": int(k), "cutoff": _ENVIRONMENT}
            for k in np.flatnonzero(known)
        ]
        for name in common:
            values[name] += [float(f"{v:.9g}") for v in of_one[name][known]]
    content = {
        "meta": {"name": f"{forecasts[0].target} forecast by {forecasts[0].model}"},
        "structures": structures,
        "properties": {
            name: {"target": "atom", "values": found, "units": "" if "rank" in name else "sigma"}
            for name, found in values.items()
        },
        "environments": environments,
    }
    write_atomically(path, json.dumps(content, allow_nan=False).encode())


def _centred(positions: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float32]:
    """Positions in [-L/2, L/2), the same points up to whole boxes: (N, 3) float32."""
    points = minimum_image(positions, box).astype(np.float32)
    side = box.astype(np.float32)
    # Single precision can round a point onto the upper face, which belongs to the next box.
    points = np.where(points >= side / 2, points - side, points)
    return np.pad(points, ((0, 0), (0, 3 - points.shape[1]))).astype(np.float32)


_WRITERS: dict[str, Callable[[Path, Sequence[ModelForecast], Names], None]] = {
    ".xyz": _write_extxyz,
    ".extxyz": _write_extxyz,
    ".gsd": _write_gsd,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".npz": _write_npz,
    ".json": _write_chemiscope,
}
