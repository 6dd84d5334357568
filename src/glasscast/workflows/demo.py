"""The main job on the bundled sample: train, forecast, score, report."""

from __future__ import annotations

from pathlib import Path

from glasscast.datasets.dataset import SAMPLE, Dataset
from glasscast.models.lr import LinearSettings
from glasscast.runtime import Workspace
from glasscast.workflows.benchmark import BenchmarkResult, benchmark
from glasscast.workflows.experiments import BenchmarkExperiment, Data


def load_sample() -> Dataset:
    """Open the bundled data set: 20 Kob-Andersen configurations at T = 0.64, with all labels."""
    return Dataset.open(SAMPLE)


def demo(
    out: Path | str | None = None, *, command: str = "", workspace: Workspace | None = None
) -> BenchmarkResult:
    """Train linear models on the bundled sample, forecast its test half, write the report.

    Parameters
    ----------
    out : folder of the experiment, with ``report.html``; nothing is kept without it.
    command : that makes the page again, for the page.

    Returns
    -------
    Scores of the models.
    """
    sample = Path(SAMPLE)
    experiment = BenchmarkExperiment(
        data=Data(datasets=(sample,), split="train"),
        test=Data(datasets=(sample,), split="test"),
        models={f"LR({n})": LinearSettings(order=n) for n in (0, 1, 2)},
        tau_alpha=load_sample().stages.tau_alpha,
    )
    return benchmark(experiment, out, title="glasscast demo", command=command, workspace=workspace)
