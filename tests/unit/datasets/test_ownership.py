"""A command writes only where nothing lies, or what it made itself for the same work."""

import os
import subprocess
import sys

import pytest

from glasscast.datasets.locks import holder, locked
from glasscast.datasets.ownership import owned, visible
from glasscast.errors import InputError, SettingsError

WORK = {"source": "/data/a"}


def make(folder, work=WORK, command="import"):
    with owned(folder, command, work):
        (folder / "result").write_text("done")


def test_absent_and_empty_folders_and_ones_own(tmp_path):
    make(tmp_path / "new" / "below")
    (tmp_path / "empty").mkdir()
    make(tmp_path / "empty")
    make(tmp_path / "empty")
    assert [path.name for path in visible(tmp_path / "empty")] == ["result"]


@pytest.mark.parametrize(
    ("work", "command", "says"),
    [
        ({"source": "/data/b"}, "import", "source /data/a instead of /data/b"),
        (WORK, "simulate", "was made by 'glasscast import'"),
    ],
)
def test_other_work_is_refused_and_left_as_it_was(tmp_path, work, command, says):
    make(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(SettingsError, match=says):
        make(tmp_path, work, command)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_of_somebody_elses_is_refused_untouched(tmp_path):
    (tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(SettingsError, match=r"holds 'thesis.tex', which this command did not make"):
        make(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with owned(tmp_path, "import", WORK, lambda folder: (folder / "thesis.tex").exists()):
        assert holder(tmp_path)["pid"] == os.getpid()


def test_what_fails_before_it_writes_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), owned(tmp_path / "x", "import", WORK):
        raise ZeroDivisionError
    assert not (tmp_path / "x").exists()


def test_a_file_is_no_place(tmp_path):
    (tmp_path / "x").write_text("")
    for place in (tmp_path / "x", tmp_path / "x" / "below"):
        with pytest.raises(InputError, match="cannot be written"):
            make(place)


def test_a_second_writer_is_told_who_is_at_work(tmp_path):
    code = f"""
import sys
from pathlib import Path
from glasscast.datasets.locks import locked
with locked(Path({str(tmp_path)!r}), "simulate"):
    print("held", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        says = rf"written by 'glasscast simulate', process {other.pid} on .*, since 20"
        with pytest.raises(InputError, match=says), locked(tmp_path, "import"):
            pass
        other.kill()  # the lock ends with its process
    with locked(tmp_path, "import"):
        assert holder(tmp_path)["command"] == "import"
    assert holder(tmp_path) is None
