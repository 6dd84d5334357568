"""Say what a file or folder is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glasscast.config import read_mapping
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.entries import MANIFEST
from glasscast.datasets.locks import at_work
from glasscast.datasets.ownership import owner, visible
from glasscast.datasets.stages import Stages
from glasscast.datasets.times import listed
from glasscast.evaluation.score_table import read_scores
from glasscast.inputs import read_text, reading
from glasscast.liquid.interactions import species_name
from glasscast.models.files import (
    CARD,
    RECORD,
    inner_folder,
    read_record,
    ready_models,
    state_points,
    trained_on,
    unknown_name,
)
from glasscast.models.registry import reads
from glasscast.report.html import plain
from glasscast.workflows.copy_examples import UNTOLD, described
from glasscast.workflows.experiment_folder import EXPERIMENT, OUTCOME
from glasscast.workflows.predict import read

PAGE = "report.html"
#: Commands whose folders hold results, which nothing else tells apart.
_MADE = ("predict", "evaluate", "analyse", "fetch", "reproduce")
_LONGEST = 1_000_000  # bytes of a file of settings


def card_of(path: Path | str, folder: Path | None = None) -> str | None:
    """Card of a model, given its folder or, where nothing is there, the name of a ready model.

    Parameters
    ----------
    folder : of the ready models; by default that of the installation.

    Returns
    -------
    Markdown; None when the path holds something else, or a model without a card.

    Raises
    ------
    InputError : if there is neither such a path nor such a ready model.
    """
    found = Path(path)
    if not found.exists():
        ready = ready_models(folder)
        if str(path) not in ready:
            raise unknown_name(found, folder)
        found = ready[str(path)]
    card = found / CARD
    return read_text(card, _LONGEST) if (found / RECORD).exists() and card.exists() else None


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def list_models(folder: Path | None = None) -> list[dict[str, str]]:
    """Every ready model in a few words: heading -> text, the same headings for all.

    The score is the Pearson correlation per configuration on the test data, from the lowest to
    the highest of the times, for the first species.

    Raises
    ------
    InputError : if the record of a model cannot be used.
    """
    found = []
    for name, path in ready_models(folder).items():
        with reading(path / RECORD):
            found.append(_summary(name, path))
    return found


def _summary(name: str, folder: Path) -> dict[str, str]:
    record = read_record(folder)
    return {
        "name": name,
        "valid for": "\n".join(map(str, state_points(record))) or "not known",
        "times": _rows(Stages(**record["stages"])),
        "model": f"{record['model']}, reads {reads(record)}, {size_of(folder) / 1e6:.2f} MB",
        "score": _headline(record),
    }


def _headline(record: dict[str, Any]) -> str:
    scores = record.get("card", {}).get("scores", ())
    first = [s for s in scores if all(s[k] == scores[0][k] for k in ("dataset", "species"))]
    values = sorted(s["value"] for s in first if s["value"] is not None)
    if not values:
        return "not known"
    ends = dict.fromkeys(f"{v:.2f}" for v in (values[0], values[-1]))
    return f"{first[0]['species']}: {' to '.join(ends)}"


def describe(path: Path, verify: bool = False) -> list[tuple[str, str]]:
    """Facts about a dataset, model, experiment, forecasts, settings or snapshots, or work at hand.

    Parameters
    ----------
    path : of any of these.
    verify : check every file of a dataset against its checksum.

    Returns
    -------
    Pairs of a heading and its value, in reading order.

    Raises
    ------
    InputError : if the path is none of these or damaged.
    """
    with reading(path):
        return _describe(path, verify)


def _describe(path: Path, verify: bool) -> list[tuple[str, str]]:
    busy = [("at work", line) for line in at_work(path)] if path.is_dir() else []
    if busy and not (path / MANIFEST).exists():
        return busy
    if (path / MANIFEST).exists():
        return [*busy, *_describe_dataset(Dataset.open(path), verify)]
    if (inner_folder(path) / RECORD).exists():
        return [*_describe_experiment(path), *_describe_model(inner_folder(path))]
    if (path / EXPERIMENT).exists():
        return [*busy, *_describe_experiment(path)]
    if path.is_dir():
        made = owner(path)
        if made is not None and made.get("command") in _MADE:
            return [*busy, *_describe_made(path, made)]
        Dataset.open(path)  # there is none: it says why
    if path.suffix in (".yaml", ".yml"):
        return _describe_settings(path)
    snapshots = read(path)
    first = snapshots[0]
    return [
        ("snapshots", str(len(snapshots))),
        ("particles", str(first.size)),
        ("dimension", str(first.dimension)),
        ("species", _species(first.types.tolist())),
        ("box", " x ".join(f"{side:.5g}" for side in first.box)),
        ("density", f"{first.density:.5g}"),
    ]


def _describe_dataset(dataset: Dataset, verify: bool) -> list[tuple[str, str]]:
    if verify:
        dataset.verify()
    first = dataset[0]
    facts = [
        ("dataset", dataset.name),
        ("configurations", str(len(dataset))),
        ("particles", str(first.size)),
        ("species", _species(first.types.tolist())),
        ("times", _rows(dataset.stages)),
        ("fields", ", ".join(key for key, _ in first.arrays())),
        ("splits", ", ".join(f"{k} ({len(v)})" for k, v in dataset.splits.items()) or "none"),
    ]
    facts += [*dataset.told().items(), *_single_runs(dataset)]
    return [*facts, ("checksums", "all match")] if verify else facts


def _single_runs(dataset: Dataset) -> list[tuple[str, str]]:
    """Say what kinds of configurations there are and what a single run is worth; else nothing."""
    kinds = Counter(dataset.kinds)
    if set(kinds) == {"start"}:
        return []
    facts = [("kinds", ", ".join(f"{number} {kind}" for kind, number in kinds.items()))]
    worth = dataset.reliability().items()
    listed = [f"{dataset.species[s]} {share:.2f} at t = {time:g}" for (s, time), share in worth]
    if listed:
        facts.append(("reliability of a single run", ", ".join(listed)))
    told = [source.model_extra or {} for source in dataset.sources]
    runs = [each.get("chains", {"runs read backwards": each}) for each in told]
    ageing = [name for each in runs for name, c in each.items() if c.get("stationary") is False]
    return [*facts, ("not stationary", ", ".join(ageing))] if ageing else facts


def _describe_experiment(folder: Path) -> list[tuple[str, str]]:
    """Say of the folder of an experiment what was asked and what came out; nothing of another."""
    if not (folder / EXPERIMENT).exists():
        return []
    asked = read_mapping(folder / EXPERIMENT)
    models = asked.get("models") or {"model": asked.get("model")}
    named = [f"{label} ({m.get('name')})" for label, m in models.items() if isinstance(m, dict)]
    facts = [("experiment", _kind(asked)), ("models", ", ".join(named))]
    done = [name for name in (OUTCOME, PAGE) if (folder / name).exists()]
    facts.append(("state", "finished" if done else "not finished; the same command goes on"))
    scores = folder / "scores.json"
    if scores.exists():
        table = read_scores(scores).select(metric="pearson_mean")
        best = max(table, key=lambda row: row.value, default=None)
        if best is not None:
            where = f"of {best.species} at t = {best.time:g}, by {best.model}"
            facts.append(("highest correlation", f"{best.value:.3f}, {where}"))
    return [*facts, *_page(folder)]


def _describe_made(folder: Path, made: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Say of what a command made from what, and which files there are."""
    kinds = Counter(path.suffix or path.name for path in visible(folder) if path.is_file())
    return [
        ("made by", f"glasscast {made.get('command')}"),
        *((str(key), plain(value)) for key, value in made["work"].items() if value is not None),
        ("files", ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))),
        *_page(folder),
    ]


def _page(folder: Path) -> list[tuple[str, str]]:
    return [("page", str(folder / PAGE))] if (folder / PAGE).exists() else []


def _describe_settings(path: Path) -> list[tuple[str, str]]:
    """Say of a file of settings what it asks for, and what its comment tells."""
    asked, told = read_mapping(path), described(path.name, read_text(path, _LONGEST))
    facts = [("settings", _kind(asked)), ("keys", ", ".join(map(str, asked)))]
    words = {"about": told.about, "needs": told.needs, "takes": told.takes}
    return facts + [(key, text) for key, text in words.items() if text and text != UNTOLD]


def _kind(asked: Mapping[str, Any]) -> str:
    """Name the command that takes such settings, by the keys that it alone has."""
    for key, command in (
        ("train", "train"),
        ("state_points", "transfer"),
        ("models", "benchmark"),
        ("liquid", "simulate"),
        ("potential", "a liquid"),
        ("pairs", "a liquid"),
    ):
        if key in asked:
            return command
    return "unknown"


def _describe_model(folder: Path) -> list[tuple[str, str]]:
    record = read_record(folder)
    uses = [part["use"] for part in trained_on(record).get("inputs", ())]
    return [
        ("model", str(record["model"])),
        ("species", ", ".join(record["species"])),
        ("times", _rows(Stages(**record["stages"]))),
        ("dimension", str(record["dimension"])),
        ("trained on", f"{uses.count('train')} configurations"),
        *(("state point", str(point)) for point in state_points(record)),
        *((key, str(value)) for key, value in record["hyperparameters"].items()),
    ]


def _rows(stages: Stages) -> str:
    """Values of the rows for people."""
    told = listed(stages.values) or "none"
    return told if stages.by == "time" else f"{stages.quantity} = {told}"


def _species(types: list[int]) -> str:
    return ", ".join(f"{types.count(s)} {species_name(s)}" for s in sorted(set(types)))
