"""Bad input of simulations: exit code 2 and one line, before any work."""

import sys

import numpy as np
import pytest
import yaml

from glasscast.simulation.lammps import library
from glasscast.simulation.lammps.engine import Lammps
from tests.cli.material import contents

SETTINGS = {
    "temperature": 1.0,
    "particles": 300,
    "runs": 2,
    "times": [0.05, 0.2],
    "equilibration": {"hot_time": 0.5, "quench_time": 0.5, "time": 0.5},
    "inherent": False,
}


def write(path, **changes):
    record = {k: v for k, v in (SETTINGS | changes).items() if v is not None}
    path.write_text(yaml.safe_dump(record))
    return path


@pytest.fixture
def idle(monkeypatch):
    """No dynamics may be begun."""

    def begun(*_):
        raise AssertionError("work was begun")

    monkeypatch.setattr(Lammps, "open", begun)


def lattice(**changes):
    grid = np.stack(np.meshgrid(*[np.arange(7)] * 3, indexing="ij"), -1).reshape(-1, 3)[:300]
    return {"positions": 0.9 * grid, "types": np.arange(300) % 2, "box": 6.4} | changes


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"temperature": -0.5}, "'temperature': Input should be greater than 0"),
        ({"temperature": float("inf")}, "'temperature': Input should be a finite number"),
        ({"temperature": "hot"}, "'temperature': Input should be a valid number"),
        ({"times": [0.2, 0.1]}, "times must be positive and increase, got [0.2, 0.1]"),
        ({"times": [0.1, 0.101]}, "are not told apart by a time step of 0.005"),
        ({"particles": 100}, "box side 4.368 is smaller than twice the cutoff 2.5"),
        ({"cage": {"radius": 0.45}}, "cage: box side 6.3 is smaller than twice the cutoff 3.4"),
        (
            {"liquid": "hard-spheres"},
            "hard-spheres is what it stands for at temperature 1.5 only, got 1; see the notes",
        ),
        ({"liquid": "kaa"}, "unknown liquid 'kaa'; built in: ka"),
        ({"engine": {"executable": ["no-lmp"]}}, "engine.executable 'no-lmp' is not found: load"),
        ({"engine": {"name": "lamps"}}, "there is no engine 'lamps'; did you mean 'lammps'?"),
        ({"engine": {"thread": 2}}, "unknown key 'engine.thread'; did you mean 'threads'?"),
        ({"splits": {"train": 2}}, "splits: 2 configurations are named of 1"),
    ],
)
def test_a_bad_setting_is_named(refused, idle, tmp_path, changes, says):
    pytest.importorskip("numba")
    path = write(tmp_path / "s.yaml", **changes)
    refused("simulate", path, "-o", tmp_path / "out", says=[says])
    assert not list(tmp_path.rglob("*.npz"))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"types": np.arange(300) % 3}, "species 2 is unknown: ka has 2 species (A, B)"),
        ({"box": 4.9}, "box side 4.9 is smaller than twice the cutoff 2.5"),
        ({"positions": np.full((300, 3), 1.0)}, "overlap: they are 0 apart"),
        ({"positions": np.full((300, 3), np.nan)}, "'positions' is not finite for particle 0"),
        ({"positions": np.zeros((300, 2)), "box": 9.0}, "has 2 dimensions, ka 3"),
    ],
)
def test_a_bad_start_is_named(refused, idle, tmp_path, changes, says):
    start = tmp_path / "start.npz"
    np.savez(start, **lattice(**changes))
    path = write(tmp_path / "s.yaml", starts=[str(start)], equilibration=None, particles=None)
    refused("simulate", path, "-o", tmp_path / "out", says=[start, says])
    assert not (tmp_path / "out").exists()


def test_a_missing_start_is_named(refused, tmp_path):
    gone = tmp_path / "gone.npz"
    path = write(tmp_path / "s.yaml", starts=[str(gone)], equilibration=None, particles=None)
    says = [gone, "does not exist; see the setting 'starts'"]
    refused("simulate", path, "-o", tmp_path / "out", says=says)


def test_an_unwritable_folder_is_named(refused, idle, tmp_path):
    path, blocked = write(tmp_path / "s.yaml"), tmp_path / "file"
    blocked.write_text("")
    refused("simulate", path, "-o", blocked, says=[blocked, "cannot be written"])
    refused("simulate", path, "-o", blocked / "below", says=[blocked, "cannot be written"])


def test_missing_libraries_are_named_with_what_installs_them(refused, idle, tmp_path, monkeypatch):
    path = write(tmp_path / "s.yaml")
    call = ("simulate", path, "-o", tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "lammps.core", None)
        refused(*call, says=["LAMMPS is not installed: pip install 'glasscast[md]' (Linux)"])
    with monkeypatch.context() as patch:

        def broken(cmdargs):
            raise OSError("libmpi.so.12: cannot open shared object file")

        patch.setattr(library, "load_lammps", lambda: broken)
        refused(*call, says=["MPI library libmpi.so.12 comes with pip install mpich"])
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "glasscast.simulation.monte_carlo_kernel", None)
        path = write(path, cage={"radius": 0.2})
        refused(*call, says=["the cage state needs numba", "pip install 'glasscast[md]'"])
    assert not [name for name in contents(tmp_path / "out") if name.endswith(".npz")]


def test_shards_and_schedulers_are_checked(refused, tmp_path):
    path = write(tmp_path / "s.yaml")
    call = ("simulate", path, "-o", tmp_path / "out")
    refused(*call, "--shard", "3/2", says=["--shard takes i/n with 0 <= i < n, got '3/2'"])
    refused(*call, "--scheduler", "pbs", says=["unknown scheduler 'pbs'; known", "(--scheduler)"])
    refused(*call, "--address", "h:1", says=["for the scheduler 'dask' only (--address)"])
    refused(*call, "--cluster", "cores", says=["expected key=value, got 'cores' (--cluster)"])
