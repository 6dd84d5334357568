"""Options that commands share, and how they show progress and scores."""

from __future__ import annotations

import logging
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from glasscast.errors import InputError, SettingsError

if TYPE_CHECKING:
    from glasscast.evaluation.score_table import ScoreTable
    from glasscast.runtime import Workspace
    from glasscast.simulation.executors import Scheduler

console = Console()
#: Mend of a dataset that is not there.
MAKE_ONE = "make a dataset with 'glasscast import'"

Out = Annotated[Path, typer.Option("--out", "-o", help="folder for the results")]
Liquid = Annotated[
    str | None, typer.Option(help="where the dataset does not tell: a name or a YAML file")
]
Temperature = Annotated[
    float | None, typer.Option(help="of Monte Carlo or velocities, where the dataset does not tell")
]
Threads = Annotated[
    int, typer.Option(help="0 takes OMP_NUM_THREADS, else all cores it may use", min=0)
]
Workers = Annotated[int, typer.Option(help="configurations made side by side", min=1)]
SchedulerKind = Annotated[str, typer.Option(help="inline, processes, dask or slurm")]
Address = Annotated[str | None, typer.Option(help="of a running Dask scheduler, host:port")]
Cluster = Annotated[
    list[str] | None,
    typer.Option(help="key=value for Slurm jobs, such as queue, cores, memory, walltime"),
]
Engine = Annotated[
    str | None,
    typer.Option(
        help="what moves the particles: a name, or a YAML file with an 'engine' block, such as "
        "that of a simulation; default: lammps"
    ),
]
ModelName = Annotated[
    str,
    typer.Option(
        "--model", "-m", help="folder of a model or its training, or a ready model's name"
    ),
]
DeviceName = Annotated[
    str | None,
    typer.Option("--device", help="cpu, cuda or auto; by default as the model was trained"),
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="key=value on top of the file, repeatable")
]


@contextmanager
def workspace_for(threads: int, folder: Path | None = None) -> Iterator[Workspace]:
    """Threads and a progress display for one command, which writes into a folder if any."""
    from glasscast.cli.display import progress_display
    from glasscast.runtime import Workspace, usable_cores

    logging.getLogger("glasscast").setLevel(logging.INFO)
    with progress_display(console, folder) as progress:
        yield Workspace(threads or usable_cores(), progress=progress)


def command_line() -> str:
    """Return the command for a report, quoted for a shell; absolute paths by their names alone."""
    words = [Path(sys.argv[0]).name]
    for word in sys.argv[1:]:
        key, sep, value = word.rpartition("=")
        words.append(f"{key}{sep}{Path(value).name if Path(value).is_absolute() else value}")
    return shlex.join(words)


def program() -> str:
    """Return what to type for this program here: its name where the shell finds it, else its path.

    Under ``python -m`` it is that.
    """
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return "python -m glasscast"
    found = shutil.which(called.name)
    if found is not None and Path(found).resolve() == called.resolve():
        return called.name
    try:
        return str(called.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(called)


def refuse_absent(*paths: Path, remedy: str = "") -> None:
    """Make sure that what a command is to read is there, before anything slow is loaded.

    ``sample`` is the bundled data set, wherever a dataset is named.

    Parameters
    ----------
    remedy : what would mend it.

    Raises
    ------
    InputError : naming the first that is not.
    """
    for path in paths:
        if not path.exists() and path != Path("sample"):
            raise InputError(path, "does not exist", remedy)


def shard_of(text: str) -> tuple[int, int]:
    """Turn ``i/n`` into numbers, 0 <= i < n."""
    part, _, parts = text.partition("/")
    if not (part.isdigit() and parts.isdigit() and int(part) < int(parts)):
        raise SettingsError(f"--shard takes i/n with 0 <= i < n, got '{text}'")
    return int(part), int(parts)


def scheduler_for(
    kind: str, workers: int, address: str | None, cluster: list[str] | None
) -> Scheduler:
    """Put the options of :data:`SchedulerKind`, :data:`Workers` and so on into one value."""
    from glasscast.simulation.executors import Scheduler

    options = {}
    for pair in cluster or ():
        key, sep, text = pair.partition("=")
        if not (sep and key):
            raise SettingsError(f"expected key=value, got '{pair}'", "cluster")
        options[key] = text  # as it stands: YAML would turn 12:00:00 into a number
    return Scheduler(kind, workers, address, options)


def typed_options(pairs: list[str] | None, parameter: str) -> dict[str, object]:
    """Turn ``key=value`` into typed options, by YAML's rules."""
    from glasscast.config import parse_pair

    options: dict[str, object] = {}
    for key, value in (parse_pair(pair, parameter) for pair in pairs or ()):
        options[key] = value
        if isinstance(value, str):  # YAML 1.1 takes 1e-3 for text
            with suppress(ValueError):
                options[key] = float(value)
    return options


def show(scores: ScoreTable) -> None:
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
