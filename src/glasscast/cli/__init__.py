"""The command line: reads options, calls the workflow of the same name, shows what came out.

Heavy libraries are imported by the workflows, inside the commands, so that ``--help`` is instant.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console

from glasscast.cli import data, models
from glasscast.cli.interruption import HOW_TO_GO_ON, Interrupted, interruptible
from glasscast.cli.options import program
from glasscast.errors import GlasscastError

app = typer.Typer(
    help="Forecast how a glass-forming liquid will move from one snapshot of its structure.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        from glasscast.runtime import __version__

        Console(highlight=False).print(f"glasscast {__version__}")
        raise typer.Exit


_START = """\
glasscast forecasts how a glass-forming liquid will move from one snapshot of its structure.

  {0} demo                                 train, forecast, score and report on the bundled sample
  {0} predict sample --model ka-T0.64-lr   forecast it by a model that comes with the package
  {0} predict SNAPSHOT --model ...         the same for a file of yours
  {0} info                                 the ready models; info PATH says what a file or folder is
  {0} examples                             example files, with what each needs and how long it takes
  {0} fetch                                published data and weights
  {0} --help                               all commands"""


@app.callback()
def _program(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="show the version")
    ] = False,
) -> None:
    """Forecast how a glass-forming liquid will move from one snapshot of its structure."""
    if context.invoked_subcommand is None:
        Console(highlight=False, markup=False, soft_wrap=True).print(_START.format(program()))


_COMMANDS: dict[str, Callable[..., None]] = {
    "demo": models.demo,
    "examples": data.examples,
    "import": data.import_,
    "join": data.join,
    "fetch": data.fetch,
    "simulate": data.simulate,
    "equilibrium": data.equilibrium,
    "thermal-copies": data.thermal_copies,
    "analyse": data.analyse,
    "info": data.info,
    "train": models.train,
    "calibrate": models.calibrate,
    "export": models.export,
    "import-weights": models.import_weights,
    "predict": models.predict,
    "evaluate": models.evaluate,
    "benchmark": models.benchmark,
    "transfer": models.transfer,
    "reproduce": models.reproduce,
}
for _name, _command in _COMMANDS.items():
    app.command(_name)(_command)


def main() -> None:
    """Run the program; what a user can mend is one line on stderr and exit code 2."""
    # OpenMP threads that wait for one another spin 100 times longer by default: on a machine with
    # other work a training step then takes 50 times as long, with this 3 times. Read at loading.
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    try:
        with interruptible():
            app()
    except GlasscastError as error:
        text = _plain(error) + _flag(error.parameter)
        Console(stderr=True, soft_wrap=True).print(f"[bold red]error:[/] {text}")
        sys.exit(2)
    except Interrupted as stop:
        Console(stderr=True, soft_wrap=True).print(HOW_TO_GO_ON)
        sys.exit(stop.code)


def _flag(parameter: str) -> str:
    """Name the option of the command that was called for a parameter of the library."""
    from glasscast.datasets.formats.format import ReadOptions

    group = typer.main.get_command(app)
    command = getattr(group, "commands", {}).get(next(iter(sys.argv[1:]), ""))
    options = {str(p.name).rstrip("_"): p.opts[0] for p in command.params} if command else {}
    found = options.get(parameter, "")
    if found.startswith("--"):
        return f" ({found})"
    is_option = "option" in options and parameter in ReadOptions.model_fields
    return f" (--option {parameter}=...)" if is_option else ""


def _plain(error: Exception) -> str:
    from rich.markup import escape

    return escape(" ".join(str(error).split()))
