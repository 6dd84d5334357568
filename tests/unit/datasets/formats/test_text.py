"""Rows of numbers: one clear error each for what can be wrong with them, in every text format."""

import bz2
import gzip
import lzma
import tarfile

import numpy as np
import pytest
from format_writers import dump_text, make_liquid, xyz_text

from glasscast.datasets.formats import rows
from glasscast.datasets.formats.lammps_data import FORMAT as DATA
from glasscast.datasets.formats.lammps_dump import FORMAT as DUMP
from glasscast.datasets.formats.registry import read_snapshot
from glasscast.datasets.formats.xyz import FORMAT as XYZ
from glasscast.errors import InputError

SIZE = 20


def data_text(liquid):
    rows = [
        f"{k + 1} {kind + 1} {x!r} {y!r} {z!r}"
        for k, (kind, (x, y, z)) in enumerate(zip(liquid.types, liquid.start.tolist(), strict=True))
    ]
    bounds = [f"0 {s!r} {a}lo {a}hi" for s, a in zip(liquid.box.tolist(), "xyz", strict=True)]
    return "\n".join(["title", "", f"{SIZE} atoms", *bounds, "", "Atoms", "", *rows, ""])


def write(folder, kind):
    """A file of one frame, its format, and the number of the line of its first row."""
    liquid = make_liquid(size=SIZE)
    here = liquid.start, liquid.types, liquid.box
    content, known, first = {
        "dump": (dump_text(0, *here), DUMP, 10),
        "xyz": (xyz_text(*here), XYZ, 3),
        "data": (data_text(liquid), DATA, 10),
    }[kind]
    path = folder / f"a.{kind}"
    path.write_text(content)
    return path, known, first


def cut(row):
    """A row without its last entry."""
    return row.rpartition(" ")[0]


KINDS = ("dump", "xyz", "data")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: "", "line 15: .* has a blank row"),
        (lambda row: row + " 7", r"line 15: .* has \d columns, this row \d"),
        (cut, r"line 15: .* has \d columns, this row \d"),
        (lambda row: cut(row) + " 1.2.3", r"line 15: .*column \d .*'1\.2\.3' is no"),
        (lambda row: cut(row) + " 1_0", r"line 15: .*column \d .*'1_0' is no number"),
        (lambda row: cut(row) + " nan", r"line 15: .*column \d .*nan is not finite"),
        (lambda row: cut(row) + " 1e999", r"line 15: .*column \d .*inf is not finite"),
        (lambda row: cut(row) + " -", r"line 15: .*column \d .*'-' is no number"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_row_is_said_with_line_and_column(tmp_path, kind, change, message):
    path, known, _ = write(tmp_path, kind)
    lines = path.read_text().splitlines()
    lines[14] = change(lines[14])
    path.write_text("\n".join([*lines, ""]))
    with pytest.raises(InputError, match=rf"a\.{kind}: {message}"):
        list(known.read_frames(path))


@pytest.mark.parametrize("kind", KINDS)
def test_errors_count_lines_through_the_whole_file(tmp_path, kind, monkeypatch):
    """Rows are taken in blocks; the line of an error is counted from the first line."""
    monkeypatch.setattr(rows, "_BLOCK", 3)
    path, known, first = write(tmp_path, kind)
    (whole,) = known.read_frames(path)
    np.testing.assert_allclose(whole.positions, make_liquid(size=SIZE).start)
    lines = path.read_text().splitlines()
    wrong = first + SIZE - 2
    lines[wrong - 1] = lines[wrong - 1].rpartition(" ")[0] + " x"
    path.write_text("\n".join([*lines, ""]))
    with pytest.raises(InputError, match=rf"line {wrong}: .*'x' is no number"):
        list(known.read_frames(path))


@pytest.mark.parametrize("kind", KINDS)
def test_a_last_line_without_end_may_be_cut(tmp_path, kind):
    path, known, first = write(tmp_path, kind)
    whole = path.read_text()
    for less in (1, 2, 5):
        path.write_text(whole[:-less])
        with pytest.raises(InputError, match=rf"line {first + SIZE - 1}: is truncated: the last"):
            list(known.read_frames(path))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", ["21", "2000000", "99999999999", "9" * 18])
def test_more_particles_claimed_than_there_are(tmp_path, kind, number):
    path, known, _ = write(tmp_path, kind)
    path.write_text(path.read_text().replace(f"{SIZE}", number, 1))
    with pytest.raises(InputError, match=r"20 of \d+ particles|must have 1 to 20000000"):
        list(known.read_frames(path))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_line_ends_and_marks_of_other_systems(tmp_path, kind, line_end, encoding):
    path, _, _ = write(tmp_path, kind)
    path.write_bytes(path.read_text().replace("\n", line_end).encode(encoding))
    (read,) = read_snapshot(path)
    np.testing.assert_allclose(read.positions, make_liquid(size=SIZE).start)


def zstandard(content):
    zstd = pytest.importorskip("backports.zstd")
    return zstd.compress(content)


COMPRESSIONS = [gzip.compress, bz2.compress, lzma.compress, zstandard]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compress", COMPRESSIONS)
def test_compressed_files_are_read_by_content(tmp_path, kind, compress):
    path, _, _ = write(tmp_path, kind)
    content = path.read_bytes()
    path.write_bytes(compress(content[:200]) + compress(content[200:]))
    (read,) = read_snapshot(path)
    np.testing.assert_allclose(read.positions, make_liquid(size=SIZE).start)


@pytest.mark.parametrize("compress", COMPRESSIONS)
def test_a_compressed_file_cut_anywhere_is_refused(tmp_path, compress):
    path, _, _ = write(tmp_path, "dump")
    content = compress(path.read_bytes())
    for length in range(8, len(content), max(1, len(content) // 25)):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"a\.dump: (is cut off: its|cannot be dec)"):
            read_snapshot(path)
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 255
    path.write_bytes(bytes(damaged))
    with pytest.raises(InputError, match=r"a\.dump: "):
        read_snapshot(path)


def test_archives_and_compressed_binary_files_are_refused_with_the_command(tmp_path):
    path = tmp_path / "c.gsd"
    path.write_bytes(gzip.compress(b"\xdf\x65" * 4))
    with pytest.raises(InputError, match=r"only text files are read so; unpack it: gunzip c\.gsd"):
        read_snapshot(path)
    np.savez(tmp_path / "a.npz", positions=np.zeros((4, 3)))
    (tmp_path / "a.npz.gz").write_bytes(gzip.compress((tmp_path / "a.npz").read_bytes()))
    with pytest.raises(InputError, match=r"unpack it: gunzip a\.npz\.gz"):
        read_snapshot(tmp_path / "a.npz.gz")
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        archive.add(path)
    with pytest.raises(InputError, match=r"a tar archive, which is not read; tar xf a\.tgz"):
        read_snapshot(tmp_path / "a.tgz")
    (tmp_path / "a.dump").write_bytes(b"7z\xbc\xaf\x27\x1c")
    with pytest.raises(InputError, match=r"is a 7z archive; 7z x a\.dump"):
        read_snapshot(tmp_path / "a.dump")


def test_a_line_without_end_takes_no_memory(tmp_path):
    path = tmp_path / "a.dump"
    path.write_bytes(b"ITEM: TIMESTEP\n" + gzip.compress(b"")[:0] + b"0" * (3 << 20))
    with pytest.raises(InputError, match="has a line of more than 1048576 bytes"):
        read_snapshot(path)


def test_names_are_never_cut(tmp_path):
    path, known, _ = write(tmp_path, "xyz")
    path.write_text(path.read_text().replace("\nA ", "\n" + "A" * 40 + " ", 1))
    with pytest.raises(InputError, match=r"line 3: .*'A+\.\.\.' is no name|is no number"):
        list(known.read_frames(path))
