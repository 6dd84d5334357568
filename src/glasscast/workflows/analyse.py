"""Look at the data before any model: is the liquid equilibrated, how does it relax, and where to.

What a dataset does not carry is left out: imported ones have no record of their equilibration.
"""

from __future__ import annotations

from pathlib import Path

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.files import write_json
from glasscast.datasets.kept_runs import kept_ensembles
from glasscast.datasets.metadata import MeasuredRelaxation
from glasscast.datasets.ownership import owned
from glasscast.datasets.scattering import AskedWave, Wave, wave_of
from glasscast.datasets.times import listed
from glasscast.evaluation.analysis import Analysis, analyse_configurations
from glasscast.evaluation.runs import RunStatistics, evaluate_runs
from glasscast.liquid.definition import load_liquid
from glasscast.progress import track
from glasscast.report.analysis_sections import (
    equilibration_section,
    graph_section,
    label_section,
    neighbour_section,
    relaxation_section,
    run_section,
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
    wave_number: AskedWave | None = None,
    workspace: Workspace | None = None,
) -> Analysis:
    """Find out what a dataset says by itself: equilibration, relaxation, noise ceiling, directions.

    Where it keeps the runs behind its labels, their overlap, its susceptibility and the directions
    of single particles are looked at as well.

    Parameters
    ----------
    dataset : or its folder; all with the same times.
    wave_number : q of the scattering function, measured anew from the runs that it keeps:
        ``diameter``, ``peak`` or a number, see
        :func:`~glasscast.workflows.import_data.import_data`; as recorded when absent.
    out : folder for ``report.html``, ``analysis.json`` and figures; nothing is written without it.

    Returns
    -------
    The numbers.

    Raises
    ------
    SettingsError : if something else than an earlier analysis of it lies in ``out``.
    InputError : if another wave number is asked for and it keeps no runs.
    """
    dataset = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    workspace = workspace or Workspace()
    if out is None:
        return _analyse(dataset, wave_number, workspace)
    with owned(Path(out), "analyse", {"dataset": dataset.name}):
        found = _analyse(dataset, wave_number, workspace)
        _write(found, dataset, Path(out))
        return found


def _analyse(dataset: Dataset, asked: AskedWave | None, workspace: Workspace) -> Analysis:
    kept = all(entry.trajectories is not None for entry in dataset.entries)
    relaxations: list[MeasuredRelaxation] | None = None
    runs: RunStatistics | None = None
    if kept or asked is not None:
        ensembles = track(workspace.progress, "runs", kept_ensembles(dataset), len(dataset))
        measured, runs = evaluate_runs(ensembles, _wave(dataset, asked or "diameter"))
        relaxations = None if asked is None else measured
    configurations = track(workspace.progress, "analyse", dataset, len(dataset))
    return analyse_configurations(
        configurations, len(dataset), dataset.times, relaxations=relaxations, runs=runs
    )


def _wave(dataset: Dataset, asked: AskedWave) -> Wave:
    """Wave number in the liquid of a dataset."""
    first = dataset[0]
    liquid = first.metadata.state_point.liquid
    sigma = 1.0 if liquid is None else float(load_liquid(liquid).sigma[0, 0])
    return wave_of(asked, first.positions, first.types, first.box, sigma)


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
        run_section(found.runs),
        smoothness_truth_section(found.smoothness),
        graph_section(found.graph),
    ]
    Page(f"The data: {dataset.name}", sections).write(out)
