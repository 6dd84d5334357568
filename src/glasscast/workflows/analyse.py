"""Look at the data before any model: is the liquid in equilibrium, how does it relax, and where to.

What a dataset does not carry is left out: imported ones have no record of their equilibration.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.files import write_json
from glasscast.errors import ShapeError
from glasscast.evaluation.ceiling import ceiling_mean
from glasscast.evaluation.correlation import Moments
from glasscast.evaluation.directions import alignment, directedness
from glasscast.evaluation.relaxation import MeanCurve, Relaxation, fit_relaxation, standard_error
from glasscast.liquid.interactions import species_name
from glasscast.progress import track
from glasscast.report import html
from glasscast.report.analysis_figures import (
    alignment_figure,
    arrow_figure,
    equilibration_figure,
    label_figure,
    relaxation_figure,
)
from glasscast.report.page import Content, Page, Section
from glasscast.runtime import Workspace

FloatArray = NDArray[np.float64]
_STRUCTURES = ("inherent", "cage")


@dataclass
class _Gathered:
    """What is kept of each configuration, so that a dataset of any size streams."""

    propensity: dict[int, list[FloatArray]] = field(default_factory=lambda: defaultdict(list))
    halves: dict[int, list[Moments]] = field(default_factory=lambda: defaultdict(list))
    cosines: dict[str, list[FloatArray]] = field(default_factory=lambda: defaultdict(list))
    directed: list[FloatArray] = field(default_factory=list)
    production: list[dict[str, Any]] = field(default_factory=list)
    equilibration: list[dict[str, Any]] = field(default_factory=list)
    inherent_energy: list[float] = field(default_factory=list)

    def add(self, c: Configuration) -> None:
        """Take what a configuration carries."""
        for species in c.species:
            mine = c.types == species
            if c.propensity is not None and len(c.times):
                self.propensity[species].append(c.propensity[:, mine].mean(axis=1, dtype=float))
            if c.propensity_halves is not None:
                even, odd = c.propensity_halves[:, :, mine].astype(np.float64)
                self.halves[species].append(Moments.of(even, odd))
        if c.tendency is not None:
            self.directed.append(np.nanmean(directedness(c), axis=1))
            for structure in _STRUCTURES:
                if getattr(c, structure) is not None:
                    self.cosines[structure].append(alignment(c, structure))
        records = c.metadata.get("records", {})
        if "production" in records:
            self.production.append(records["production"])
        if "energy" in records.get("inherent", {}):
            self.inherent_energy.append(records["inherent"]["energy"])
        if "lags" in (c.metadata.get("equilibration") or {}):
            self.equilibration.append(c.metadata["equilibration"])


def analyse(dataset: Dataset, out: Path, workspace: Workspace | None = None) -> Path:
    """Write ``report.html``, ``analysis.json`` and figures about a dataset.

    Parameters
    ----------
    dataset : all with the same times.
    out : folder; created if need be.

    Returns
    -------
    The HTML page.
    """
    workspace = workspace or Workspace()
    gathered, arrows = _Gathered(), None
    for c in track(workspace.progress, "analyse", dataset, len(dataset)):
        gathered.add(c)
        arrows = arrows or (c if c.tendency is not None else None)
    times = np.array(dataset.times)
    numbers: dict[str, Any] = {"dataset": dataset.name, "configurations": len(dataset)}
    sections = [
        Section("Data", [html.facts(_state(dataset))]),
        Section("Is it in equilibrium?", _equilibrium(gathered, times, numbers)),
        Section("How it relaxes", _relaxation(gathered, times, numbers)),
        Section("What can be forecast", _labels(gathered, times, numbers)),
        Section("Where particles tend to", _tendency(gathered, arrows, numbers)),
    ]
    write_json(out / "analysis.json", numbers)
    return Page(f"The data: {dataset.name}", sections).write(out)


def _state(dataset: Dataset) -> dict[str, Any]:
    state = {key: value for key, value in dataset.state.items() if key != "species"}
    return {"name": dataset.name, "configurations": len(dataset), **state}


def _equilibrium(gathered: _Gathered, times: FloatArray, numbers: dict[str, Any]) -> list[Content]:
    """Compare the halves of the longest stretch recorded, and two waiting times.

    The first half of a stretch after a quench is not in equilibrium yet; its energy shows how long
    that lasted.
    """
    if not gathered.equilibration:
        return []
    longest = max(record["time"] for record in gathered.equilibration)
    records = [record for record in gathered.equilibration if record["time"] == longest]
    rows = {}
    for key in ("energy", "pressure", "temperature"):
        halves = np.array([record[key] for record in records])[:, :, 0]
        shift = halves[:, 1] - halves[:, 0]
        error = float(standard_error(shift))
        if len(shift) == 1:
            error = float(np.hypot(*np.array(records[0][key])[:, 1]))
        numbers[f"{key}_mean"] = _mean_and_error(halves.mean(axis=1))
        numbers[f"{key}_shift"] = [float(shift.mean()), error]
        rows[key] = (
            f"{halves.mean():.4f}, second half minus first {shift.mean():+.4f} ± {error:.4f}"
        )
    orders = [record["bond_order"] for record in gathered.equilibration]
    numbers["bond_order_largest"] = max(orders)
    rows["bond order, largest"] = f"{max(orders):.3f} (a crystal has 0.4 to 0.6)"
    if gathered.inherent_energy:
        energy, error = _mean_and_error(np.array(gathered.inherent_energy))
        numbers["inherent_energy"] = [energy, error]
        rows["energy of inherent structures"] = f"{energy:.4f} ± {error:.4f}"
    middle = MeanCurve.of(records[0]["lags"], [record["scattering"][1] for record in records])
    numbers["waiting"] = {"lags": middle.times.tolist(), "scattering": middle.mean.tolist()}
    end = None
    if gathered.production:
        end = MeanCurve.of(times.tolist(), [record["scattering"] for record in gathered.production])
    return [html.facts(rows), equilibration_figure(middle, end, len(records), longest)]


def _relaxation(gathered: _Gathered, times: FloatArray, numbers: dict[str, Any]) -> list[Content]:
    """Scattering function and mean-square displacement of the production runs."""
    records = gathered.production
    if not records:
        return []
    scattering = MeanCurve.of(times.tolist(), [record["scattering"] for record in records])
    squared = MeanCurve.of(times.tolist(), [record["squared_displacement"] for record in records])
    fit: Relaxation | None = None
    with suppress(ShapeError):  # too few times, or too short ones: nothing to fit
        fit = fit_relaxation(times, scattering.mean)
    runs = np.concatenate([record["energy_drift"] for record in records])
    drift, error = _mean_and_error(runs)
    numbers |= {
        "times": times.tolist(),
        "scattering": scattering.mean.tolist(),
        "squared_displacement": squared.mean.tolist(),
        "relaxation": None if fit is None else asdict(fit),
        "energy_drift": [drift, error],
    }
    rows = {"drift of the energy in a run, per particle": f"{drift:.1e} ± {error:.1e}"}
    if fit is not None:
        rows["relaxation time"] = f"{fit.tau_alpha:.4g}, stretching exponent {fit.beta:.2f}"
    return [html.facts(rows), relaxation_figure(scattering, squared, fit)]


def _labels(gathered: _Gathered, times: FloatArray, numbers: dict[str, Any]) -> list[Content]:
    """Mean propensity and noise ceiling."""
    if not gathered.propensity:
        return []
    means = {s: np.mean(values, axis=0) for s, values in gathered.propensity.items()}
    ceilings = {s: ceiling_mean(Moments.join(parts)) for s, parts in gathered.halves.items()}
    names = {s: species_name(s) for s in means}
    numbers["propensity"] = {names[s]: v.tolist() for s, v in means.items()}
    numbers["noise_ceiling"] = {names[s]: v.tolist() for s, v in ceilings.items()}
    return [label_figure(times, means, ceilings)]


def _tendency(
    gathered: _Gathered, example: Configuration | None, numbers: dict[str, Any]
) -> list[Content]:
    """Directions: how directed the motion is, and whether equilibrium positions know the way."""
    if example is None:
        return []
    directed = np.mean(gathered.directed, axis=0)
    numbers["directedness"] = directed.tolist()
    contents: list[Content] = [
        html.facts(
            {
                f"|tendency| / propensity at t = {time:g}": f"{share:.3f}"
                for time, share in zip(example.times, directed, strict=True)
            }
        )
    ]
    if gathered.cosines:
        pooled = {s: np.concatenate(list(c), axis=1) for s, c in gathered.cosines.items()}
        numbers["alignment"] = {s: np.nanmean(c, axis=1).tolist() for s, c in pooled.items()}
        by_time = {s: [row[np.isfinite(row)] for row in c] for s, c in pooled.items()}
        contents.append(alignment_figure(example.times, by_time, example.dimension))
    rows = sorted({0, len(example.times) // 2})
    return [*contents, arrow_figure(example, rows)]


def _mean_and_error(values: FloatArray) -> list[float]:
    """Mean of independent values and its standard error, as JSON has them."""
    return [float(values.mean()), float(standard_error(values))]
