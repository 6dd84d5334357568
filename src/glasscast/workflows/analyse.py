"""Look at the data before any model: is the liquid equilibrated, how does it relax, and where to.

What a dataset does not carry is left out: imported ones have no record of their equilibration.
"""

from __future__ import annotations

from pathlib import Path

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.files import write_json
from glasscast.datasets.ownership import owned
from glasscast.datasets.times import listed
from glasscast.evaluation.analysis import Analysis, analyse_configurations
from glasscast.progress import track
from glasscast.report.analysis_sections import (
    equilibration_section,
    graph_section,
    label_section,
    neighbour_section,
    relaxation_section,
    smoothness_truth_section,
    structure_section,
    tendency_section,
)
from glasscast.report.page import Page
from glasscast.report.sections import data_section
from glasscast.runtime import Workspace


def analyse(
    dataset: Dataset | Path | str,
    out: Path | str | None = None,
    *,
    workspace: Workspace | None = None,
) -> Analysis:
    """Find out what a dataset says by itself: equilibration, relaxation, noise ceiling, directions.

    Parameters
    ----------
    dataset : or its folder; all with the same times.
    out : folder for ``report.html``, ``analysis.json`` and figures; nothing is written without it.

    Returns
    -------
    The numbers.

    Raises
    ------
    SettingsError : if something else than an earlier analysis of it lies in ``out``.
    """
    dataset = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    workspace = workspace or Workspace()
    if out is None:
        return _analyse(dataset, workspace)
    with owned(Path(out), "analyse", {"dataset": dataset.name}):
        found = _analyse(dataset, workspace)
        _write(found, dataset, Path(out))
        return found


def _analyse(dataset: Dataset, workspace: Workspace) -> Analysis:
    configurations = track(workspace.progress, "analyse", dataset, len(dataset))
    return analyse_configurations(configurations, len(dataset), dataset.times)


def _write(found: Analysis, dataset: Dataset, out: Path) -> None:
    named = {"dataset": dataset.name, "configurations": len(dataset)}
    write_json(out / "analysis.json", named | found.record())
    times = {"times": listed(dataset.times)} if dataset.times else {}
    sections = [
        data_section(
            {"name": dataset.name, "configurations": len(dataset), **dataset.told(), **times}
        ),
        structure_section(found.structure),
        equilibration_section(found.equilibration),
        relaxation_section(found.dynamics),
        label_section(found.labels),
        neighbour_section(found.neighbours),
        tendency_section(found.tendency),
        smoothness_truth_section(found.smoothness),
        graph_section(found.graph),
    ]
    Page(f"The data: {dataset.name}", sections).write(out)
