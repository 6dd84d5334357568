"""Commands that train models, forecast with them and compare them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from glasscast.cli.options import (
    Engine,
    ModelName,
    Out,
    Overrides,
    Threads,
    command_line,
    console,
    show,
    workspace_for,
)


def import_weights(
    weights: Annotated[
        Path, typer.Argument(help="published .pth (BOTAN), .ckpt.index (DeepMind) or .pt (EIGNN)")
    ],
    out: Annotated[Path, typer.Argument(help="model folder to write")],
    time: Annotated[
        float | None, typer.Option(help="time BOTAN or DeepMind weights forecast, LJ units", min=0)
    ] = None,
) -> None:
    """Turn published network weights into a model that predicts."""
    from glasscast.workflows.import_weights import import_weights as workflow

    workflow(weights, time).save(out)
    console.print(f"model in {out}", highlight=False)


def train(
    experiment: Annotated[Path, typer.Argument(help="YAML experiment file")],
    out: Out,
    overrides: Overrides = None,
    threads: Threads = 0,
) -> None:
    """Train one model."""
    from glasscast.config import read
    from glasscast.evaluation.score_table import read_scores
    from glasscast.models.files import MODEL
    from glasscast.workflows import train as workflow
    from glasscast.workflows.experiments import TrainExperiment

    settings = read(TrainExperiment, experiment, overrides or [])
    with workspace_for(threads) as workspace:
        workflow.train(settings, out, workspace)
    console.print(f"model in {out / MODEL}", highlight=False, soft_wrap=True)
    if settings.test is not None:
        show(read_scores(out / f"{workflow.SCORES}.json"))


def predict(
    snapshots: Annotated[list[Path], typer.Argument(help="snapshot files or dataset folders")],
    model: ModelName,
    out: Out = Path("forecast"),
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="xyz, gsd or npz, repeatable")
    ] = None,
    density: Annotated[
        float | None, typer.Option(help="number density, for files without a box", min=0)
    ] = None,
    liquid: Annotated[
        str | None, typer.Option(help="where files do not tell; default: the model's")
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(help="for cage states, where files do not tell; default: the model's", min=0),
    ] = None,
    copies: Annotated[
        int, typer.Option(help="forecast the mean over so many thermal copies as well", min=0)
    ] = 0,
    copy_time: Annotated[
        float, typer.Option(help="between the snapshot and its copies, far below the model's times")
    ] = 5.0,
    engine: Engine = None,
    report: Annotated[bool, typer.Option(help="write report.html as well")] = True,
    threads: Threads = 0,
) -> None:
    """Forecast every particle of snapshots; OVITO colours the files by their columns."""
    from glasscast.workflows import predict as predicting

    with workspace_for(threads) as workspace:
        found = predicting.predict(
            model,
            snapshots,
            out,
            formats=formats or ["xyz"],
            density=density,
            liquid=liquid,
            temperature=temperature,
            copies=copies,
            copy_time=copy_time,
            engine=engine,
            workspace=workspace,
        )
        if report:
            page = predicting.report_forecasts(out, found, model)
            console.print(f"report in {page}", highlight=False, soft_wrap=True)
    console.print(f"{len(found)} forecasts in {out}", highlight=False, soft_wrap=True)


def export(
    training: Annotated[Path, typer.Argument(help="folder of a finished training")],
    out: Annotated[Path, typer.Argument(help="folder to write; its name is the model's")],
    scores: Annotated[
        list[Path] | None,
        typer.Option(help="scores.json of an evaluation to show as well, repeatable"),
    ] = None,
    notes: Annotated[
        list[str] | None, typer.Option("--note", help="a further limit for the card, repeatable")
    ] = None,
) -> None:
    """Turn a training into a ready model: weights in single precision, and a model card."""
    from glasscast.workflows.describe import size_of
    from glasscast.workflows.export import export as workflow

    workflow(training, out, scores=scores or (), notes=notes or ())
    console.print(
        f"ready model in {out}, {size_of(out) / 1e6:.2f} MB", highlight=False, soft_wrap=True
    )


def evaluate(
    dataset: Annotated[Path, typer.Argument(help="dataset folder")],
    model: ModelName,
    split: Annotated[str | None, typer.Option(help="only this split of the dataset")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="folder for tables")] = None,
    threads: Threads = 0,
) -> None:
    """Score a model against measured dynamics, beside the noise ceiling."""
    from glasscast.datasets.dataset import Dataset
    from glasscast.workflows.evaluate import evaluate as workflow

    data = Dataset.open(dataset)
    with workspace_for(threads) as workspace:
        table = workflow(model, data.split(split) if split else data, out, workspace)
    show(table)


def benchmark(
    experiment: Annotated[Path, typer.Argument(help="YAML experiment file")],
    out: Out,
    overrides: Overrides = None,
    threads: Threads = 0,
) -> None:
    """Compare models on the same configurations, folds and seeds; one table, one report."""
    from glasscast.config import read
    from glasscast.workflows import benchmark as workflow
    from glasscast.workflows.experiments import BenchmarkExperiment

    settings = read(BenchmarkExperiment, experiment, overrides or [])
    with workspace_for(threads) as workspace:
        result = workflow.benchmark(settings, out, workspace)
        page = workflow.report_benchmark(
            out, settings, result, title=experiment.stem, command=command_line()
        )
    show(result.scores)
    console.print(f"report in {page}", highlight=False, soft_wrap=True)


def transfer(
    experiment: Annotated[Path, typer.Argument(help="YAML experiment file")],
    out: Out,
    overrides: Overrides = None,
    threads: Threads = 0,
) -> None:
    """Train at some state points, score at all; one table, one report."""
    from glasscast.config import read
    from glasscast.workflows.experiments import TransferExperiment
    from glasscast.workflows.transfer import transfer as workflow

    settings = read(TransferExperiment, experiment, overrides or [])
    with workspace_for(threads) as workspace:
        table = workflow(settings, out, workspace)
    show(table)
    console.print(f"report in {out / 'report.html'}", highlight=False, soft_wrap=True)


def demo(out: Out = Path("demo"), threads: Threads = 0) -> None:
    """Train on the bundled sample, forecast unseen configurations, write a report."""
    from glasscast.evaluation.score_table import read_scores
    from glasscast.workflows.demo import demo as workflow

    with workspace_for(threads) as workspace:
        page = workflow(out, workspace, command_line())
    show(read_scores(out / "scores.json"))
    console.print(f"open {page} in a browser", highlight=False, soft_wrap=True)
