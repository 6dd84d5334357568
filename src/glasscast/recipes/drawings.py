"""The functions that draw, imported when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from matplotlib.figure import Figure

from glasscast.recipes.material import Material
from glasscast.recipes.registry import Entry
from glasscast.recipes.sheet import Sheet

#: Paper -> package of the modules that draw its figures.
PACKAGES = {
    "geo-gnn": "glasscast.recipes.geo_gnn",
    "eignn": "glasscast.recipes.eignn",
    "botan": "glasscast.recipes.botan",
    "boattini": "glasscast.recipes.boattini",
}


def drawing_of(entry: Entry) -> Callable[[Material, Sheet], Figure]:
    """Import and return the function that draws a figure.

    It fills the sheet with the numbers that it draws and the claims that it judges.
    """
    module, _, function = entry.recipe.draw.partition(".")
    found: Callable[[Material, Sheet], Figure]
    found = getattr(import_module(f"{PACKAGES[entry.paper]}.{module}"), function)
    return found
