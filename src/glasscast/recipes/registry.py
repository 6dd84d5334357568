"""Every recipe by name, such as ``geo-gnn/fig7a``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import as_file, files

from glasscast.config import read, read_mapping, validate
from glasscast.errors import SettingsError
from glasscast.recipes.recipe import Panels, PaperData, Recipe

#: Paper, in this order -> how it is cited under its figures.
CITATIONS = {
    "geo-gnn": "Jiang, Tian, Li and Hu, J. Chem. Phys. 159 (2023)",
    "eignn": "Jiang, Tian, Li and Hu, arXiv:2407.06111 (2024)",
    "botan": "Shiba et al., J. Chem. Phys. 158, 084503 (2023), and the letter before it",
    "boattini": "Boattini, Smallenburg and Filion, Phys. Rev. Lett. 127, 088007 (2021)",
}
_CATALOGUE = "catalogue"


@dataclass(frozen=True)
class Entry:
    """One name and its recipe.

    Parameters
    ----------
    paper, figure : the two halves of the name.
    recipe : shared with the names that are drawn alike.
    """

    paper: str
    figure: str
    recipe: Recipe

    @property
    def name(self) -> str:
        """Return ``paper/figure``."""
        return f"{self.paper}/{self.figure}"

    @property
    def panels(self) -> Panels:
        """Panel -> series."""
        return self.recipe.panels_of(self.figure)

    @property
    def claims(self) -> dict[int, str]:
        """Number -> claim."""
        return self.recipe.claims_of(self.figure)

    @property
    def parameters(self) -> dict[str, float | str]:
        """What tells this name from others of the recipe."""
        return self.recipe.names[self.figure].parameters


@cache
def entries() -> dict[str, Entry]:
    """Every name, in the order of the papers and of their figures."""
    found: dict[str, Entry] = {}
    with as_file(files("glasscast.recipes") / _CATALOGUE) as catalogue:
        for paper in CITATIONS:
            for path in sorted((catalogue / paper).glob("*.yaml")):
                recipe = read(Recipe, path)
                for figure in recipe.names:
                    entry = Entry(paper, figure, recipe)
                    if entry.name in found:
                        raise SettingsError(f"{path}: '{entry.name}' has a recipe already")
                    found[entry.name] = entry
    order = {name: k for k, name in enumerate(CITATIONS)}
    return dict(sorted(found.items(), key=lambda item: (order[item[1].paper], _rank(item[1]))))


def _rank(entry: Entry) -> tuple[int, str, int, str]:
    """Figures, tables, then supplements, each by number."""
    kinds = ("fig", "table", "supp")
    figure = entry.figure
    kind = next(k for k, start in enumerate(kinds) if figure.startswith(start))
    digits = "".join(c for c in figure if c.isdigit())
    return kind, figure.rstrip("abcdefgh0123456789-"), int(digits or 0), figure


@cache
def paper_data() -> dict[str, PaperData]:
    """State points of the papers by the names that recipes give them."""
    with as_file(files("glasscast.recipes") / _CATALOGUE / "data.yaml") as path:
        return {
            key: validate(PaperData, record, path) for key, record in read_mapping(path).items()
        }


def find(names: Sequence[str]) -> list[Entry]:
    """Return the entries of some names; no names: all of them.

    Parameters
    ----------
    names : ``geo-gnn/fig7a``; ``geo-gnn/fig7`` takes all its panels, ``geo-gnn`` the paper.

    Raises
    ------
    SettingsError : if there is no such name, with the nearest.
    """
    known = entries()
    if not names:
        return list(known.values())
    found: dict[str, Entry] = {}
    for name in names:
        chosen = [key for key in known if _is_part(key, name.strip("/"))]
        if not chosen:
            close = get_close_matches(name, [*known, *CITATIONS], n=1)
            hint = f"; did you mean '{close[0]}'?" if close else ""
            raise SettingsError(f"there is no figure '{name}'{hint}", "names")
        found |= {key: known[key] for key in chosen}
    return list(found.values())


def _is_part(key: str, name: str) -> bool:
    """Whether a full name is the one asked for, a panel of that figure, or of that paper."""
    if key == name or key.startswith(f"{name}/"):
        return True
    rest = key.removeprefix(name)
    return rest != key and "/" in name and len(rest) == 1 and rest.isalpha()
