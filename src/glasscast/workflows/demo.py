"""The main job on the bundled sample: train, forecast, score, report."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from glasscast.datasets.dataset import Dataset
from glasscast.models.lr import LinearSettings
from glasscast.runtime import Workspace
from glasscast.workflows.benchmark import benchmark, report_benchmark
from glasscast.workflows.experiments import BenchmarkExperiment, Data


def sample_folder() -> Path:
    """Folder of the bundled data set."""
    return Path(str(files("glasscast.datasets") / "sample"))


def demo(out: Path, workspace: Workspace | None = None, command: str = "") -> Path:
    """Train linear models on the bundled sample, forecast its test half, write the report.

    Parameters
    ----------
    out : folder of the experiment.
    command : that makes the page again, for the page.

    Returns
    -------
    The report's HTML page.
    """
    sample = sample_folder()
    experiment = BenchmarkExperiment(
        data=Data(datasets=(sample,), split="train"),
        test=Data(datasets=(sample,), split="test"),
        models={f"LR({n})": LinearSettings(order=n) for n in (0, 1, 2)},
        tau_alpha=Dataset.open(sample).state.get("tau_alpha"),
    )
    result = benchmark(experiment, out, workspace)
    return report_benchmark(out, experiment, result, title="glasscast demo", command=command)
