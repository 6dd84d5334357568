"""Imports follow the flow of data; what the user's first second depends on stays light."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "glasscast"
#: Stage -> the stages whose modules it may import, besides its own. The rule stands in
#: CONTRIBUTING.md; `models` and `training` call each other: a model's fit is the training loop.
MAY_IMPORT = {
    "errors": "",
    "progress": "",
    "versions": "",
    "yaml_files": "errors",
    "liquid": "errors yaml_files",
    "datasets": "errors liquid",
    "simulation": "errors progress yaml_files liquid datasets",
    "structure": "errors progress liquid datasets",
    "models": "errors progress liquid datasets structure training",
    "training": "errors progress liquid datasets structure models",
    "evaluation": "errors liquid datasets structure models",
    "report": "errors versions liquid datasets structure models evaluation",
    "config": "errors yaml_files models",
    "workflows": "errors progress versions liquid simulation datasets structure models evaluation "
    "report config",
    "terminal": "simulation",
    "cli": "errors yaml_files simulation datasets structure models evaluation config workflows "
    "terminal",
}
#: Stages whose modules import torch; all others check settings before it has loaded.
WITH_TORCH = {"models", "training"}
MODULES = sorted(set(SOURCE.rglob("*.py")) - {SOURCE / "__init__.py"})


def imported(path):
    """Full names of the modules and objects that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def stage_of(path):
    return path.relative_to(SOURCE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_one_way(path):
    stage = stage_of(path)
    parts = [name.split(".") for name in imported(path) if name.startswith("glasscast.")]
    used = {part[1] for part in parts} - {stage, "__version__"}
    assert used <= set(MAY_IMPORT[stage].split())


def test_every_stage_has_a_place():
    assert {stage_of(path) for path in MODULES} == MAY_IMPORT.keys()


def test_torch_stays_in_models_and_training():
    users = {stage_of(p) for p in MODULES if any(n.split(".")[0] == "torch" for n in imported(p))}
    assert users == WITH_TORCH
    settings = SOURCE.glob("models/*hyperparameters.py")
    assert not any(name.startswith("torch") for path in settings for name in imported(path))
