"""Say what a file or folder is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from glasscast.datasets.dataset import MANIFEST, Dataset
from glasscast.datasets.locks import at_work
from glasscast.datasets.stages import Stages
from glasscast.datasets.times import listed
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
from glasscast.workflows.predict import read


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
    return card.read_text(encoding="utf-8") if (found / RECORD).exists() and card.exists() else None


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
    return [_summary(name, path) for name, path in ready_models(folder).items()]


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
    """Facts about a dataset, a model, a training, a file of snapshots, or work that goes on.

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
    busy = [("at work", line) for line in at_work(path)] if path.is_dir() else []
    if busy and not (path / MANIFEST).exists():
        return busy
    if (path / MANIFEST).exists():
        return [*busy, *_describe_dataset(Dataset.open(path), verify)]
    if (inner_folder(path) / RECORD).exists():
        return _describe_model(inner_folder(path))
    if path.is_dir():
        Dataset.open(path)  # there is none: it says why
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
    facts += dataset.told().items()
    return [*facts, ("checksums", "all match")] if verify else facts


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
