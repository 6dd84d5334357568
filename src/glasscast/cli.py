"""The command line: reads options, calls the workflow of the same name, shows what came out.

Heavy libraries are imported by the workflows, inside the commands, so that ``--help`` is instant.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from glasscast.errors import GlasscastError, SettingsError

if TYPE_CHECKING:
    from glasscast.evaluation.score_table import ScoreTable
    from glasscast.structure.workspace import Workspace

app = typer.Typer(
    help="Forecast how a glass-forming liquid will move from one snapshot of its structure.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console()

Out = Annotated[Path, typer.Option("--out", "-o", help="folder for the results")]
Threads = Annotated[int, typer.Option(help="0 takes all cores", min=0)]
Workers = Annotated[int, typer.Option(help="configurations made side by side", min=1)]
Scheduler = Annotated[str, typer.Option(help="inline, processes, dask or slurm")]
ModelName = Annotated[
    str, typer.Option("--model", "-m", help="folder of a model or run, or a ready model's name")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="key=value on top of the file, repeatable")
]


def main() -> None:
    """Run the program; what a user can mend is one line on stderr and exit code 2."""
    try:
        app()
    except GlasscastError as error:
        Console(stderr=True, soft_wrap=True).print(f"[bold red]error:[/] {_plain(error)}")
        sys.exit(2)
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted; the same command goes on from here")
        sys.exit(130)


def _plain(error: Exception) -> str:
    from rich.markup import escape

    return escape(" ".join(str(error).split()))


@contextmanager
def _workspace(threads: int) -> Iterator[Workspace]:
    """Threads and a progress display for one command."""
    from glasscast.structure.workspace import Workspace
    from glasscast.terminal import progress_display

    logging.getLogger("glasscast").setLevel(logging.INFO)
    with progress_display(console) as progress:
        yield Workspace(threads or os.cpu_count() or 1, progress=progress)


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="file or folder to read")],
    out: Annotated[Path, typer.Argument(help="dataset folder to write")],
    format_: Annotated[
        str | None, typer.Option("--format", help="recognised from the files when not given")
    ] = None,
    name: Annotated[str | None, typer.Option(help="of the dataset")] = None,
    liquid: Annotated[
        str | None, typer.Option(help="where the files do not tell: a name or a YAML file")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="in LJ units, where the files do not tell")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", help="key=value for the reader, repeatable")
    ] = None,
    threads: Threads = 0,
) -> None:
    """Turn files of any known format into a dataset with all dynamic targets."""
    from glasscast.workflows.importing import import_dataset

    with _workspace(threads) as workspace:
        dataset = import_dataset(
            source,
            out,
            format_name=format_,
            options=_typed_options(option or [], "--option"),
            name=name,
            liquid=liquid,
            temperature=temperature,
            workspace=workspace,
        )
    console.print(f"{len(dataset)} configurations in {out}", highlight=False, soft_wrap=True)


@app.command()
def simulate(
    settings: Annotated[Path, typer.Argument(help="YAML file of the simulation")],
    out: Out,
    workers: Workers = 1,
    scheduler: Scheduler = "processes",
    shard: Annotated[
        str, typer.Option(help="i/n: only this share, counted from 0, for job arrays")
    ] = "0/1",
    address: Annotated[
        str | None, typer.Option(help="of a running Dask scheduler, host:port")
    ] = None,
    cluster: Annotated[
        list[str] | None,
        typer.Option(help="key=value for Slurm jobs, such as queue, cores, memory, walltime"),
    ] = None,
) -> None:
    """Make a dataset: equilibrate, isoconfigurational ensembles, inherent and cage states."""
    from glasscast.simulation.run import simulate as workflow
    from glasscast.simulation.settings import load_settings
    from glasscast.terminal import simulation_display

    with simulation_display(console) as report:
        dataset = workflow(
            load_settings(settings),
            out,
            workers,
            scheduler,
            _shard(shard),
            report=report,
            address=address,
            cluster=_typed_options(cluster or [], "--cluster"),
        )
    state = "other shards are unfinished" if dataset is None else f"{len(dataset)} configurations"
    console.print(f"{state}; results in {out}", highlight=False)


@app.command()
def equilibrium(
    dataset: Annotated[Path, typer.Argument(help="dataset folder, changed in place")],
    inherent: Annotated[bool, typer.Option("--inherent", help="add inherent structures")] = False,
    cage: Annotated[bool, typer.Option("--cage", help="add cage states")] = False,
    liquid: Annotated[
        str | None, typer.Option(help="where the dataset does not tell: a name or a YAML file")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="where the dataset does not tell, for the cage state")
    ] = None,
    radius: Annotated[
        float | None, typer.Option(help="R_cage in sigma of species A  [default: 0.45]")
    ] = None,
    cycles: Annotated[
        int | None, typer.Option(help="Monte Carlo cycles averaged over  [default: 8000]")
    ] = None,
    force_tolerance: Annotated[
        float | None, typer.Option(help="largest force in an inherent structure  [default: 1e-8]")
    ] = None,
    seed: Annotated[int, typer.Option(help="of the Monte Carlo", min=0)] = 1,
    workers: Workers = 1,
    scheduler: Scheduler = "processes",
) -> None:
    """Add equilibrium positions to a dataset: inherent structures, cage states, or both."""
    from glasscast.simulation import settings
    from glasscast.simulation.equilibrium import add_equilibrium

    tolerance = {} if force_tolerance is None else {"force_tolerance": force_tolerance}
    sampling = {k: v for k, v in (("radius", radius), ("cycles", cycles)) if v is not None}
    if (sampling and not cage) or (tolerance and not inherent):
        raise SettingsError("--radius and --cycles need --cage, --force-tolerance --inherent")
    with _workspace(1) as workspace:
        changed = add_equilibrium(
            dataset,
            settings.checked(settings.InherentSettings, tolerance) if inherent else None,
            settings.checked(settings.CageSettings, sampling) if cage else None,
            liquid=liquid,
            temperature=temperature,
            seed=seed,
            workers=workers,
            scheduler=scheduler,
            progress=workspace.progress,
        )
    fields = " and ".join(key for key, asked in (("inherent", inherent), ("cage", cage)) if asked)
    console.print(
        f"{fields} positions in {len(changed)} configurations of {dataset}",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def analyse(
    dataset: Annotated[Path, typer.Argument(help="dataset folder")],
    out: Out = Path("analysis"),
    threads: Threads = 0,
) -> None:
    """Look at data: equilibrium, relaxation, noise ceiling, directions of motion; one report."""
    from glasscast.datasets.dataset import Dataset
    from glasscast.workflows.analyse import analyse as workflow

    with _workspace(threads) as workspace:
        page = workflow(Dataset.open(dataset), out, workspace)
    console.print(f"report in {page}", highlight=False, soft_wrap=True)


@app.command("import-weights")
def import_weights(
    weights: Annotated[
        Path, typer.Argument(help="published .pth (BOTAN), .npz (DeepMind) or .pt (EIGNN)")
    ],
    out: Annotated[Path, typer.Argument(help="model folder to write")],
    time: Annotated[
        float | None, typer.Option(help="time BOTAN or DeepMind weights forecast, LJ units", min=0)
    ] = None,
) -> None:
    """Turn published network weights into a model that predicts."""
    from glasscast.models.published import import_weights as read_weights

    read_weights(weights, time).save(out)
    console.print(f"model in {out}", highlight=False)


@app.command()
def train(
    experiment: Annotated[Path, typer.Argument(help="YAML experiment file")],
    out: Out,
    overrides: Overrides = None,
    threads: Threads = 0,
) -> None:
    """Train one model."""
    from glasscast.config import TrainExperiment, read_experiment
    from glasscast.evaluation.score_table import read_scores
    from glasscast.workflows import train as workflow

    settings = read_experiment(TrainExperiment, experiment, overrides or [])
    with _workspace(threads) as workspace:
        workflow.train(settings, out, workspace)
    console.print(f"model in {out / workflow.MODEL}", highlight=False, soft_wrap=True)
    if settings.test is not None:
        _show(read_scores(out / f"{workflow.SCORES}.json"))


@app.command()
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
        str | None, typer.Option(help="for equilibrium positions, where files do not tell")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="for cage states, where files do not tell", min=0)
    ] = None,
    report: Annotated[bool, typer.Option(help="write report.html as well")] = True,
    threads: Threads = 0,
) -> None:
    """Forecast every particle of snapshots; OVITO colours the files by their columns."""
    from glasscast.workflows import predicting, reporting

    with _workspace(threads) as workspace:
        forecasts = predicting.predict(
            model,
            snapshots,
            out,
            formats=formats or ["xyz"],
            density=density,
            liquid=liquid,
            temperature=temperature,
            workspace=workspace,
        )
        if report:
            page = reporting.report_forecasts(out, forecasts, model)
            console.print(f"report in {page}", highlight=False, soft_wrap=True)
    console.print(f"{len(forecasts)} forecasts in {out}", highlight=False, soft_wrap=True)


@app.command()
def evaluate(
    dataset: Annotated[Path, typer.Argument(help="dataset folder")],
    model: ModelName,
    split: Annotated[str | None, typer.Option(help="only this split of the dataset")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="folder for tables")] = None,
    threads: Threads = 0,
) -> None:
    """Score a model against measured dynamics, beside the noise ceiling."""
    from glasscast.datasets.dataset import Dataset
    from glasscast.workflows.evaluating import evaluate_model

    data = Dataset.open(dataset)
    with _workspace(threads) as workspace:
        table = evaluate_model(model, data.split(split) if split else data, out, workspace)
    _show(table)


@app.command()
def benchmark(
    experiment: Annotated[Path, typer.Argument(help="YAML experiment file")],
    out: Out,
    overrides: Overrides = None,
    threads: Threads = 0,
) -> None:
    """Compare models on the same configurations, folds and seeds; one table, one report."""
    from glasscast.config import BenchmarkExperiment, read_experiment
    from glasscast.workflows import benchmark as workflow
    from glasscast.workflows.reporting import report_benchmark

    settings = read_experiment(BenchmarkExperiment, experiment, overrides or [])
    with _workspace(threads) as workspace:
        table = workflow.benchmark(settings, out, workspace)
        page = report_benchmark(out, settings, table, title=experiment.stem)
    _show(table)
    console.print(f"report in {page}", highlight=False, soft_wrap=True)


@app.command()
def transfer(
    experiment: Annotated[Path, typer.Argument(help="YAML experiment file")],
    out: Out,
    overrides: Overrides = None,
    threads: Threads = 0,
) -> None:
    """Train at some state points, score at all; one table, one report."""
    from glasscast.config import TransferExperiment, read_experiment
    from glasscast.workflows.transfer import transfer as workflow

    settings = read_experiment(TransferExperiment, experiment, overrides or [])
    with _workspace(threads) as workspace:
        table = workflow(settings, out, workspace)
    _show(table)
    console.print(f"report in {out / 'report.html'}", highlight=False, soft_wrap=True)


@app.command()
def info(
    path: Annotated[Path, typer.Argument(help="dataset, model, run or snapshot file")],
    verify: Annotated[bool, typer.Option("--verify", help="check all checksums")] = False,
) -> None:
    """Say what a file or folder holds."""
    from glasscast.workflows.info import describe

    table = Table(show_header=False, box=None)
    for heading, value in describe(path, verify):
        table.add_row(f"[bold]{heading}[/]", value)
    console.print(table, highlight=False)


@app.command()
def demo(out: Out = Path("demo"), threads: Threads = 0) -> None:
    """Train on the bundled sample, forecast unseen configurations, write a report."""
    from glasscast.evaluation.score_table import read_scores
    from glasscast.workflows.demo import demo as workflow

    with _workspace(threads) as workspace:
        page = workflow(out, workspace)
    _show(read_scores(out / "scores.json"))
    console.print(f"open {page} in a browser", highlight=False, soft_wrap=True)


def _shard(text: str) -> tuple[int, int]:
    """Turn ``i/n`` into numbers, 0 <= i < n."""
    part, _, parts = text.partition("/")
    if not (part.isdigit() and parts.isdigit() and int(part) < int(parts)):
        raise SettingsError(f"--shard takes i/n with 0 <= i < n, got '{text}'")
    return int(part), int(parts)


def _typed_options(pairs: list[str], flag: str) -> dict[str, object]:
    """Turn ``key=value`` into typed options, by YAML's rules."""
    import yaml

    options: dict[str, object] = {}
    for pair in pairs:
        key, sep, text = pair.partition("=")
        if not sep:
            raise SettingsError(f"{flag} takes key=value, got '{pair}'")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise SettingsError(f"{flag} {key}: '{text}' is not a YAML value") from None
        if isinstance(value, str):  # YAML 1.1 takes 1e-3 for text
            with suppress(ValueError):
                value = float(value)
        options[key] = value
    return options


def _show(scores: ScoreTable) -> None:
    """Print the per-configuration Pearson scores; everything is in the files."""
    table = Table(title="Pearson correlation, mean over configurations (95 % interval)")
    several = len(scores.values_of("dataset")) > 1
    for heading in ("model", *["tested on"] * several, "species", "t", "score", "noise ceiling"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for row in scores.select(metric="pearson_mean"):
        interval = f" ({row.low:.3f} .. {row.high:.3f})" if row.low == row.low else ""
        ceiling = f"{row.ceiling:.3f}" if row.ceiling == row.ceiling else "unknown"
        state = [row.dataset] * several
        table.add_row(
            row.model, *state, row.species, f"{row.time:g}", f"{row.value:.3f}{interval}", ceiling
        )
    console.print(table)
