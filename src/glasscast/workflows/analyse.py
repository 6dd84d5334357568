"""Look at the data before any model: is the liquid in equilibrium, how does it relax, and where to.

What a dataset does not carry is left out: imported ones have no record of their equilibration.
"""

from __future__ import annotations

from pathlib import Path

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.files import write_json
from glasscast.evaluation.analysis import analyse_configurations
from glasscast.progress import track
from glasscast.report.analysis_sections import (
    equilibration_section,
    label_section,
    relaxation_section,
    structure_section,
    tendency_section,
)
from glasscast.report.page import Page
from glasscast.report.sections import data_section
from glasscast.runtime import Workspace


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
    configurations = track(workspace.progress, "analyse", dataset, len(dataset))
    found = analyse_configurations(configurations, len(dataset), dataset.times)
    named = {"dataset": dataset.name, "configurations": len(dataset)}
    write_json(out / "analysis.json", named | found.record())
    told = {k: v for k, v in dataset.state.items() if k != "species" and v is not None}
    sections = [
        data_section({"name": dataset.name, "configurations": len(dataset), **told}),
        structure_section(found.structure),
        equilibration_section(found.equilibration),
        relaxation_section(found.dynamics),
        label_section(found.labels),
        tendency_section(found.tendency),
    ]
    return Page(f"The data: {dataset.name}", sections).write(out)
