"""Every reader of a file: how a sound one is made, spoiled, read, and what must hold if it is read.

A target writes a spoiled file into an empty folder and reads it. It ends quietly, or by an error
for the user, or it is a finding; what was read must make sense.
"""

from __future__ import annotations

import copy
import io
import json
import math
import pickle
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import vesin  # noqa: F401  # late in the library: it would be loaded in every child
import yaml

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.configuration_file import configuration_bytes, read_configuration
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.files import sha256
from glasscast.datasets.formats.format import ReadOptions
from glasscast.datasets.formats.registry import read_ensembles, read_snapshot
from glasscast.datasets.labels import read_labels
from glasscast.datasets.targets import reduce_ensemble
from glasscast.evaluation.score_table import read_scores
from glasscast.liquid.definition import load_liquid
from glasscast.liquid.neighbours import find_neighbours
from glasscast.models.registry import load_model
from tests.fuzz.mutators import (
    Rng,
    change_arrays,
    change_bytes,
    change_text,
    change_tree,
    forge_npz,
    json_bytes,
    npz,
    pick,
)

_ROOT = Path(__file__).parents[1]
sys.path.append(str(_ROOT / "unit" / "datasets" / "formats"))
import format_writers as writers  # noqa: E402

#: Writes a spoiled file into a folder and reads it.
Target = Callable[[Rng, Path], None]
_EXAMPLES = _ROOT.parent / "examples"
_READY = _ROOT.parent / "src" / "glasscast" / "models" / "ready"


class NonsenseError(AssertionError):
    """What was read makes no sense."""


def require(holds: object, what: str) -> None:
    """Raise NonsenseError unless something holds."""
    if not holds:
        raise NonsenseError(what)


def sensible(configuration: Configuration) -> None:
    """Hold a configuration against its contract, and look for its neighbours."""
    c = configuration
    for key in ("positions", "inherent", "cage"):
        value = getattr(c, key)
        if value is not None:
            require(np.isfinite(value).all() and (value >= 0).all(), f"{key} not finite")
            require((value < c.box).all(), f"{key} outside the box")
            require(value.shape == (c.size, c.dimension), f"shape of {key}")
    require(np.isfinite(c.box).all() and (c.box > 0).all(), "box")
    require(len(c.types) == c.size and (c.types >= 0).all(), "types")
    require(np.isfinite(c.times).all() and (np.diff(c.times) > 0).all(), "times")
    if c.size < 1000:
        find_neighbours(c.positions, c.box, 2.0)


@cache
def _liquid() -> writers.Liquid:
    return writers.make_liquid(size=30, runs=2)


def _read_all(path: Path, options: ReadOptions) -> None:
    """Read a file as snapshots, then as an ensemble with its targets, as the commands do."""
    for configuration in read_snapshot(path, density=1.2 if path.suffix == ".npz" else None):
        sensible(configuration)
    if path.name == "x.npz":
        return  # it has no trajectories
    for ensemble in read_ensembles(path, options=options):
        size = ensemble.parent.positions.shape
        for frame in ensemble.frames():
            require(frame.positions.shape == size, "shape of a frame")
            require(np.isfinite(frame.positions).all(), "a frame is not finite")
        sensible(reduce_ensemble(ensemble))


@cache
def _text(kind: str) -> bytes:
    liquid, out = _liquid(), Path(_scratch())
    write = writers.write_dumps if kind == "dump" else writers.write_xyz
    write(out / kind, liquid)
    return next((out / kind).iterdir()).read_bytes()


@cache
def _scratch() -> str:
    import atexit
    import tempfile

    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return folder.name


def _of_text(kind: str) -> Target:
    def target(rng: Rng, folder: Path) -> None:
        change = change_text if rng.random() < 0.8 else change_bytes
        path = folder / f"run1.{kind}"
        path.write_bytes(change(rng, _text(kind)))
        _read_all(path, ReadOptions(timestep=0.01))

    return target


@cache
def _snapshots() -> dict[str, bytes]:
    folder = Path(_scratch()) / "each"
    folder.mkdir()
    writers.write_each(folder, _liquid())
    return {path.suffix: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def lammps_data(rng: Rng, folder: Path) -> None:
    """Spoil a LAMMPS data file."""
    path = folder / "x.data"
    change = change_text if rng.random() < 0.8 else change_bytes
    path.write_bytes(change(rng, _snapshots()[".data"]))
    for configuration in read_snapshot(path):
        sensible(configuration)


@cache
def _gsd() -> bytes:
    folder = Path(_scratch()) / "gsd"
    writers.write_gsd(folder, _liquid())
    return next(folder.iterdir()).read_bytes()


def gsd_file(rng: Rng, folder: Path) -> None:
    """Spoil bytes of a GSD file, or the arrays in it."""
    import gsd.fl

    path = folder / "run1.gsd"
    if rng.random() < 0.4:
        path.write_bytes(change_bytes(rng, _gsd()))
    else:
        sound = folder / "sound"
        sound.write_bytes(_gsd())
        with (
            gsd.fl.open(str(sound), "r") as old,
            gsd.fl.open(
                str(path), "w", application="x", schema="hoomd", schema_version=(1, 4)
            ) as new,
        ):
            names = old.find_matching_chunk_names("")
            frame, name = int(rng.integers(old.nframes)), pick(rng, names)
            for number in range(old.nframes):
                for key in names:
                    if not old.chunk_exists(frame=number, name=key):
                        continue
                    array = old.read_chunk(frame=number, name=key)
                    if (number, key) == (frame, name):
                        array = np.atleast_1d(change_arrays(rng, {"x": array}).get("x", array))
                        if array.ndim > 2 or array.dtype.kind not in "iuf" or not array.size:
                            continue
                        if array.dtype.str[1:] in ("f2",) or array.dtype.byteorder == ">":
                            array = array.astype(np.float32)
                    new.write_chunk(key, np.ascontiguousarray(array))
                new.end_frame()
        sound.unlink()
    _read_all(path, ReadOptions(timestep=0.01))


def _of_arrays(name: str, arrays: Callable[[], dict[str, Any]]) -> Target:
    def target(rng: Rng, folder: Path) -> None:
        sound = arrays()
        kind = rng.random()
        content = npz(sound if kind > 0.7 else change_arrays(rng, sound), rng)
        if kind > 0.85:
            content = forge_npz(rng, content)
        elif kind > 0.7:
            content = change_bytes(rng, content)
        path = folder / name
        path.write_bytes(content)
        _read_all(path, ReadOptions(tags={1: 0.1, 2: 0.2, 3: 0.3}))

    return target


def _plain() -> dict[str, Any]:
    liquid = _liquid()
    return {"positions": liquid.start, "types": liquid.types, "box": liquid.box}


def _botan() -> dict[str, Any]:
    liquid = writers.make_liquid(size=30, runs=2, side=2.9)
    return {
        "types": liquid.types.astype(np.int8),
        "initial_positions": liquid.start,
        "positions": liquid.runs[:, 0],
    }


def _flat() -> dict[str, Any]:
    liquid = writers.make_liquid(size=30, dimension=2, runs=2)
    return {
        "types": liquid.types + 1,
        "box": liquid.box,
        "initial_positions": liquid.start,
        "initial_positions_inherent": liquid.start + 0.01,
        "positions": liquid.runs[:, 0],
    }


def _labelled() -> dict[str, Any]:
    liquid, rng = writers.make_liquid(size=30, side=2.9), np.random.default_rng(0)
    return {
        "types": liquid.types + 1,
        "initial_positions": liquid.start,
        "initial_positions_cage": liquid.start + 0.01,
        "md_prop": rng.random((3, 30)),
        "bb_prop": rng.random((3, 30)),
    }


def deepmind(rng: Rng, folder: Path) -> None:
    """Spoil bytes of a pickle, or the tree in it."""
    record = writers.deepmind_record(_liquid())
    protocol = int(rng.integers(5))
    if rng.random() < 0.5:
        arrays = {k: v for k, v in record.items() if isinstance(v, np.ndarray)}
        record |= change_arrays(rng, arrays)
        record = {str(k): v for k, v in record.items()}
    else:
        record = change_tree(rng, record)
    content = pickle.dumps(record, protocol=protocol)
    if rng.random() < 0.4:
        content = change_bytes(rng, content)
    (folder / "x.pickle").write_bytes(content)
    _read_all(folder / "x.pickle", ReadOptions())


@cache
def _configuration() -> Configuration:
    liquid = _liquid()
    ensemble = next(read_ensembles(_written("run1.xyz", _text("xyz"))))
    return reduce_ensemble(ensemble).with_fields(
        name="c0", inherent=np.mod(liquid.start + 0.01, liquid.box)
    )


def _written(name: str, content: bytes) -> Path:
    path = Path(_scratch()) / name
    path.write_bytes(content)
    return path


def configuration(rng: Rng, folder: Path) -> None:
    """Spoil a configuration of ours in its arrays, or its metadata."""
    with np.load(io.BytesIO(configuration_bytes(_configuration()))) as archive:
        arrays: dict[str, Any] = {key: archive[key] for key in archive.files}
    kind = rng.random()
    if kind < 0.5:
        arrays = change_arrays(rng, arrays)
    elif kind < 0.8:
        told = change_tree(rng, json.loads(str(arrays["metadata"])))
        arrays["metadata"] = np.array(json_bytes(told).decode())
    content = npz(arrays, rng)
    content = forge_npz(rng, content) if kind > 0.9 else content
    path = folder / "c0.npz"
    path.write_bytes(change_bytes(rng, content) if 0.8 < kind < 0.9 else content)
    sensible(read_configuration(path))
    for found in read_snapshot(path):
        sensible(found)


def _of_manifest(version: int) -> Target:
    @cache
    def sound() -> tuple[dict[str, Any], bytes]:
        if version == 1:
            old = _ROOT / "data" / "v1" / "old"
            return json.loads((old / "dataset.json").read_text()), b""
        content = configuration_bytes(_configuration())
        folder = Path(_scratch()) / "dataset"
        from glasscast.datasets.writer import DatasetWriter

        writer = DatasetWriter(folder, "d")
        writer.add(_configuration(), "f")
        writer.finish({"train": ["c0"]})
        return json.loads((folder / "dataset.json").read_text()), content

    def target(rng: Rng, folder: Path) -> None:
        record, _ = sound()
        if version == 1:
            shutil.copytree(_ROOT / "data" / "v1" / "old", folder, dirs_exist_ok=True)
        else:
            shutil.copytree(Path(_scratch()) / "dataset", folder, dirs_exist_ok=True)
        text = json_bytes(change_tree(rng, copy.deepcopy(record)))
        if rng.random() < 0.2:
            text = change_bytes(rng, json_bytes(record))
        (folder / "dataset.json").write_bytes(text)
        dataset = Dataset.open(folder)
        dataset.groups(), dataset.facts(), repr(dataset)
        for one in dataset:
            sensible(one)

    return target


def _of_model(name: str, weights: bool) -> Target:
    folder_of = _READY / name

    @cache
    def sound() -> tuple[dict[str, Any], bytes]:
        record = json.loads((folder_of / "model.json").read_text())
        return record, (folder_of / "weights.safetensors").read_bytes()

    def target(rng: Rng, folder: Path) -> None:
        record, content = sound()
        record = copy.deepcopy(record)
        for other in folder_of.iterdir():
            if other.name not in ("model.json", "weights.safetensors"):
                shutil.copy(other, folder)
        if weights:
            content = _changed_weights(rng, content)
            record["weights_sha256"] = sha256(content)
        else:
            record = change_tree(rng, record)
        text = json_bytes(record)
        if not weights and rng.random() < 0.2:
            text = change_bytes(rng, text)
        (folder / "model.json").write_bytes(text)
        (folder / "weights.safetensors").write_bytes(content)
        from glasscast.workflows.describe import describe

        describe(folder)
        model = load_model(folder)
        require(len(model.times_) < 10**6, "number of times")
        require(np.isfinite(model.times_).all(), "times")
        repr(model)

    return target


def _changed_weights(rng: Rng, content: bytes) -> bytes:
    from safetensors.numpy import load, save

    if rng.random() < 0.5:
        arrays = load(content)
        changed = {}
        for key, array in change_arrays(rng, arrays).items():
            kept = array.dtype.kind in "fiu" and array.dtype.byteorder != ">"
            changed[key or "x"] = np.ascontiguousarray(array if kept else arrays.get(key, array))
        try:
            return save(changed)
        except Exception:  # what it cannot write is no input
            return content[:-3]
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    text = json_bytes(change_tree(rng, header))
    body = content[8 + length :]
    return (
        len(text).to_bytes(8, "little")
        + text
        + (body if rng.random() < 0.7 else change_bytes(rng, body))
    )


def _of_yaml(paths: Callable[[], list[Path]], read: Callable[[Path], object]) -> Target:
    def target(rng: Rng, folder: Path) -> None:
        source = pick(rng, paths())
        content = source.read_bytes()
        if rng.random() < 0.6:
            tree = change_tree(rng, yaml.safe_load(content))
            content = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).encode(
                "utf-8", "surrogatepass"
            )
        else:
            content = (change_text if rng.random() < 0.7 else change_bytes)(rng, content)
        path = folder / source.name
        path.write_bytes(content)
        read(path)

    return target


def _experiments() -> list[Path]:
    return sorted([*_EXAMPLES.glob("train-*.yaml"), *_EXAMPLES.glob("benchmark-*.yaml")])


def _read_experiment(path: Path) -> None:
    from glasscast.config import read
    from glasscast.workflows.experiments import BenchmarkExperiment, TrainExperiment

    kind = TrainExperiment if path.name.startswith("train") else BenchmarkExperiment
    repr(read(kind, path))


def _read_simulation(path: Path) -> None:
    from glasscast.config import read
    from glasscast.simulation.settings import SimulationSettings

    repr(read(SimulationSettings, path))


def _liquids() -> list[Path]:
    built_in = _ROOT.parent / "src" / "glasscast" / "liquid" / "built_in"
    return sorted([*built_in.glob("*.yaml"), *(_EXAMPLES / "liquids").glob("*.yaml")])


def _read_liquid(path: Path) -> None:
    for table in path.parent.glob("*.table"):
        table.unlink()
    for table in (_EXAMPLES / "liquids").glob("*.table"):
        shutil.copy(table, path.parent)
    liquid = load_liquid(path)
    require(np.isfinite(liquid.sigma).all() and (liquid.sigma > 0).all(), "sigma")
    require(0 < liquid.longest_cutoff < math.inf, "cutoff")


def card(rng: Rng, folder: Path) -> None:
    """Spoil the card of a model."""
    from glasscast.workflows.describe import card_of

    source = _READY / "ka-T0.64-lr"
    for file in source.iterdir():
        content = file.read_bytes()
        (folder / file.name).write_bytes(
            change_bytes(rng, content) if file.suffix == ".md" else content
        )
    card_of(folder)


def scores(rng: Rng, folder: Path) -> None:
    """Spoil a table of scores."""
    row: dict[str, Any] = {"model": "lr", "dataset": "d", "target": "propensity", "species": "A"}
    from dataclasses import fields

    from glasscast.evaluation.score_table import SCHEMA, Score

    for each in fields(Score):
        row.setdefault(each.name, 1 if each.type in ("int", int) else 0.5)
    row["metric"] = "pearson_mean"
    tree = {"schema": SCHEMA, "scores": [row, dict(row)]}
    path = folder / "scores.json"
    path.write_bytes(json_bytes(change_tree(rng, tree)))
    for found in read_scores(path):
        require(not math.isinf(found.value), "an infinite score")


def outcome(rng: Rng, folder: Path) -> None:
    """Spoil the record of a training and show it."""
    from glasscast.workflows.describe import describe
    from glasscast.workflows.experiment_folder import read_outcome

    record = {
        "versions": {"glasscast": "0.2.0"},
        "identity": {"seed": 1, "files": {"a": "b" * 64}, "settings": {"x": [1, 2]}},
        "seconds": 3.5,
        "best": {"epoch": 3, "score": 0.5},
    }
    shutil.copytree(_READY / "ka-T0.64-lr", folder / "model")
    text = json_bytes(change_tree(rng, record))
    text = change_bytes(rng, text) if rng.random() < 0.3 else text
    (folder / "run.json").write_bytes(text)
    read_outcome(folder)
    describe(folder)


def labels(rng: Rng, folder: Path) -> None:
    """Spoil an npz of labels alone."""
    numbers = np.random.default_rng(0)
    sound = {
        "times": np.array([1.0, 2.0]),
        "propensity": numbers.random((2, 30)),
        "positions": _liquid().start,
        "runs": np.array([3, 3]),
    }
    path = folder / "labels.npz"
    content = npz(change_arrays(rng, sound), rng)
    path.write_bytes(forge_npz(rng, content) if rng.random() < 0.2 else content)
    read_labels(path)


@cache
def _published() -> dict[str, dict[str, Any]]:
    sys.path.append(str(_ROOT / "unit" / "models"))
    from tests.unit.models.test_published import botan_state, deepmind_arrays

    return {"botan.pth": botan_state(), "deepmind.npz": deepmind_arrays()}


def published_weights(rng: Rng, folder: Path) -> None:
    """Spoil published weights: torch, npz, or a checkpoint of TensorFlow."""
    from glasscast.models.foreign import read_foreign
    from glasscast.workflows.import_weights import import_weights
    from tests.unit.models.test_tensor_bundle import DATA, INDEX

    kind = int(rng.integers(3))
    if kind == 0:
        path = folder / "w.ckpt.index"
        path.write_bytes(change_bytes(rng, INDEX))
        data = DATA if rng.random() < 0.7 else change_bytes(rng, DATA)
        (folder / "w.ckpt.data-00000-of-00001").write_bytes(data)
        read_foreign(path)
        return
    if kind == 1:
        path = folder / "w.npz"
        content = npz(change_arrays(rng, _published()["deepmind.npz"]), rng)
        path.write_bytes(forge_npz(rng, content) if rng.random() < 0.2 else content)
        import_weights(path)
        return
    import torch

    path = folder / "w.pth"
    state = {key: np.asarray(value) for key, value in _published()["botan.pth"].items()}
    changed = {}
    for key, value in change_arrays(rng, state).items():
        if value.dtype.kind in "fiu" and value.dtype.isnative and value.dtype.str[1:] != "u8":
            changed[key] = torch.from_numpy(np.ascontiguousarray(value))
    buffer = io.BytesIO()
    torch.save(changed, buffer)
    content = buffer.getvalue()
    path.write_bytes(change_bytes(rng, content) if rng.random() < 0.3 else content)
    import_weights(path, 1.0)


TARGETS: dict[str, Target] = {
    "dump": _of_text("dump"),
    "extxyz": _of_text("xyz"),
    "lammps-data": lammps_data,
    "gsd": gsd_file,
    "npz": _of_arrays("x.npz", _plain),
    "botan": _of_arrays("isoconfig_N30T0.44_1_tc01.npz", _botan),
    "glassbench-trajectories": _of_arrays("N30T0.30_1_tc01.npz", _flat),
    "glassbench-models": _of_arrays("N30T0.44_1.npz", _labelled),
    "deepmind": deepmind,
    "labels": labels,
    "configuration": configuration,
    "dataset.json": _of_manifest(2),
    "dataset.json-v1": _of_manifest(1),
    "model.json-ridge": _of_model("ka-T0.64-lr", weights=False),
    "model.json-network": _of_model("ka-T0.64-eignn-cage", weights=False),
    "safetensors-ridge": _of_model("ka-T0.64-lr", weights=True),
    "safetensors-network": _of_model("ka-T0.64-eignn-cage", weights=True),
    "published-weights": published_weights,
    "run.json": outcome,
    "experiment": _of_yaml(_experiments, _read_experiment),
    "simulation": _of_yaml(lambda: sorted(_EXAMPLES.glob("simulate-*.yaml")), _read_simulation),
    "liquid": _of_yaml(_liquids, _read_liquid),
    "card": card,
    "scores": scores,
}
