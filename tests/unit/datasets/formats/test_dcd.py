"""DCD files: positions alone, whose species, order and corner are the parent's."""

import re
import struct
import subprocess
import sys

import numpy as np
import pytest
from format_writers import collect, dump_text, gsd_frame, make_liquid

from glasscast.datasets.formats.format import ReadOptions
from glasscast.datasets.formats.registry import read_ensembles, read_snapshot
from glasscast.datasets.targets import reduce_ensemble
from glasscast.errors import InputError

CLOCK = ReadOptions(timestep=0.01)


def write_dcd(path, frames, box, first=0, spacing=100, angles=90.0):
    """Write with the library, then the steps, which it has no words for, into the header."""
    formats = pytest.importorskip("mdtraj.formats")
    size, dimension = frames[0].shape
    full = np.zeros((len(frames), size, 3), np.float32)
    full[:, :, :dimension] = frames
    sides = np.append(box, np.ones(3 - dimension)).astype(np.float32)
    with formats.DCDTrajectoryFile(str(path), "w") as file:
        file.write(
            full, np.tile(sides, (len(frames), 1)), np.full((len(frames), 3), angles, np.float32)
        )
    content = bytearray(path.read_bytes())
    content[8:20] = struct.pack("<3i", len(frames), first, spacing)
    path.write_bytes(bytes(content))


def write(folder, liquid, corner=0.0, folded=False, start=True):
    """Runs in DCD, the parent as a dump of the same coordinates."""
    folder.mkdir(parents=True, exist_ok=True)
    for run, frames in enumerate(liquid.runs):
        shown = [liquid.start, *frames] if start else list(frames)
        stored = [(np.mod(f, liquid.box) if folded else f) + corner for f in shown]
        write_dcd(folder / f"run{run}.dcd", stored, liquid.box, first=0 if start else 100)
    text = dump_text(0, liquid.start, liquid.types, liquid.box, origin=corner)
    (folder / "initial.dump").write_text(text)
    return folder


@pytest.fixture(params=[2, 3])
def liquid(request):
    """Runs that spread well over the box, so that it can be told that they were followed."""
    made = make_liquid(size=200, dimension=request.param, times=(1.0, 2.0, 3.0), side=9.0)
    made.runs = made.start + 4 * (made.runs - made.start)
    return made


@pytest.mark.parametrize("corner", [0.0, -3.25])
@pytest.mark.parametrize("start", [True, False])
def test_absolute_runs(tmp_path, liquid, corner, start):
    write(tmp_path, liquid, corner, start=start)
    (ensemble,) = read_ensembles(tmp_path, options=CLOCK)
    assert not ensemble.wrapped
    np.testing.assert_allclose(ensemble.times, [1, 2, 3])
    np.testing.assert_allclose(collect(ensemble), liquid.runs, atol=1e-5)
    np.testing.assert_array_equal(ensemble.parent.types, liquid.types)


def test_folded_runs_are_told_from_their_extent(tmp_path):
    liquid = make_liquid(size=200, side=9.0, times=(1.0, 2.0))
    write(tmp_path, liquid, folded=True)
    (ensemble,) = read_ensembles(tmp_path, options=CLOCK)
    assert ensemble.wrapped
    truth = np.linalg.norm(liquid.runs - liquid.start, axis=-1).mean(axis=0)
    np.testing.assert_allclose(reduce_ensemble(ensemble).propensity, truth, atol=1e-5)


def test_a_gsd_parent_has_its_corner_too(tmp_path):
    import gsd.hoomd

    liquid = make_liquid(size=200, side=9.0)
    write(tmp_path, liquid, corner=-liquid.box / 2)
    (tmp_path / "initial.dump").unlink()
    with gsd.hoomd.open(str(tmp_path / "initial.gsd"), "w") as file:
        file.append(gsd_frame(0, liquid.start, liquid.types, liquid.box))
    (ensemble,) = read_ensembles(tmp_path, options=CLOCK)
    truth = np.linalg.norm(liquid.runs - liquid.start, axis=-1).mean(axis=0)
    np.testing.assert_allclose(reduce_ensemble(ensemble).propensity, truth, atol=1e-5)


def test_what_a_dcd_file_does_not_tell_is_asked_for(tmp_path, capfd):
    liquid = make_liquid(runs=1)
    write_dcd(tmp_path / "run1.dcd", [liquid.start, *liquid.runs[0]], liquid.box)
    capfd.readouterr()
    with pytest.raises(InputError, match="tells no species; put the parent beside"):
        next(read_ensembles(tmp_path, options=CLOCK))
    with pytest.raises(InputError, match="tells no species"):
        read_snapshot(tmp_path / "run1.dcd")
    assert capfd.readouterr().out == ""  # the library would print at each opening


def test_damaged_and_tilted_files(tmp_path):
    liquid = make_liquid(runs=1)
    path = tmp_path / "run1.dcd"
    write_dcd(path, [liquid.start, *liquid.runs[0]], liquid.box)
    content = path.read_bytes()
    for length in (20, 80, 300, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"run1\.dcd: is truncated"):
            read_snapshot(path)
    place = content.index((60).to_bytes(4, "little"), 92)
    path.write_bytes(content[:place] + (1 << 30).to_bytes(4, "little") + content[place + 4 :])
    with pytest.raises(InputError, match="claims 1073741824 particles"):
        read_snapshot(path)
    write_dcd(path, [liquid.start], liquid.box, angles=80.0)
    with pytest.raises(InputError, match="triclinic box or none"):
        read_snapshot(path)


def test_flat_runs_of_a_parent_that_is_not(tmp_path):
    liquid = make_liquid(runs=1)
    write(tmp_path, liquid)
    flat = [frame * [1, 1, 0] for frame in (liquid.start, *liquid.runs[0])]
    write_dcd(tmp_path / "run0.dcd", flat, liquid.box)
    with pytest.raises(InputError, match=r"\(60, 2\), the initial configuration has \(60, 3\)"):
        collect(next(read_ensembles(tmp_path, options=CLOCK)))


def test_the_command_that_makes_dcd_of_xtc_does(tmp_path):
    formats = pytest.importorskip("mdtraj.formats")
    liquid = make_liquid(runs=1, times=(1.0, 2.0))
    stored = np.array([liquid.start, *liquid.runs[0]], np.float32)
    box = np.tile(np.diag(liquid.box).astype(np.float32), (3, 1, 1))
    path = tmp_path / "run1.xtc"
    with formats.XTCTrajectoryFile(str(path), "w") as file:
        file.write(stored, time=np.arange(3, dtype=np.float32), box=box)
    with pytest.raises(InputError, match="XTC of GROMACS") as told:
        read_snapshot(path)
    code = re.search(r'python -c "(.*)"; put the parent', str(told.value))[1]
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    path.unlink()
    text = dump_text(0, liquid.start, liquid.types, liquid.box)
    (tmp_path / "initial.dump").write_text(text)
    (ensemble,) = read_ensembles(tmp_path, options=ReadOptions(timestep=1.0))
    assert ensemble.times.tolist() == [1, 2]
    truth = np.linalg.norm(liquid.runs - liquid.start, axis=-1).mean(axis=0)
    np.testing.assert_allclose(reduce_ensemble(ensemble).propensity, truth, atol=3e-3)
