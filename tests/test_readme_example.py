"""The three lines of the README, as they stand: a script, a notebook, and other snapshots."""

import re
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

import glasscast as gc
from glasscast.liquid.definition import load_liquid
from glasscast.report.forecast_files import write_forecasts
from glasscast.simulation.lammps.input_files import data_file

ROOT = Path(__file__).parents[1]
CODE = next(
    code
    for code in re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    if "gc.predict(" in code
)
SAMPLE = "gc.load_sample()[0]"


def test_it_is_three_lines():
    assert len([line for line in CODE.splitlines() if line.strip()]) == 3
    assert SAMPLE in CODE


@pytest.mark.slow
def test_as_a_script(tmp_path):
    (tmp_path / "example.py").write_text(CODE)
    ended = subprocess.run(
        [sys.executable, "example.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
        env={"PYTHONPATH": ":".join(sys.path), "MPLBACKEND": "agg", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "forecast.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_in_a_notebook(tmp_path):
    """Objects show themselves as tables there."""
    nbformat = pytest.importorskip("nbformat", reason="a notebook runs with nbclient, ipykernel")
    nbclient = pytest.importorskip("nbclient", reason="a notebook runs with nbclient, ipykernel")
    pytest.importorskip("ipykernel", reason="a notebook runs with nbclient, ipykernel")
    cells = [f"import sys; sys.path[:0] = {sys.path!r}", CODE, "forecast", SAMPLE]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = nbclient.NotebookClient(
        book, timeout=120, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    for cell, shown in ((book.cells[2], "ka-T0.64-lr|lr"), (book.cells[3], "1600 A 400 B")):
        (output,) = cell.outputs
        assert re.search(shown, output.data["text/html"])
    assert (tmp_path / "forecast.png").is_file()


@pytest.fixture(scope="module")
def expected():
    return gc.predict("ka-T0.64-lr", gc.load_sample()[0])


def _dump(folder: Path, c: gc.Configuration) -> str:
    rows = np.column_stack([np.arange(1, c.size + 1), c.types + 1, c.positions])
    head = f"ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n{c.size}\nITEM: BOX BOUNDS pp pp pp\n"
    bounds = "".join(f"0 {side!r}\n" for side in c.box.tolist())
    with (folder / "start.dump").open("w") as stream:
        stream.write(head + bounds + "ITEM: ATOMS id type x y z\n")
        np.savetxt(stream, rows, fmt="%d %d %.17g %.17g %.17g")
    return "'start.dump'"


def _data(folder: Path, c: gc.Configuration) -> str:
    text = data_file(load_liquid("ka"), c.positions, 0 * c.positions, c.types, c.box)
    (folder / "start.data").write_text(text)
    return "'start.data'"


def _gsd(folder: Path, c: gc.Configuration) -> str:
    write_forecasts(folder / "start.gsd", [gc.predict("ka-T0.64-lr", c)])
    return "'start.gsd'"


def _arrays(folder: Path, c: gc.Configuration) -> str:
    np.savez(folder / "arrays.npz", positions=c.positions - 40, types=c.types, box=c.box)
    loaded = "np.load('arrays.npz')"
    arrays = ", ".join(f"{loaded}['{key}']" for key in ("positions", "types", "box"))
    return f"gc.Configuration.from_arrays({arrays})"


@pytest.mark.parametrize("given", [_dump, _data, _gsd, _arrays])
def test_with_another_snapshot_in_place_of_the_sample(tmp_path, monkeypatch, expected, given):
    c = gc.load_sample()[0]
    monkeypatch.chdir(tmp_path)
    names = {"np": np}
    exec(CODE.replace(SAMPLE, given(tmp_path, c)), names)  # our own text
    plt.close("all")
    # a GSD file keeps positions in single precision
    np.testing.assert_allclose(names["forecast"].values, expected.values, atol=2e-4)
    assert (tmp_path / "forecast.png").is_file()
