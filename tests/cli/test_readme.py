"""The commands of the README run as they are printed, one after another, from a fresh checkout."""

import re
import shlex
import time
from pathlib import Path

import numpy as np
import pytest

from glasscast.datasets.catalogue import catalogue
from glasscast.workflows.demo import load_sample
from tests.cli.test_fetch import ensemble
from tests.server import serving
from tests.unit.datasets.formats.format_writers import dump_text

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
COMMANDS = re.findall(r"^glasscast .*$", "\n".join(BLOCKS), re.MULTILINE)
TESTED = [f"T0.44/test/isoconfig_N4096T0.44_{k}_tc07.npz" for k in range(401, 406)]
WEIGHTS = "botan_edge_pretrained_1.pth"


def test_every_command_stands_in_the_readme():
    import typer

    from glasscast.cli import app

    shown = {shlex.split(line, comments=True)[1] for line in COMMANDS}
    assert {*typer.main.get_command(app).commands} - {"demo"} <= shown


def write_run(path):
    """Write a long run as LAMMPS does: a liquid that vibrates, a frame every 1000 steps."""
    start, rng = load_sample()[0], np.random.default_rng(0)
    frames = (start.positions + rng.normal(scale=0.03, size=(start.size, 3)) for _ in range(8))
    path.write_text(
        "".join(dump_text(1000 * k, x, start.types, start.box) for k, x in enumerate(frames))
    )


@pytest.mark.slow
@pytest.mark.lammps
def test_the_commands_run_as_printed(program, real_data, tmp_path, monkeypatch, capsys):
    """The network is a server on loopback, which has small files under the published names.

    Prints the seconds of each, whether output is captured or not.
    """
    pytest.importorskip("numba")
    weights = real_data.parent / "checkpoints" / WEIGHTS
    if not weights.exists():
        pytest.skip(f"the published weights are not at {weights}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("GLASSCAST_DOWNLOADS", raising=False)
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "run.dump")
    served = {path: ensemble(k) for k, path in enumerate(TESTED)}
    with serving(served | {"model1.pth": weights.read_bytes()}) as server:
        for name in ("botan-sample", "botan-weights"):
            entry = catalogue()[name].model_copy(update={"address": f"{server.address}/"})
            monkeypatch.setitem(catalogue(), name, entry)
        for line in COMMANDS:
            began = time.monotonic()
            outcome = program(*shlex.split(line, comments=True)[1:])
            with capsys.disabled():
                print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True)
            assert (outcome.code, outcome.err) == (0, ""), line
