"""What leaves this machine holds no path of it: a name and a checksum do."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import yaml

from glasscast.datasets.files import sha256_of_file
from glasscast.workflows.demo import load_sample
from tests.cli.material import botan_folder
from tests.world import World

#: Files that say where things lie: paths of data not below the same root, and the log.
TELLING = ("run.log",)


def texts(path: Path) -> Iterator[tuple[str, bytes]]:
    """Content of a file, and of what is packed in it."""
    content = path.read_bytes()
    yield path.name, content
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                inner = archive.read(name)
                yield f"{path.name}:{name}", inner
                yield f"{path.name}:{name}", inner.replace(b"\0", b"")  # text of four bytes each


def told(folder: Path, secret: Path) -> list[str]:
    """Name every file below a folder, hidden ones too, that holds a path."""
    return [
        f"{path.relative_to(folder)} ({name})"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in TELLING
        for name, content in texts(path)
        if str(secret).encode() in content
    ]


def test_the_search_finds_what_it_looks_for(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "plain.json").write_text(f'"{tmp_path}/x"')
    (out / ".hidden").write_text(f"{tmp_path}")
    np.savez_compressed(out / "packed.npz", text=np.array(f"{tmp_path}/x"))
    (out / "run.log").write_text(f"{tmp_path}")
    (out / "clean.txt").write_text("x")
    assert [line.split(" ")[0] for line in told(out, tmp_path)] == [
        ".hidden", "packed.npz", "plain.json",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return World(tmp_path_factory.mktemp("secret-place"))


@pytest.fixture
def out(world, tmp_path_factory):
    """Folder of results on the same machine, below the same root."""
    return world.folder / "results"


def write(path: Path, **record) -> Path:
    path.write_text(yaml.safe_dump(record))
    return path


def chosen(world: World, split: str) -> dict[str, object]:
    return {"datasets": [str(world.data)], "split": split}


@pytest.mark.parametrize("kind", ["linear", "deep", "energetic"])
def test_training_forecasting_and_scoring_tell_no_path(done, world, out, kind):
    out, model = out / kind, getattr(world, kind)()
    asked = write(
        world.folder / f"{kind}.yaml",
        train=chosen(world, "train"),
        validation=chosen(world, "validation"),
        test=chosen(world, "test"),
        copies={"datasets": [str(world.copies)]},
        model=model,
    )
    done("train", asked, "-o", out / "run")
    report = [] if kind == "linear" else ["--no-report"]
    done("predict", world.data, "-m", out / "run", "-o", out / "npz", "--format", "npz", *report)
    for suffix in ("gsd", "xyz") if report else ():
        call = ("-o", out / suffix, "--format", suffix, "--no-report")
        done("predict", world.data, "-m", out / "run", *call)
    done("evaluate", world.data, "-m", out / "run", "-o", out / "scores", "--split", "test")
    done("export", out / "run", out / "ready")
    assert told(out, world.folder) == []


def test_a_benchmark_and_a_transfer_tell_no_path(done, world, out):
    models = {"line": world.linear(), "net": world.deep()}
    asked = write(
        world.folder / "b.yaml",
        data=chosen(world, "train"),
        test=chosen(world, "test"),
        copies={"datasets": [str(world.copies)], "configurations": ["copy-0"]},
        models=models,
    )
    done("benchmark", asked, "-o", out / "benchmark")
    assert told(out / "benchmark", world.folder) == []
    states = {
        name: {"train": chosen(world, train), "test": chosen(world, test)}
        for name, train, test in (("a", "train", "test"), ("b", "train", "validation"))
    }
    asked = write(world.folder / "t.yaml", state_points=states, models={"line": world.linear()})
    done("transfer", asked, "-o", out / "transfer")
    assert told(out / "transfer", world.folder) == []


def test_imports_and_analyses_tell_no_path(done, world, out):
    source = botan_folder(world.folder / "raw", configurations=2, tags=1)
    done("import", source, out / "imported")
    done("analyse", out / "imported", "-o", out / "analysed")
    assert told(out / "imported", world.folder) == []
    assert told(out / "analysed", world.folder) == []


def test_a_liquid_of_ones_own_is_told_by_its_name(done, world, out):
    own = world.folder / "mine.yaml"
    built_in = files("glasscast.liquid") / "built_in" / "ka.yaml"
    own.write_text(built_in.read_text().replace("name: ka\n", "name: my-own\n"))
    c = load_sample()[0]
    arrays = {"initial_positions": c.positions, "types": c.types, "box": c.box}
    np.savez(world.folder / "start.npz", **arrays)
    call = ("-m", "ka-T0.64-lr", "--liquid", own, "--format", "npz", "-o", out / "own")
    done("predict", world.folder / "start.npz", *call)
    assert told(out / "own", world.folder) == []
    assert "my-own" in (out / "own" / "report.html").read_text()
    work = json.loads((out / "own" / ".glasscast.json").read_text())["work"]
    assert work["liquid"] == {"name": "my-own", "sha256": sha256_of_file(own)}
