"""Say what a file or folder is."""

from __future__ import annotations

from pathlib import Path

from glasscast.datasets.dataset import MANIFEST, Dataset
from glasscast.liquid.species import species_name
from glasscast.models.files import RECORD, read_record
from glasscast.workflows.predicting import model_folder, read


def describe(path: Path, verify: bool = False) -> list[tuple[str, str]]:
    """Facts about a dataset, a model, a training run, or a file of snapshots.

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
    if (path / MANIFEST).exists():
        return _describe_dataset(Dataset.open(path), verify)
    if (model_folder(path) / RECORD).exists():
        return _describe_model(model_folder(path))
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
        ("times", ", ".join(f"{t:g}" for t in dataset.times) or "none"),
        ("fields", ", ".join(key for key, _ in first.arrays())),
        ("splits", ", ".join(f"{k} ({len(v)})" for k, v in dataset.splits.items()) or "none"),
    ]
    facts += [(k, str(v)) for k, v in dataset.state.items() if k not in ("times", "species")]
    return [*facts, ("checksums", "all match")] if verify else facts


def _describe_model(folder: Path) -> list[tuple[str, str]]:
    record = read_record(folder)
    trained_on = record.get("provenance", record).get("trained_on", ())
    return [
        ("model", str(record["model"])),
        ("species", ", ".join(species_name(s) for s in record["species"])),
        ("times", ", ".join(f"{t:g}" for t in record["times"])),
        ("dimension", str(record["dimension"])),
        ("trained on", f"{len(trained_on)} configurations"),
        *((key, str(value)) for key, value in record["hyperparameters"].items()),
    ]


def _species(types: list[int]) -> str:
    return ", ".join(f"{types.count(s)} {species_name(s)}" for s in sorted(set(types)))
