"""Draw figures and tables of the papers, with the numbers behind them and the claims judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np

from glasscast.datasets.dataset import SAMPLE, Dataset
from glasscast.datasets.files import write_atomically, write_json
from glasscast.datasets.ownership import owned
from glasscast.datasets.splits import fold_indices
from glasscast.errors import GlasscastError, InputError, SettingsError
from glasscast.progress import log, track
from glasscast.recipes.caption import caption_of, overview_of
from glasscast.recipes.drawings import drawing_of
from glasscast.recipes.material import Material, Point
from glasscast.recipes.recipe import PaperData
from glasscast.recipes.registry import Entry, find, paper_data
from glasscast.recipes.sheet import Sheet, Verdict
from glasscast.recipes.trainings import Scale
from glasscast.report.illustration import Illustration
from glasscast.runtime import Workspace
from glasscast.workflows.figure_trainings import Bench

TRAININGS = "trainings"
#: Folds of a data set that names no test split: one of them is tested on. Of few configurations
#: it is a larger one, so that an interval over those tested on says something.
_FOLDS, _TESTED = 5, 3
_SEED = 0


@dataclass(frozen=True)
class Reproduced:
    """One figure that was drawn, or why it was not.

    Parameters
    ----------
    name, title : as in the catalogue.
    folder : holds ``figure.png``, ``figure.pdf``, ``numbers.csv``, ``caption.md``,
        ``claims.json``; None where it was not drawn.
    verdicts : what became of the claims.
    lacking : what the data do not hold; of a figure that was not drawn, the reason.
    seconds : that it took, trainings that were not there yet included.
    """

    name: str
    title: str
    folder: Path | None
    verdicts: tuple[Verdict, ...] = ()
    lacking: tuple[str, ...] = ()
    seconds: float = 0.0


def list_figures(names: Sequence[str] = ()) -> list[Entry]:
    """Every figure and table that can be asked for, or those of some names.

    Raises
    ------
    SettingsError : if there is no such name.
    """
    return find(names)


def reproduce(
    names: str | Sequence[str] = (),
    out: Path | str = "figures",
    *,
    data: Sequence[Path | str] = (),
    scale: Scale = "sample",
    workspace: Workspace | None = None,
) -> list[Reproduced]:
    """Draw figures of the papers from data at hand.

    Trainings are shared between figures and kept in ``out/trainings``; what was killed goes on
    with the same call.

    Parameters
    ----------
    names : ``geo-gnn/fig7a``; ``geo-gnn/fig7`` takes its panels, ``geo-gnn`` the paper; all by
        default.
    out : folder; gets ``PAPER/FIGURE/`` each, and ``claims.csv`` and ``index.md`` of all.
    data : dataset folders; the bundled sample by default. Configurations of a split ``train`` are
        trained on, those of ``test`` tested on; without these splits a fifth is tested on, of
        few configurations up to a half.
    scale : ``sample``: small trainings, and the sample may stand for the papers' data; ``paper``:
        the papers' settings, on their state points only.

    Returns
    -------
    What was drawn, and what was not and why.

    Raises
    ------
    SettingsError : if there is no such name, or the data hold nothing that a figure asked for by
        its full name, or any of several, can be drawn from.
    """
    wanted = find([names] if isinstance(names, str) else names)
    points = points_of(data)
    folder, space = Path(out), workspace or Workspace()
    results: list[Reproduced] = []
    work = {"data": [p.name for p in map(Path, data)] or [SAMPLE], "scale": scale}
    with owned(folder, "reproduce", work):
        bench = Bench(folder / TRAININGS, scale, space)
        for entry in track(space.progress, "reproduce", wanted, len(wanted)):
            results.append(draw_one(entry, points, bench, folder))
        drawn = [r for r in results if r.folder is not None]
        missing = [r for r in results if r.folder is None]
        if drawn:
            _write_overview(folder, results)
    asked = {names} if isinstance(names, str) else set(names)
    refused = [r for r in missing if r.name in asked] or ([] if drawn else missing)
    if refused:
        raise SettingsError(f"{refused[0].name}: {refused[0].lacking[0]}", "data")
    return results


def points_of(data: Sequence[Path | str]) -> list[Point]:
    """Open data sets and put those of one liquid and temperature together.

    Raises
    ------
    InputError : if a folder is no data set, or those of a state point cannot be joined.
    """
    groups: dict[tuple[str | None, float | None], list[tuple[Path, Dataset]]] = {}
    for folder in data or (SAMPLE,):
        opened = Dataset.open(folder)
        told = opened.state_point
        key = (told.liquid, told.temperature)
        groups.setdefault(key, []).append((Path(folder), opened))
    return [_point(*key, opened) for key, opened in groups.items()]


def _point(
    liquid: str | None, temperature: float | None, opened: list[tuple[Path, Dataset]]
) -> Point:
    folders, datasets = zip(*opened, strict=True)
    halves = [_halves(dataset) for dataset in datasets]
    known = [d.stages.tau_alpha for d in datasets if d.stages.tau_alpha is not None]
    point = Point(
        name=datasets[0].name if temperature is None else f"T = {temperature:g}",
        liquid=liquid,
        temperature=temperature,
        train=Dataset.join([train for train, _ in halves]),
        test=Dataset.join([test for _, test in halves]),
        tau_alpha=known[0] if known else np.nan,
        folders=folders,
    )
    if known or not len(point.times):
        return point
    found = point.crossing
    return replace(point, tau_alpha=found if np.isfinite(found) else float(point.times[-1]))


def _halves(dataset: Dataset) -> tuple[Dataset, Dataset]:
    """Training and test configurations of a data set."""
    if {"train", "test"} <= set(dataset.splits):
        return dataset.split("train"), dataset.split("test")
    families = dataset.groups()
    count = len(set(families))
    if count < 2:
        return dataset, dataset  # for what is drawn of the truth alone
    held = set(fold_indices(families, min(_FOLDS, max(2, count // _TESTED)), _SEED)[0])
    names = dataset.names
    return (
        dataset.subset([n for k, n in enumerate(names) if k not in held]),
        dataset.subset([n for k, n in enumerate(names) if k in held]),
    )


def _suits(point: Point, wanted: PaperData) -> bool:
    if wanted.liquid == "any":
        return True
    if wanted.temperature is None or point.temperature is None:
        return point.liquid == wanted.liquid
    return point.liquid == wanted.liquid and abs(point.temperature - wanted.temperature) < 5e-3


def chosen_points(entry: Entry, points: Sequence[Point], scale: Scale) -> list[Point]:
    """State points that a figure is drawn from, that of the paper or what stands for it first.

    Raises
    ------
    SettingsError : if there is none, naming what is needed.
    """
    recipe, known = entry.recipe, paper_data()
    wanted = [known[key] for key in recipe.data]
    chosen = [p for each in wanted for p in points if _suits(p, each)]
    main = wanted[0]
    if not any(_suits(p, main) for p in chosen) and scale == "sample" and recipe.stand_in != "no":
        same = [p for p in points if p.liquid == main.liquid]
        if same and main.temperature is not None:
            target = main.temperature
            near = min(same, key=lambda p: abs((p.temperature or np.inf) - target))
            stand_in = replace(near, stands_for=main.words)
            chosen = [stand_in, *(p for p in chosen if p is not near)]
    if not chosen:
        needed = "; or ".join(each.words for each in wanted)
        have = ", ".join(f"{p.liquid or 'unknown liquid'}, {p.name}" for p in points)
        raise SettingsError(f"the data hold none of what it needs: {needed}; given: {have}", "data")
    return list(dict.fromkeys(chosen))


def draw_one(entry: Entry, points: Sequence[Point], bench: Bench, folder: Path) -> Reproduced:
    """Draw one figure and write what belongs to it; say why not where that cannot be."""
    started = perf_counter()
    sheet = Sheet(entry)
    try:
        chosen = chosen_points(entry, points, bench.scale)
        material = Material(
            points=chosen,
            repeats=bench.repeats,
            trained=bench.trained,
            selection=bench.selection,
            settings=bench.settings,
            scale=bench.scale,
            threads=bench.workspace.threads,
        )
        figure = drawing_of(entry)(material, sheet)
        if not sheet.drawn():
            why = ", ".join(dict.fromkeys(sheet.absent.values())) or "nothing of it"
            raise InputError(chosen[0].name, f"nothing can be drawn: {why}")
    except GlasscastError as error:
        log.warning("%s: %s", entry.name, error)
        return Reproduced(entry.name, entry.recipe.title, None, lacking=(str(error),))
    sheet.check()
    place = folder / entry.paper / entry.figure
    title = entry.recipe.title
    caption = caption_of(sheet, material, title)
    illustration = Illustration("figure", title, caption, entry.recipe.shows, figure)
    illustration.save(place)
    write_atomically(place / "numbers.csv", sheet.to_csv().encode())
    write_atomically(place / "caption.md", caption.encode())
    verdicts = tuple(sheet.verdicts[k] for k in sorted(sheet.verdicts))
    lacking = tuple(dict.fromkeys(f"{p}, {s}: {why}" for (p, s), why in sheet.absent.items()))
    record = {
        "name": entry.name,
        "title": title,
        "scale": bench.scale,
        "data": [p.name for p in chosen],
        "claims": [v.__dict__ for v in verdicts],
        "lacking": lacking,
        "remarks": sheet.remarks,
        "seconds": round(perf_counter() - started, 1),
    }
    write_json(place / "claims.json", record)
    return Reproduced(entry.name, title, place, verdicts, lacking, perf_counter() - started)


def _write_overview(folder: Path, results: Sequence[Reproduced]) -> None:
    """Write ``index.md`` and ``claims.csv`` of what was drawn in this call."""
    rows = [(r.name, r.title, r.verdicts, r.lacking) for r in results]
    for name, text in overview_of(rows).items():
        write_atomically(folder / name, text.encode())
