"""The Python of the README and the docs runs as it stands there; the examples are valid."""

import re
from pathlib import Path

import pytest
import typer

import glasscast
from glasscast.cli import app
from glasscast.config import read
from glasscast.models.registry import REGISTRY
from glasscast.simulation.registry import ENTRY_POINTS
from glasscast.simulation.settings import InherentSettings, MonteCarloCage, RunsCage
from glasscast.workflows.experiments import BenchmarkExperiment, TrainExperiment, TransferExperiment
from tests.test_architecture import LAYERS, module_of

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{page.name}-{k}")
    for page in PAGES
    for k, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_python_in_the_docs_runs(block):
    exec(compile(block, "docs", "exec"), {})


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda p: p.name)
def test_examples_are_valid(path):
    if path.name.startswith("simulate"):
        from glasscast.simulation.settings import SimulationSettings

        assert read(SimulationSettings, path).configurations >= 1
        return
    kinds = {"benchmark": BenchmarkExperiment, "transfer": TransferExperiment}
    kind = kinds.get(re.split(r"[-.]", path.name)[0], TrainExperiment)
    assert read(kind, path).seed >= 0


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_within_the_repository_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_house_is_described_as_it_stands():
    rows = re.findall(r"^\| (`[^|]*) \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == list(LAYERS)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_modules_and_files_that_are_named_exist(page):
    text = page.read_text()
    for name in {*re.findall(r"`(glasscast(?:\.\w+)+)", text)} - {ENTRY_POINTS}:
        found = module_of(name)
        last = name.rpartition(".")[2]
        assert found is not None or hasattr(glasscast, last), name
        assert found is None or last == found.stem or last in found.read_text(), name
    for path in re.findall(r"`((?:src|tests|examples|benchmarks)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path


#: Command -> its options, as Typer has them.
OPTIONS = {
    name: {o for parameter in command.params for o in (*parameter.opts, *parameter.secondary_opts)}
    for name, command in typer.main.get_command(app).commands.items()
}
#: Where commands stand: shell blocks and code spans of pages, comments of examples.
CODE = re.compile(r"```sh\n.*?```|`[^`\n]+`|^#  [^\n]*", re.S | re.M)
SHOWN = [
    pytest.param(command, words, id=f"{path.name}-{command}-{k}")
    for path in [*PAGES, *sorted((ROOT / "examples").rglob("*.yaml"))]
    for code in CODE.findall(path.read_text())
    for k, (command, words) in enumerate(
        re.findall(r"(?:^|[^\w.-])glasscast ([a-z-]+)([^`'#\n]*)", code, re.MULTILINE)
    )
]


@pytest.mark.parametrize(("command", "words"), SHOWN)
def test_commands_that_are_shown_exist(command, words):
    assert set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", words)) <= OPTIONS[command]


def test_help_tells_the_defaults_of_the_settings():
    command = typer.main.get_command(app).commands["equilibrium"]
    shown = {parameter.name: parameter.show_default for parameter in command.params}
    assert float(shown["radius"]) == MonteCarloCage().radius
    assert int(shown["cycles"]) == MonteCarloCage().cycles
    assert int(shown["cage_runs"]) == RunsCage().runs
    assert float(shown["cage_time"]) == RunsCage().time
    assert float(shown["force_tolerance"]) == InherentSettings().force_tolerance


def test_every_registered_model_is_named_where_models_are_listed():
    """And no other, in the README and in the table of docs/models.md."""
    readme = (ROOT / "README.md").read_text()
    row = next(line for line in readme.splitlines() if line.startswith("| **Models** |"))
    assert set(re.findall(r"`([a-z0-9-]+)`", row)) == set(REGISTRY)
    pages = (ROOT / "docs" / "models.md").read_text()
    rows = pages.partition("| --- |")[2].partition("\n\n")[0].splitlines()[1:]
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])} == set(
        REGISTRY
    )
