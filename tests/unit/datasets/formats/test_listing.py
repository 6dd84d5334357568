"""Nothing below a source is left out without a word, and nothing is read twice or for ever."""

import json
import os
import shutil

import numpy as np
import pytest
from format_writers import collect, dump_text, make_liquid, write_botan, write_dumps

from glasscast.datasets.formats.format import ReadOptions
from glasscast.datasets.formats.listing import list_files, survey
from glasscast.datasets.formats.registry import detect, read_ensembles
from glasscast.errors import InputError
from glasscast.workflows.import_data import import_data

STEP = ReadOptions(timestep=0.01)


def names(folder, left):
    return {str(path.relative_to(folder)): why for path, why in left}


def test_what_is_not_read_is_named_once_with_the_reason(tmp_path):
    for name in ("a/run1.dump", "a/notes.txt", "b/plot/x.png", "b/plot/y.png", "c/r.dump.gz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "d").mkdir()
    (tmp_path / "a" / ".hidden").write_text("x")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "a" / "pipe.dump")
    seen = survey(tmp_path)
    assert names(tmp_path, seen.left_out([tmp_path / "a" / "run1.dump"])) == {
        "a/.hidden": "hidden",
        "a/notes.txt": "of another kind, .txt",
        "a/pipe.dump": "no regular file",
        "b": "nothing in it is read: 2 of another kind, .png",
        "c": "nothing in it is read: 1 compressed",
        "d": "empty",
        "nowhere": "a link to nothing",
    }


def test_links_are_followed_once(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "run1.dump").write_text("x")
    outside = tmp_path.with_name(tmp_path.name + "-outside")
    outside.mkdir()
    (outside / "run2.dump").write_text("x")
    (tmp_path / "b").symlink_to(outside)
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "0").symlink_to(tmp_path / "a")
    (tmp_path / "latest.dump").symlink_to(tmp_path / "a" / "run1.dump")
    seen = survey(tmp_path)
    assert seen.files == (tmp_path / "a" / "run1.dump", tmp_path / "b" / "run2.dump")
    assert set(names(tmp_path, seen.left_out(seen.files))) == {"a/loop", "0", "latest.dump"}


def test_a_source_without_known_files_says_what_it_holds(tmp_path):
    with pytest.raises(InputError, match="it is empty"):
        detect(tmp_path)
    (tmp_path / "README.md").write_text("x")
    with pytest.raises(InputError, match=r"there is README\.md \(of another kind, \.md\)"):
        detect(tmp_path)
    os.mkfifo(tmp_path / "x.dump")
    with pytest.raises(InputError, match="no regular file"):
        list_files(tmp_path / "x.dump", (".dump",))


def test_a_folder_a_run_is_one_configuration(tmp_path):
    liquid = make_liquid()
    write_dumps(tmp_path / "flat", liquid)
    for number, file in enumerate(sorted((tmp_path / "flat").glob("*.dump"))):
        run = tmp_path / "nested" / "conf1" / f"run{number}"
        run.mkdir(parents=True)
        shutil.copy(file, run / "traj.dump")
    (flat,) = read_ensembles(tmp_path / "flat", options=STEP)
    (nested,) = read_ensembles(tmp_path / "nested", options=STEP)
    assert nested.name == "conf1"
    assert len(nested.sources) == len(flat.sources) == len(liquid.runs)
    np.testing.assert_array_equal(collect(nested), collect(flat))


def test_runs_in_folders_belong_to_the_parent_above_them(tmp_path):
    liquid = make_liquid()
    write_dumps(tmp_path / "flat", liquid, start=False)
    for number, file in enumerate(sorted((tmp_path / "flat").glob("*.dump"))):
        run = tmp_path / "conf1" / f"seed{number}"
        run.mkdir(parents=True)
        shutil.move(file, run / "traj.dump")
    text = dump_text(0, liquid.start, liquid.types, liquid.box)
    (tmp_path / "conf1" / "initial.dump").write_text(text)
    (ensemble,) = read_ensembles(tmp_path, options=STEP)
    assert ensemble.sources[0].name == "initial.dump"
    np.testing.assert_allclose(collect(ensemble), liquid.runs)


def test_folders_with_other_starts_are_configurations_of_their_own(tmp_path):
    for seed in (0, 1):
        write_dumps(tmp_path / f"conf{seed}", make_liquid(seed=seed, runs=1))
    assert [e.name for e in read_ensembles(tmp_path, options=STEP)] == ["conf0", "conf1"]


def test_splits_are_named_below_the_source_only(tmp_path, monkeypatch):
    source = tmp_path / "test" / "data"
    for split in ("train", "validation"):
        write_dumps(source / split / f"c-{split}", make_liquid(seed=len(split)))
    write_dumps(source / "c", make_liquid(seed=3))
    told = [e.metadata.get("split") for e in read_ensembles(source, options=STEP)]
    assert told == [None, "train", "validation"]
    monkeypatch.chdir(source)
    assert told == [e.metadata.get("split") for e in read_ensembles(".", options=STEP)]


def test_an_import_tells_and_keeps_what_it_understood(tmp_path, caplog):
    source = tmp_path / "in"
    source.mkdir()
    liquid = make_liquid(size=60)
    write_botan(source, liquid, 0, tag=7)
    (source / "notes.txt").write_text("x")
    (source / ".cache").write_text("x")
    with caplog.at_level("INFO", logger="glasscast"):
        import_data(source, tmp_path / "out", temperature=0.44)
    assert "left out, 2 in all: .cache (hidden), notes.txt (of another kind, .txt)" in caplog.text
    assert "understood: format botan; 1 file; trajectories" in caplog.text
    (record,) = json.loads((tmp_path / "out" / "dataset.json").read_text())["sources"]
    runs = len(liquid.runs)
    assert record["runs"] == [runs, runs]
    assert (record["how"], record["format"], record["files"]) == ("import", "botan", 1)
    assert record["ignored"]["number"] == 2
    caplog.clear()
    with caplog.at_level("INFO", logger="glasscast"):
        import_data(source, tmp_path / "out", temperature=0.44)  # all is there: told alike
    (again,) = json.loads((tmp_path / "out" / "dataset.json").read_text())["sources"]
    assert again == record


def test_an_import_beside_its_files_does_not_read_its_own_dataset(tmp_path):
    write_botan(tmp_path, make_liquid(size=60), 0, tag=7)
    for _ in range(2):
        assert len(import_data(tmp_path, tmp_path / "out", temperature=0.44)) == 1
