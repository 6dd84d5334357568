"""The Python of the README and the docs runs as it stands there; the examples are valid."""

import re
from pathlib import Path

import pytest

from glasscast.config import (
    BenchmarkExperiment,
    TrainExperiment,
    TransferExperiment,
    read_experiment,
)

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
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
        from glasscast.simulation.settings import load_settings

        assert load_settings(path).configurations >= 1
        return
    kinds = {"benchmark": BenchmarkExperiment, "transfer": TransferExperiment}
    kind = kinds.get(re.split(r"[-.]", path.name)[0], TrainExperiment)
    assert read_experiment(kind, path).seed >= 0


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_within_the_repository_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target
