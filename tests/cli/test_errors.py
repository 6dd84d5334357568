"""The library names parameters, the command line its options; neither names what is not there."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
import typer

from glasscast import errors, workflows
from glasscast.cli import app
from glasscast.datasets.formats.format import ReadOptions

SOURCE = Path(errors.__file__).parent
KINDS = {name for name in vars(errors) if name.endswith("Error")}
#: Where an error takes the parameter, if not by its name.
POSITION = dict.fromkeys(KINDS, 1) | {"InputError": 3}
COMMANDS = typer.main.get_command(app).commands


def raised() -> Iterator[tuple[str, ast.Call]]:
    """Every error that a module of the library makes, and where."""
    for path in sorted(SOURCE.rglob("*.py")):
        if path.parent.name == "cli":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in KINDS:
                yield f"{path.relative_to(SOURCE)}:{node.lineno}", node


def parameters(call: ast.Call) -> list[str]:
    """Parameters that an error names; one made up at run time is not seen here."""
    given = [k.value for k in call.keywords if k.arg == "parameter"]
    given += call.args[POSITION[call.func.id] :]
    constants = (n for node in given for n in ast.walk(node) if isinstance(n, ast.Constant))
    return [n.value for n in constants if isinstance(n.value, str) and n.value]


def known_parameters() -> set[str]:
    """Parameters of the commands, of the functions behind them, and of the readers of files."""
    found = set(ReadOptions.model_fields)
    found |= {p.name.rstrip("_") for command in COMMANDS.values() for p in command.params}
    for module in iter_modules(workflows.__path__, workflows.__name__ + "."):
        for name, function in vars(import_module(module.name)).items():
            if inspect.isfunction(function) and not name.startswith("_"):
                found |= inspect.signature(function).parameters.keys()
    return found


def test_errors_of_the_library_name_no_option():
    for where, call in raised():
        texts = [n.value for n in ast.walk(call) if isinstance(n, ast.Constant)]
        flags = re.findall(r"(?<![\w-])--[a-z][\w-]*", " ".join(map(str, texts)))
        assert not flags, f"{where} names {flags}: give the parameter instead"


def test_errors_name_parameters_that_there_are():
    known, named = known_parameters(), set()
    for where, call in raised():
        for name in parameters(call):
            assert name in known, f"{where}: no command or workflow has a parameter '{name}'"
            named.add(name)
    assert {"liquid", "temperature", "density", "out"} <= named


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "e.yaml", "-o", "out", "--set", "bad"], "expected key=value, got 'bad' (--set)"),
        (
            ["import", "in", "out", "--temperature", "-1"],
            "must be positive, got -1 (--temperature)",
        ),
        (["import", "in", "out", "--format", "x"], "(--format)"),
        (
            ["simulate", "s.yaml", "-o", "out", "--workers", "2", "--scheduler", "x"],
            "(--scheduler)",
        ),
        (["train", "absent.yaml", "-o", "out"], "absent.yaml: does not exist"),
    ],
)
def test_the_command_line_adds_its_own_option(refused, monkeypatch, tmp_path, arguments, says):
    monkeypatch.chdir(tmp_path)
    Path("e.yaml").write_text("train: {datasets: [d]}\nmodel: lr\n")
    Path("s.yaml").write_text(
        "temperature: 1.0\nparticles: 100\ntimes: [1.0]\nequilibration: {time: 1.0}\n"
    )
    Path("in").mkdir()
    refused(*arguments, says=[says])
