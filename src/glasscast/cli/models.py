"""Commands that train models, forecast with them and compare them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from glasscast.cli.options import (
    MAKE_ONE,
    DeviceName,
    Engine,
    ModelName,
    Out,
    Overrides,
    Threads,
    command_line,
    console,
    program,
    refuse_absent,
    show,
    workspace_for,
)
from glasscast.errors import SettingsError


def import_weights(
    weights: Annotated[
        Path, typer.Argument(help="published .pth (BOTAN), .ckpt.index (DeepMind) or .pt (EIGNN)")
    ],
    out: Annotated[Path, typer.Argument(help="model folder to write")],
    time: Annotated[
        float | None, typer.Option(help="time BOTAN or DeepMind weights forecast, LJ units", min=0)
    ] = None,
    particles: Annotated[
        bool, typer.Option("--particles", help="BOTAN weights were trained on particles, too")
    ] = False,
) -> None:
    """Turn published network weights into a model that predicts.

    Those of BOTAN forecast pairs alone, unless they were trained on particles, too.
    """
    refuse_absent(weights)
    import glasscast

    glasscast.import_weights(weights, time, particles=particles, out=out)
    console.print(f"model in {out}", highlight=False)


def train(
    experiment: Annotated[Path, typer.Argument(help="YAML experiment file")],
    out: Out,
    overrides: Overrides = None,
    threads: Threads = 0,
) -> None:
    """Train one model."""
    refuse_absent(experiment)
    import glasscast
    from glasscast.evaluation.score_table import read_scores
    from glasscast.models.files import MODEL

    with workspace_for(threads, out) as workspace:
        glasscast.train(experiment, out, overrides=overrides or (), workspace=workspace)
    console.print(f"model in {out / MODEL}", highlight=False, soft_wrap=True)
    if (out / "scores.json").exists():
        show(read_scores(out / "scores.json"))


def calibrate(
    model: Annotated[str, typer.Argument(help="folder of a model or its training, in place")],
    experiment: Annotated[Path, typer.Argument(help="YAML file that it was trained by")],
    overrides: Overrides = None,
    threads: Threads = 0,
) -> None:
    """Teach a model how far its forecasts err, and what is unlike its training; as train does."""
    refuse_absent(experiment)
    import glasscast

    with workspace_for(threads) as workspace:
        fitted = glasscast.calibrate(
            model, experiment, overrides=overrides or (), workspace=workspace
        )
    learned_from = 0 if fitted.uncertainty_ is None else len(fitted.uncertainty_.on)
    console.print(
        f"{model} knows its errors from {learned_from} configurations",
        highlight=False,
        soft_wrap=True,
    )


def predict(
    snapshots: Annotated[list[Path], typer.Argument(help="snapshot files or dataset folders")],
    model: ModelName,
    out: Out = Path("forecast"),
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="xyz, gsd, csv, parquet, npz, json (chemiscope); repeatable"),
    ] = None,
    joined: Annotated[
        bool, typer.Option("--joined", help="all snapshots of a file in one file, a frame each")
    ] = False,
    species: Annotated[
        str | None,
        typer.Option(help="names to write for species, such as Ni,P; default: the liquid's"),
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
    device: DeviceName = None,
    threads: Threads = 0,
) -> None:
    """Forecast every particle of snapshots; OVITO colours the files by their columns."""
    refuse_absent(*snapshots)
    import glasscast

    with workspace_for(threads, out) as workspace:
        forecasts = glasscast.predict(
            model,
            snapshots,
            out=out,
            files=glasscast.ForecastFiles(
                formats=formats or ["xyz"],
                joined=joined,
                species=species.split(",") if species else None,
                report=report,
            ),
            density=density,
            liquid=liquid,
            temperature=temperature,
            copies=copies,
            copy_time=copy_time,
            engine=engine,
            device=device,
            workspace=workspace,
        )
    if report:
        console.print(f"report in {out / 'report.html'}", highlight=False, soft_wrap=True)
    made = list(forecasts) if isinstance(forecasts, glasscast.Forecasts) else [forecasts]
    for line in dict.fromkeys(line for forecast in made for line in forecast.stage_lines()):
        console.print(line, highlight=False, soft_wrap=True)
    count = len(made)
    console.print(f"{count} forecasts in {out}", highlight=False, soft_wrap=True)


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
    refuse_absent(training, *(scores or ()))
    import glasscast
    from glasscast.workflows.describe import size_of

    glasscast.export(training, out, scores=scores or (), notes=notes or ())
    console.print(
        f"ready model in {out}, {size_of(out) / 1e6:.2f} MB", highlight=False, soft_wrap=True
    )


def evaluate(
    dataset: Annotated[Path, typer.Argument(help="dataset folder")],
    model: ModelName,
    split: Annotated[str | None, typer.Option(help="only this split of the dataset")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="folder for tables")] = None,
    forecasts: Annotated[
        list[Path] | None,
        typer.Option(help="npz files or folders of forecasts of others, scored as well"),
    ] = None,
    device: DeviceName = None,
    threads: Threads = 0,
) -> None:
    """Score a model against measured dynamics, beside the noise ceiling."""
    refuse_absent(dataset, remedy=MAKE_ONE)
    import glasscast

    with workspace_for(threads, out) as workspace:
        table = glasscast.evaluate(
            model,
            dataset,
            split=split,
            out=out,
            forecasts=forecasts or (),
            device=device,
            workspace=workspace,
        )
    show(table)


def benchmark(
    experiment: Annotated[Path, typer.Argument(help="YAML experiment file")],
    out: Out,
    overrides: Overrides = None,
    threads: Threads = 0,
) -> None:
    """Compare models on the same configurations, folds and seeds; one table, one report."""
    refuse_absent(experiment)
    import glasscast

    with workspace_for(threads, out) as workspace:
        result = glasscast.benchmark(
            experiment,
            out,
            overrides=overrides or (),
            command=command_line(),
            workspace=workspace,
        )
    show(result.scores)
    console.print(f"report in {out / 'report.html'}", highlight=False, soft_wrap=True)


def transfer(
    experiment: Annotated[Path, typer.Argument(help="YAML experiment file")],
    out: Out,
    overrides: Overrides = None,
    threads: Threads = 0,
) -> None:
    """Train at some state points, score at all; one table, one report."""
    refuse_absent(experiment)
    import glasscast

    with workspace_for(threads, out) as workspace:
        table = glasscast.transfer(experiment, out, overrides=overrides or (), workspace=workspace)
    show(table)
    console.print(f"report in {out / 'report.html'}", highlight=False, soft_wrap=True)


#: What to type after the demo, and what it does.
_AFTER_DEMO = (
    ("predict sample --model ka-T0.64-lr", "a model that comes with the package; or your snapshot"),
    ("examples", "files to begin with, with what each needs"),
    ("train examples/train-linear.yaml -o runs/lr2", "a model of your own"),
    ("fetch", "published data and weights"),
)


def demo(out: Out = Path("demo"), threads: Threads = 0) -> None:
    """Train on the bundled sample, forecast unseen configurations, write a report."""
    import glasscast

    with workspace_for(threads, out) as workspace:
        result = glasscast.demo(out, command=command_line(), workspace=workspace)
    show(result.scores)
    console.print(f"open {out / 'report.html'} in a browser", highlight=False, soft_wrap=True)
    console.print("next:", highlight=False)
    for words, about in _AFTER_DEMO:
        console.print(f"  {program()} {words:<40} # {about}", highlight=False, soft_wrap=True)


def reproduce(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="such as geo-gnn/fig7a; geo-gnn/fig7: its panels; geo-gnn: the paper"),
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(help="dataset folder, repeatable; default: the bundled sample"),
    ] = None,
    scale: Annotated[
        str, typer.Option(help="sample: small trainings; paper: the papers' settings")
    ] = "sample",
    out: Out = Path("figures"),
    listing: Annotated[
        bool, typer.Option("--list", help="show the names, what each shows and needs")
    ] = False,
    threads: Threads = 0,
) -> None:
    """Draw figures and tables of the papers, with their numbers and claims."""
    import glasscast

    if listing:
        _list_figures(names or ())
        return
    if scale not in ("sample", "paper"):
        raise SettingsError(f"there is no scale '{scale}'; choose sample or paper", "scale")
    with workspace_for(threads, out) as workspace:
        results = glasscast.reproduce(
            names or (),
            out,
            data=data or (),
            scale="paper" if scale == "paper" else "sample",
            workspace=workspace,
        )
    for result in results:
        place = result.folder or f"not drawn: {result.lacking[0]}"
        told = ", ".join(f"({v.number}) {v.outcome}" for v in result.verdicts)
        line = f"{result.name}  {place}" + (f"  {told}" if told else "")
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    console.print(f"claims in {out / 'index.md'}", highlight=False, soft_wrap=True)


def _list_figures(names: Sequence[str]) -> None:
    import glasscast

    table = Table(box=box.SIMPLE, pad_edge=False)
    for heading in ("name", "shows", "drawn in the paper from", "minutes"):
        table.add_column(heading, no_wrap=heading == "name")
    found = glasscast.list_figures(names)
    for entry in found:
        recipe = entry.recipe
        needs = ", ".join(recipe.data)
        if recipe.stand_in != "no":
            needs += "; sample"
        table.add_row(entry.name, recipe.shows, needs, f"{recipe.minutes:g}")
    console.print(table, highlight=False)
    console.print(
        f"{len(found)} names; minutes of one core with the bundled sample, trainings included "
        "that other figures share; 'sample': the bundled sample can stand for the first",
        highlight=False,
    )
