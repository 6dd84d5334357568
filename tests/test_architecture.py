"""Imports follow the flow of data; what the user's first second depends on stays light."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "glasscast"
#: The folders and modules in the order of the data: each may import only what stands before it.
#: The rule stands in CONTRIBUTING.md.
LAYERS = (
    "errors",
    "progress",
    "runtime",
    "inputs",
    "config",
    "liquid",
    "datasets",
    "structure",
    "simulation",
    "networks",
    "training",
    "models",
    "evaluation",
    "report",
    "recipes",
    "workflows",
    "cli",
)
#: Layers whose modules import torch; all others check settings before it has loaded.
WITH_TORCH = {"networks", "training", "models"}
#: The front door names everything and loads it when asked; ``python -m glasscast`` is the program.
EXEMPT = {SOURCE / "__init__.py", SOURCE / "__main__.py"}
MODULES = sorted(set(SOURCE.rglob("*.py")) - EXEMPT)


def imported(path):
    """Full names that a module imports, wherever in it: in functions, for types, by name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and str(node.value).startswith("glasscast."):
            yield str(node.value).replace(":", ".")  # by importlib, from a table of names


def layer_of(path):
    return path.relative_to(SOURCE).with_suffix("").parts[0]


def module_of(name):
    """Path of the module that a dotted name lies in, if it is one of ours."""
    parts = name.split(".")[1:]
    for length in range(len(parts), 0, -1):
        base = SOURCE.joinpath(*parts[:length])
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.exists():
                return path
    return None


def ours(path):
    found = (module_of(n) for n in imported(path) if n.startswith("glasscast."))
    return {p for p in found if p is not None and p != path}


def climbs():
    """Imports that point to a later layer."""
    return [
        f"{path.relative_to(SOURCE)} -> {other.relative_to(SOURCE)}"
        for path in MODULES
        for other in ours(path)
        if LAYERS.index(layer_of(other)) > LAYERS.index(layer_of(path))
    ]


def circles():
    """Modules that import one another, directly or by others (Tarjan's components)."""
    edges = {path: ours(path) - EXEMPT for path in MODULES}
    index, low, stack, found = {}, {}, [], []

    def visit(path):
        index[path] = low[path] = len(index)
        stack.append(path)
        for other in edges[path]:
            if other not in index:
                visit(other)
                low[path] = min(low[path], low[other])
            elif other in stack:
                low[path] = min(low[path], index[other])
        if low[path] == index[path]:
            component = []
            while not component or component[-1] != path:
                component.append(stack.pop())
            if len(component) > 1:
                found.append(sorted(str(p.relative_to(SOURCE)) for p in component))

    for path in MODULES:
        if path not in index:
            visit(path)
    return found


def test_imports_point_one_way():
    assert climbs() == []


def test_no_circle_of_modules():
    assert circles() == []


def test_every_layer_has_a_place():
    assert {layer_of(path) for path in MODULES} <= set(LAYERS)


def test_torch_stays_in_its_layers():
    users = {layer_of(p) for p in MODULES if any(n.split(".")[0] == "torch" for n in imported(p))}
    assert users <= WITH_TORCH


@pytest.mark.parametrize(
    "path",
    [p for p in MODULES if p.name == "settings.py"],
    ids=lambda p: str(p.relative_to(SOURCE)),
)
def test_settings_import_nothing_heavy(path):
    """Neither themselves nor by others: a settings file is checked in an instant."""
    seen, todo = set(), [path]
    while todo:
        module = todo.pop()
        if module in seen:
            continue
        seen.add(module)
        heavy = {n.split(".")[0] for n in imported(module)} & {"torch", "scipy", "matplotlib"}
        assert not heavy, f"{path} loads {heavy} through {module}"
        todo += ours(module)
