"""Files and the format they are taken for."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from format_writers import (
    Liquid,
    make_liquid,
    write_botan,
    write_dumps,
    write_each,
    write_gsd,
    write_xyz,
)
from typer.testing import CliRunner

from glasscast.cli import app
from glasscast.datasets.formats.format import ReadOptions
from glasscast.datasets.formats.registry import FORMATS, detect, read_snapshot
from glasscast.errors import InputError

Write = Callable[[Path, Liquid], Path]


def _each(name: str) -> Write:
    def write(folder, liquid):
        write_each(folder, liquid)
        return folder / name

    return write


def _named(name: str, source: str) -> Write:
    """A file of ``write_each`` under another name."""
    return lambda folder, liquid: _each(source)(folder, liquid).rename(folder / name)


def _text(name: str, change: Callable[[str], str], source: str) -> Write:
    def write(folder, liquid):
        path = _each(source)(folder, liquid)
        text = change(path.read_text())
        path = path.rename(folder / name)
        path.write_text(text)
        return path

    return write


def _bytes(name: str, content: bytes) -> Write:
    def write(folder, _):
        path = folder / name
        path.write_bytes(content)
        return path

    return write


def _npz(*keys: str) -> Write:
    def write(folder, _):
        path = folder / "x.npz"
        np.savez(path, **dict.fromkeys(keys, np.zeros(3)))
        return path

    return write


def _beside_initial(name: str, write_runs) -> Write:
    """A folder of trajectories with a parent of another format."""

    def write(folder, liquid):
        inside = write_runs(folder / "runs", liquid)
        _each({"dump": "a.dump", "xyz": "b.xyz", "data": "g.data", "gsd": "c.gsd"}[name])(
            folder, liquid
        ).rename(inside / f"initial.{name}")
        return inside

    return write


TABLE: list[tuple[str, Write]] = [
    *((name, _each(file)) for file, name in (
        ("a.dump", "lammps"), ("b.xyz", "extxyz"), ("c.gsd", "gsd"), ("d.pickle", "deepmind"),
        ("e.npz", "npz"), ("f.npz", "npz"), ("g.data", "lammps-data"),
    )),
    ("lammps", _named("A.LAMMPSTRJ", "a.dump")),
    ("lammps", _named("trajectory.txt", "a.dump")),
    ("lammps", _named("a.xyz", "a.dump")),
    ("extxyz", _named("a.EXTXYZ", "b.xyz")),
    ("extxyz", _named("a.dump", "b.xyz")),
    ("lammps-data", _named("a.lmp", "g.data")),
    ("lammps-data", _named("a.dump", "g.data")),
    ("gsd", _named("C.GSD", "c.gsd")),
    ("deepmind", _named("d.pkl", "d.pickle")),
    ("lammps", _text("a.dump", lambda s: "\n\n" + s, "a.dump")),
    ("lammps", _text("a.dump", lambda s: "ITEM: UNITS\nlj\n" + s, "a.dump")),
    ("botan", lambda folder, liquid: write_botan(folder, liquid, 0, 7)),
    ("botan", lambda folder, liquid: write_botan(folder / "in" / "it", liquid, 0, 7).parents[2]),
    ("botan", _npz("positions", "initial_positions")),
    ("glassbench-trajectories", _npz("positions", "initial_positions", "box", "types")),
    ("glassbench-models", _npz("md_prop", "bb_prop", "initial_positions", "types")),
    ("npz", _npz("initial_positions", "types")),
    ("npz", _npz("positions", "box")),
    ("lammps", write_dumps),
    ("extxyz", write_xyz),
    ("gsd", write_gsd),
    ("lammps", _beside_initial("data", write_dumps)),
    ("lammps", _beside_initial("xyz", write_dumps)),
    ("gsd", _beside_initial("dump", write_gsd)),
    ("extxyz", _beside_initial("data", write_xyz)),
    ("dcd", _bytes("a.dcd", b"T\0\0\0CORD" + bytes(80))),
    ("lammps", _bytes("a.dump.gz", gzip.compress(b"ITEM: TIMESTEP\n"))),
    ("lammps", _bytes("a.dump", bz2.compress(b"ITEM: TIMESTEP\n"))),
    ("extxyz", _bytes("a.xyz", lzma.compress(b"3\n"))),
    ("lammps", _bytes("a.dump", "\ufeffITEM: TIMESTEP\n".encode())),
    ("lammps", _bytes("a.dump", "ITEM: TIMESTEP\n".encode("utf-16"))),
    ("lammps-data", _bytes("a.data", b"\n\n216 atoms\n")),
    ("lammps-data", _bytes("a.data", b"7 atoms of mine\n\n216 atoms # A and B\n")),
    ("lammps-data", _bytes("a.data", b"title\n" + b"# a word\n" * 5000 + b"  216\tatoms\n")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "write"), TABLE)
def test_formats_are_told_by_content(tmp_path, name, write):
    assert detect(write(tmp_path, make_liquid(size=8))) == name


def test_every_format_is_in_the_table():
    assert {name for name, _ in TABLE} == set(FORMATS)


def test_the_help_of_import_names_every_format_with_trajectories_and_every_option(monkeypatch):
    monkeypatch.setenv("COLUMNS", "2000")
    text = CliRunner().invoke(app, ["import", "--help"]).output
    assert [n for n, f in FORMATS.items() if f.clocked and n != "npz" and n not in text] == []
    assert [key for key in ReadOptions.model_fields if key not in text] == []


def test_what_is_not_recognised_lists_what_would_be(tmp_path):
    (tmp_path / "a.xyz").write_text("3\nplain xyz\nA 0 0 0\nA 1 1 1\nB 2 2 2\n")
    with pytest.raises(InputError, match="XYZ without a box"):
        read_snapshot(tmp_path / "a.xyz")
    (tmp_path / "notes.txt").write_text("hello\n")
    with pytest.raises(InputError, match="no known format") as caught:
        detect(tmp_path / "notes.txt")
    assert all(f"{name}: " in str(caught.value) for name in FORMATS)
    (tmp_path / "broken.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match="truncated or not an npz"):
        detect(tmp_path / "broken.npz")
    with pytest.raises(InputError, match="no known format from its keys box, spins"):
        detect(_npz("spins", "box")(tmp_path, None))
