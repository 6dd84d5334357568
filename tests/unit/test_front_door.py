"""What `import glasscast` offers: light, typed, and enough for a notebook."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import gsd.hoomd
import numpy as np
import pytest
import typer

import glasscast as gc
from glasscast.cli import app
from glasscast.errors import InputError, SettingsError

ROOT = Path(__file__).parents[2]
#: Command -> the one call of the front door behind it.
CALLS = {
    "demo": "demo",
    "examples": "copy_examples",
    "import": "import_data",
    "join": "join_labels",
    "fetch": "fetch",
    "simulate": "simulate",
    "equilibrium": "add_equilibrium",
    "thermal-copies": "make_copies",
    "analyse": "analyse",
    "info": "describe",
    "train": "train",
    "calibrate": "calibrate",
    "export": "export",
    "import-weights": "import_weights",
    "predict": "predict",
    "evaluate": "evaluate",
    "benchmark": "benchmark",
    "transfer": "transfer",
    "reproduce": "reproduce",
}


@pytest.fixture(scope="module")
def snapshot():
    return gc.load_sample()[0]


@pytest.fixture(scope="module")
def forecast(snapshot):
    return gc.predict("ka-T0.64-lr", snapshot)


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_the_import_loads_nothing_heavy():
    heavy = "torch scipy matplotlib pandas numpy sklearn pydantic"
    code = f"import sys, glasscast; print([m for m in {heavy.split()!r} if m in sys.modules])"
    assert run(code).strip() == "[]"


def test_every_name_is_there_and_no_subpackage_hides_one():
    folders = {p.stem for p in (ROOT / "src" / "glasscast").iterdir()}
    for name in gc.__all__:
        assert getattr(gc, name) is not None
        assert name not in folders - {"__version__"}
    assert set(gc.__all__) <= set(dir(gc))
    assert gc.__version__ == version("glasscast")
    with pytest.raises(AttributeError, match="has no attribute 'colour'"):
        _ = gc.colour


def test_types_and_table_name_the_same():
    text = (ROOT / "src" / "glasscast" / "__init__.py").read_text()
    for name in gc.__all__:
        assert f" import {name} as {name}\n" in text


def test_every_command_has_its_call():
    commands = typer.main.get_command(app).commands
    assert commands.keys() == CALLS.keys()
    assert set(CALLS.values()) <= set(gc.__all__)


def test_objects_are_told_in_a_few_lines(snapshot, forecast):
    for thing in (gc.load_sample(), snapshot, forecast, gc.load_model("ka-T0.64-lr")):
        assert len(repr(thing)) < 600, repr(thing)
        assert "object at" not in repr(thing)
    for thing in (gc.load_sample(), snapshot, forecast):
        assert thing._repr_html_().startswith("<table>")


def test_a_file_an_array_and_a_configuration_get_the_same_forecast(tmp_path, snapshot, forecast):
    c = snapshot
    box = np.append(c.box, [0, 0, 0])
    with gsd.hoomd.open(str(tmp_path / "a.gsd"), "w") as stream:
        frame = gsd.hoomd.Frame()
        frame.configuration.box = box
        frame.particles.N = c.size
        frame.particles.types = ["A", "B"]
        frame.particles.typeid = c.types
        frame.particles.position = (c.positions - c.box / 2).astype(np.float32)
        stream.append(frame)
    rows = np.column_stack([np.arange(1, c.size + 1), c.types + 1, c.positions])
    head = f"ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n{c.size}\nITEM: BOX BOUNDS pp pp pp\n"
    bounds = "".join(f"0 {side!r}\n" for side in c.box.tolist())
    with (tmp_path / "b.dump").open("w") as stream:
        stream.write(head + bounds + "ITEM: ATOMS id type x y z\n")
        np.savetxt(stream, rows, fmt="%d %d %.17g %.17g %.17g")
    arrays = gc.Configuration.from_arrays(c.positions - 40, c.types, c.box[0])
    for given in (str(tmp_path / "a.gsd"), tmp_path / "b.dump", arrays):
        made = gc.predict("ka-T0.64-lr", given)
        np.testing.assert_allclose(made.values, forecast.values, atol=2e-4)
    assert len(gc.predict("ka-T0.64-lr", [snapshot, arrays])) == 2


def test_a_forecast_is_given_to_other_libraries(tmp_path, forecast):
    pytest.importorskip("pandas")
    table = forecast.to_pandas()
    np.testing.assert_array_equal(table["propensity_t16p5"], forecast.values[4])
    assert table["species"].tolist()[:3] == ["A", "A", "A"]
    forecast.write(str(tmp_path / "out.xyz"))
    assert (tmp_path / "out.xyz").exists()
    assert forecast.plot().axes


def test_a_forecast_becomes_atoms(forecast):
    pytest.importorskip("ase")
    atoms = forecast.to_ase(("Ni", "P"))
    assert atoms.get_chemical_formula() == "Ni1600P400"
    np.testing.assert_allclose(atoms.arrays["propensity_t33"], forecast.values[5])
    plain = forecast.to_ase()
    assert set(plain.get_chemical_symbols()) == {"X"}
    assert set(plain.arrays["type"]) == {1, 2}


def test_a_snapshot_becomes_a_graph(snapshot):
    pytest.importorskip("torch_geometric")
    graph = snapshot.to_pyg(2.0)
    i, j = graph.edge_index.numpy()
    vectors = graph.edge_attr.numpy()
    assert np.linalg.norm(vectors, axis=1).max() < 2.0
    shift = (snapshot.positions[i] - snapshot.positions[j] - vectors) / snapshot.box
    np.testing.assert_allclose(shift, shift.round(), atol=1e-9)


def test_training_and_scores_in_memory(snapshot):
    data = {"datasets": ["sample"], "configurations": ["ka-T0.64-sample-0000"]}
    model = {"name": "structural", "quantity": "density"}
    trained = gc.train({"train": data, "model": model})
    table = gc.evaluate(trained, gc.load_sample()[3:4])
    wanted = {(s, t) for s in "AB" for t in trained.times_}
    assert {(row.species, row.time) for row in table} == wanted


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        (([[0.0, 0, 0]], [0], -1), "'box' must be one positive side"),
        (([0.0, 1.0], [0, 0], 5), r"'positions' must have shape \(N, d\)"),
        (([[0.0, 0, 0]], [0.5], 5), "'types' must hold integers"),
        (([[0.0, 0, 0]], [0, 1], 5), "'types' must have shape"),
        (([["a", 0, 0]], [0], 5), "'positions' must hold numbers"),
    ],
)
def test_arrays_that_cannot_be_used_are_refused_by_name(arrays, says):
    with pytest.raises(gc.GlasscastError, match=says):
        gc.Configuration.from_arrays(*arrays)


def test_a_device_that_is_not_there_is_refused(snapshot):
    with pytest.raises(gc.GlasscastError, match="there is no device 'tpu'"):
        gc.predict("ka-T0.64-lr", snapshot, device="tpu")


def test_the_program_says_its_version():
    done = subprocess.run(
        [sys.executable, "-m", "glasscast", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["glasscast", version("glasscast")]


def test_simulations_and_equilibrium_positions_are_asked_for_like_experiments(tmp_path):
    """By settings, by keys and values, or by a file: what is wrong is said alike, at once."""
    path = tmp_path / "s.yaml"
    path.write_text("temperature: 1.0")
    with pytest.raises(SettingsError, match=r"s.yaml: unknown key 'runes'; did you mean 'runs'"):
        gc.simulate(path, tmp_path / "out", overrides=["runes=4"])
    with pytest.raises(SettingsError, match="unknown key 'temprature'; did you mean 'temperature'"):
        gc.simulate({"temprature": 1.0}, str(tmp_path / "out"))
    with pytest.raises(SettingsError, match=r"unknown key 'cage\.raduis'; did you mean 'radius'"):
        gc.add_equilibrium(str(tmp_path), cage={"raduis": 0.4})
    with pytest.raises(SettingsError, match="nothing to add"):
        gc.add_equilibrium(tmp_path, inherent=False)
    with pytest.raises(InputError, match=r"has no dataset\.json"):
        gc.add_equilibrium(tmp_path, inherent=True)
    assert not (tmp_path / "out").exists()
