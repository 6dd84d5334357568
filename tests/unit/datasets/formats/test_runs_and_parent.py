"""Runs belong to their parent and to different velocities: understood, or refused by name."""

import logging
from pathlib import Path

import numpy as np
import pytest
from format_writers import collect, dump_text, make_liquid, write_dumps, xyz_text

from glasscast.datasets.common_motion import FARTHEST_COMMON, refuse_common_motion
from glasscast.datasets.formats.format import ReadOptions
from glasscast.datasets.formats.registry import read_ensembles
from glasscast.datasets.frames import RunFrame
from glasscast.errors import InputError
from glasscast.workflows.import_data import import_data

CLOCK = ReadOptions(timestep=0.01)
BOX = np.full(3, 12.0)


def read(folder, options=CLOCK):
    (ensemble,) = read_ensembles(folder, options=options)
    return ensemble, collect(ensemble)


def data_text(liquid, title="LAMMPS data file via write_data, timestep = 500000, units = lj"):
    rows = "\n".join(
        f"{k + 1} {kind + 1} {x!r} {y!r} {z!r} 0 0 0"
        for k, (kind, (x, y, z)) in enumerate(zip(liquid.types, liquid.start.tolist(), strict=True))
    )
    sides = zip(liquid.box.tolist(), "xyz", strict=True)
    bounds = "\n".join(f"0 {side!r} {axis}lo {axis}hi" for side, axis in sides)
    return f"{title}\n\n60 atoms\n{bounds}\n\nAtoms # atomic\n\n{rows}\n"


def write_late(folder, liquid, steps=500000, start=False):
    """Dumps whose clock began elsewhere."""
    folder.mkdir(exist_ok=True)
    for run, frames in enumerate(liquid.runs):
        shown = [(0, liquid.start)] if start else []
        shown += list(zip(100 * liquid.times, frames, strict=True))
        text = "".join(
            dump_text(steps + int(step), frame, liquid.types, liquid.box) for step, frame in shown
        )
        (folder / f"run{run}.dump").write_text(text)


@pytest.mark.parametrize("steps", [500000, 0])
def test_the_step_a_data_file_notes_is_where_runs_go_on_or_start_anew(tmp_path, steps):
    """``read_restart`` goes on from the step, ``read_data`` begins at 0."""
    liquid = make_liquid()
    write_late(tmp_path, liquid, steps)
    (tmp_path / "initial.data").write_text(data_text(liquid))
    ensemble, frames = read(tmp_path)
    np.testing.assert_allclose(ensemble.times, liquid.times)
    np.testing.assert_allclose(frames, liquid.runs)
    assert any("taken to begin" in remark for remark in ensemble.metadata["remarks"])


@pytest.mark.parametrize("title", ["LAMMPS data file via write_data, timestep = 7", "title"])
def test_the_frame_that_shows_the_parent_starts_the_clock(tmp_path, title):
    liquid = make_liquid()
    write_late(tmp_path, liquid, start=True)
    (tmp_path / "initial.data").write_text(data_text(liquid, title))
    ensemble, frames = read(tmp_path)
    np.testing.assert_allclose(ensemble.times, liquid.times)
    np.testing.assert_allclose(frames, liquid.runs)
    assert "remarks" not in ensemble.metadata


def test_each_run_may_have_set_back_its_clock(tmp_path):
    liquid = make_liquid()
    write_late(tmp_path, liquid, start=True)
    other = make_liquid()
    other.runs = liquid.runs[1:2]
    write_late(tmp_path / "again", other, steps=0, start=True)
    (tmp_path / "again" / "run0.dump").rename(tmp_path / "run1.dump")
    ensemble, frames = read(tmp_path)
    np.testing.assert_allclose(ensemble.times, liquid.times)
    np.testing.assert_allclose(frames, liquid.runs)


def test_runs_that_go_on_from_an_unknown_time_are_refused(tmp_path):
    liquid = make_liquid()
    write_late(tmp_path, liquid)
    (tmp_path / "initial.data").write_text(data_text(liquid, "title"))
    with pytest.raises(InputError, match=r"initial\.data: does not tell its clock"):
        read(tmp_path)


def test_a_frame_written_again_at_a_restart_counts_once(tmp_path):
    liquid = make_liquid()
    write_dumps(tmp_path, liquid)
    for path in tmp_path.iterdir():
        text = path.read_text()
        head, first, last = text.split("ITEM: TIMESTEP")[1:]
        path.write_text("ITEM: TIMESTEP".join(["", head, first, first, last]))
    ensemble, frames = read(tmp_path)
    np.testing.assert_allclose(ensemble.times, liquid.times)
    np.testing.assert_allclose(frames, liquid.runs)


def test_the_last_of_several_frames_is_the_parent(tmp_path):
    liquid = make_liquid()
    write_dumps(tmp_path, liquid)
    older = dump_text(-9, liquid.runs[0, 1], liquid.types, liquid.box)
    last = dump_text(0, liquid.start, liquid.types, liquid.box)
    (tmp_path / "initial.dump").write_text(older + last)
    ensemble, _ = read(tmp_path)
    np.testing.assert_allclose(ensemble.parent.positions, liquid.start)
    assert ensemble.metadata["remarks"] == ["initial.dump holds 2 frames, the last is the parent"]


def test_a_folded_parent_is_related_to_absolute_runs_while_nothing_moved_far(tmp_path):
    liquid = make_liquid()
    away = np.round(np.random.default_rng(0).normal(size=liquid.start.shape)) * liquid.box
    truth = liquid.runs - liquid.start
    start = liquid.start
    liquid.runs = liquid.runs + away
    write_dumps(tmp_path, liquid, start=False)
    parent = tmp_path / "initial.dump"
    parent.write_text(dump_text(0, start, liquid.types, liquid.box, "x y z"))
    ensemble, frames = read(tmp_path)
    np.testing.assert_allclose(frames - ensemble.parent.positions, truth)
    liquid.runs = start + away + 15 * truth
    write_dumps(tmp_path, liquid, start=False)
    with pytest.raises(InputError, match="the initial configuration is folded into the box"):
        read(tmp_path)


def test_another_parent_is_refused(tmp_path):
    liquid, other = make_liquid(), make_liquid(seed=1)
    write_dumps(tmp_path, liquid, start=False)
    (tmp_path / "initial.xyz").write_text(xyz_text(other.start, other.types * 0, other.box))
    for path in tmp_path.glob("*.dump"):
        path.write_text(
            dump_text(1, liquid.runs[int(path.stem[3:]), 0], other.types * 0, other.box)
        )
    with pytest.raises(InputError, match="all trajectories are displaced alike"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("equal", "message"),
    [((0, 1), "0 and 1 are identical: they had"), ((0,), "identical at 1 of 2 times: .*minimiser")],
)
def test_runs_of_one_seed_and_frames_of_a_minimiser(tmp_path, equal, message):
    liquid = make_liquid(runs=2)
    for row in equal:
        liquid.runs[1, row] = liquid.runs[0, row]
    write_dumps(tmp_path, liquid)
    with pytest.raises(InputError, match=message):
        read(tmp_path)


def test_one_run_cannot_be_told_and_the_import_says_so(tmp_path, caplog):
    liquid = make_liquid(runs=1)
    write_dumps(tmp_path / "in" / "c", liquid, start=False)
    parent = tmp_path / "in" / "c" / "initial.dump"
    parent.write_text(dump_text(0, liquid.start, liquid.types, liquid.box))
    with caplog.at_level(logging.WARNING, "glasscast"):
        made = import_data(tmp_path / "in", tmp_path / "out", options=CLOCK)
    said = "one trajectory without frame 0"
    assert said in caplog.text
    assert said in made[0].metadata.records["remarks"][0]


def shared_motion(runs, shared, own, size=200, seed=0):
    """Frames of runs with mean-square displacements ``shared`` in common and ``own`` apart."""
    rng = np.random.default_rng(seed)
    start = rng.random((size, 3)) * BOX
    common = rng.normal(size=(size, 3)) * np.sqrt(shared / 3)
    for run in range(runs):
        moved = common + rng.normal(size=(size, 3)) * np.sqrt(own / 3) + rng.normal(size=3)
        yield RunFrame(0, run, start + moved, Path("run.dump"))


def passes(runs, shared, own):
    start = np.random.default_rng(0).random((200, 3)) * BOX
    frames = shared_motion(runs, shared, own)
    return len(list(refuse_common_motion(frames, start, BOX, wrapped=False, related=False))) == runs


@pytest.mark.parametrize("runs", [2, 3, 32])
@pytest.mark.parametrize(
    ("shared", "own"),
    [
        (0.0, 1e-6),  # ballistic flight
        (0.02, 0.02),  # cages: the place in the cage is left alike, another is found
        (0.3, 2.0),  # late times
        (0.6 * FARTHEST_COMMON * 0.02, 0.02),
    ],
)
def test_thermal_runs_share_less_than_they_spread(runs, shared, own):
    assert passes(runs, shared, own)


@pytest.mark.parametrize("runs", [2, 3, 32])
@pytest.mark.parametrize("shared", [1.6 * FARTHEST_COMMON * 0.02, 12.0**2 / 4])
def test_runs_of_another_parent_share_more(runs, shared):
    with pytest.raises(InputError, match="displaced alike"):
        passes(runs, shared, 0.02)
