"""kill -9 at random moments: the same command then ends with the result of an undisturbed run."""

import json
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from glasscast.config import read
from glasscast.datasets.ownership import visible
from glasscast.simulation.campaign.plan import Plan
from glasscast.simulation.settings import SimulationSettings
from tests.cli.material import LR, botan_folder, contents, experiment

#: The program counts the files it opens or renames in its folder, and some time after one of them
#: kills its whole group. Its last rename waits for that kill, which so interrupts the work however
#: slow all is.
_PROGRAM = """
import atexit, json, os, signal, sys, threading, time
order = json.loads(sys.argv.pop(1))
seen, began, over = 0, None, None

def kill():
    os.killpg(os.getpgid(0), signal.SIGKILL)

def watch(event, arguments):
    global seen, began, over
    if event not in ("open", "os.rename") or not str(arguments[0]).startswith(order["folder"]):
        return
    if over:
        return
    began = began or time.monotonic()
    seen += 1
    if seen == order["moment"]:
        threading.Timer(order["delay"], kill).start()
    if event == "os.rename" and str(arguments[1]).endswith(order["last"]):
        if order["moment"]:
            threading.Event().wait()
        over = time.monotonic()

sys.addaudithook(watch)
atexit.register(lambda: print(json.dumps([seen, over - began])))
from glasscast.cli import main
main()
"""
_LIMIT = 300.0


class Job:
    """A command that writes into a folder and ends with a file, in a process group of its own."""

    def __init__(self, folder: Path, last: str, *arguments) -> None:
        self.order = {"folder": str(folder), "last": last}
        self.arguments = [str(argument) for argument in arguments]

    def finish(self) -> tuple[int, float]:
        """Let it end, which must be well; gives the files it touched and the seconds of work."""
        code, output = self._run(moment=0, delay=0.0)
        assert code == 0, output
        touched, seconds = json.loads(output.splitlines()[-1])
        return touched, seconds

    def kill(self, moment: int, delay: float) -> None:
        """Kill it some time after it touched a file, which must be amid its work."""
        code, output = self._run(moment=moment, delay=delay)
        assert code == -signal.SIGKILL, output

    def _run(self, **order) -> tuple[int, str]:
        text = json.dumps(self.order | order)
        command = [sys.executable, "-c", _PROGRAM, text, *self.arguments]
        ended = subprocess.run(
            command,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_LIMIT,
            check=False,
        )
        return ended.returncode, ended.stdout.decode()


def moments(count: int, touched: int, seconds: float, seed: int) -> list[tuple[int, float]]:
    """Random moments, one in each of ``count`` equal parts of the work, and delays after them.

    A moment is the number of a file touched before the last; a delay reaches to about the next.
    """
    draw = random.Random(seed)
    numbers = [1 + int((touched - 1) * (k + draw.random()) / count) for k in range(count)]
    return [(number, draw.random() * seconds / touched) for number in numbers]


def partly_equal(found: dict[str, str], whole: dict[str, str]) -> bool:
    """Whether every file that bears its final name is the final file, byte for byte."""
    return all(
        whole.get(name) == digest
        for name, digest in found.items()
        if not Path(name).name.startswith(".")
    )


@pytest.mark.parametrize("count", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_a_killed_import_goes_on_to_the_same_bytes(tmp_path, count):
    source = botan_folder(tmp_path / "in", configurations=6, tags=2, size=800, runs=8)
    assert len(list(source.iterdir())) == 12

    def job(folder: Path) -> Job:
        call = ("--name", "liquid", "--threads", "1")
        return Job(folder, "dataset.json", "import", source, folder, *call)

    work = job(tmp_path / "whole").finish()
    whole = contents(tmp_path / "whole")
    assert len(whole) == 7
    left = []
    for number, (moment, delay) in enumerate(moments(count, *work, seed=1)):
        folder = tmp_path / f"killed-{number}"
        job(folder).kill(moment, delay)
        found = contents(folder)
        assert partly_equal(found, whole)
        assert "dataset.json" not in found
        left.append(sum(name.endswith(".npz") for name in found))
        job(folder).finish()
        assert contents(folder) == whole
    print(f"import: {count} kills in {work[1]:.2f} s of work left {left} of 6 configurations")
    assert len(set(left)) > 1


@pytest.mark.lammps
@pytest.mark.slow
@pytest.mark.parametrize("count", [12])
def test_a_killed_simulation_goes_on_to_the_same_bytes(tmp_path, count):
    """One configuration, whose runs keep two workers busy; each kill loses what two runs did."""
    settings = tmp_path / "s.yaml"
    record = {"temperature": 1.0, "particles": 256, "runs": 8, "inherent": False}
    equilibration = {"hot_time": 0.5, "quench_time": 0.5, "time": 0.5}
    times = [0.5, 1.0, 2.0, 4.0]
    settings.write_text(yaml.safe_dump({**record, "times": times, "equilibration": equilibration}))

    def job(folder: Path, workers: int) -> Job:
        call = ("simulate", settings, "-o", folder, "--workers", workers)
        return Job(folder, "dataset.json", *call)

    work = job(tmp_path / "whole", 1).finish()
    whole = contents(tmp_path / "whole", "*-0000.npz") | contents(
        tmp_path / "whole", "dataset.json"
    )
    assert len(whole) == 3
    plan = Plan.make(read(SimulationSettings, settings), tmp_path / "whole")
    total, left = 8 * round(times[-1] / plan.step), []
    for number, (moment, delay) in enumerate(moments(count, *work, seed=5)):
        folder = tmp_path / f"killed-{number}"
        job(folder, 1).kill(moment, delay)
        left.append(replace(plan, folder=folder).run_steps(0) / total)
        job(folder, 1 + number % 2).finish()
        found = contents(folder, "*-0000.npz") | contents(folder, "dataset.json")
        assert found == whole
        assert [path.name for path in (folder / "parts").iterdir()] == ["glass-0000.production.npz"]
    print(f"simulation: {count} kills in {work[1]:.2f} s of work left", [f"{s:.2f}" for s in left])
    assert len(set(left)) > 1


@pytest.mark.parametrize("count", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_a_killed_training_goes_on_to_the_same_bytes(tmp_path, liquid, count):
    path = experiment(
        tmp_path / "e.yaml",
        liquid,
        train={"datasets": [str(liquid)]},
        model=LR | {"order": 1, "checkpoint_seconds": 0},  # after every configuration
    )

    def job(folder: Path) -> Job:
        return Job(folder, "run.json", "train", path, "-o", folder, "--threads", "1")

    work = job(tmp_path / "whole").finish()
    whole = contents(tmp_path / "whole" / "model")
    assert sorted(whole) == ["model.json", "weights.safetensors"]
    left = []
    for number, (moment, delay) in enumerate(moments(count, *work, seed=2)):
        folder = tmp_path / f"killed-{number}"
        job(folder).kill(moment, delay)
        assert partly_equal(contents(folder / "model"), whole)
        assert not (folder / "run.json").exists()
        left.append(checkpointed(folder / "checkpoint.npz"))
        job(folder).finish()
        assert contents(folder / "model") == whole
        assert [file.name for file in visible(folder)] == [
            "experiment.yaml", "model", "run.json", "run.log",
        ]  # fmt: skip
    print(f"training: {count} kills in {work[1]:.2f} s of work left {left} configurations done")


@pytest.mark.slow
def test_a_killed_benchmark_goes_on_to_the_same_scores(tmp_path, liquid):
    path = tmp_path / "b.yaml"
    models = {"LR(0)": LR | {"checkpoint_seconds": 0}, "LR(1)": LR | {"order": 1}}
    path.write_text(yaml.safe_dump({"data": {"datasets": [str(liquid)]}, "models": models}))

    def job(folder: Path) -> Job:
        call = ("--set", "folds=2", "--threads", "1")
        return Job(folder, "report.html", "benchmark", path, "-o", folder, *call)

    work = job(tmp_path / "whole").finish()
    scores, forecasts = contents(tmp_path / "whole", "scores.*"), values(tmp_path / "whole")
    assert len(scores) == 4
    assert len(forecasts) == 8
    left = []
    for number, (moment, delay) in enumerate(moments(4, *work, seed=3)):
        folder = tmp_path / f"killed-{number}"
        job(folder).kill(moment, delay)
        left.append(len(values(folder)))
        assert values(folder).items() <= forecasts.items()
        job(folder).finish()
        assert values(folder) == forecasts
        assert contents(folder, "scores.*") == scores
    assert len(set(left)) > 1, left


def values(folder: Path) -> dict[str, bytes]:
    """What is forecast, without the times it took, which differ between equal runs."""
    found = {}
    for path in sorted((folder / "forecasts").rglob("[!.]*.npz")):
        with np.load(path) as arrays:
            found[f"{path.parent.name}/{path.name}"] = arrays["values"].tobytes()
    return found


@pytest.mark.slow
def test_a_killed_prediction_goes_on_to_the_same_bytes(tmp_path, liquid, trained):
    def job(folder: Path) -> Job:
        formats = [word for suffix in ("npz", "xyz") for word in ("--format", suffix)]
        call = ("predict", liquid, "-m", trained, "-o", folder, *formats, "--no-report")
        return Job(folder, "ka-04.xyz", *call, "--threads", "1")

    work = job(tmp_path / "whole").finish()
    whole = contents(tmp_path / "whole")
    assert len(whole) == 8
    for number, (moment, delay) in enumerate(moments(4, *work, seed=4)):
        folder = tmp_path / f"killed-{number}"
        job(folder).kill(moment, delay)
        assert partly_equal(contents(folder), whole)
        job(folder).finish()
        assert partly_equal(contents(folder), whole)
        assert contents(folder).keys() >= whole.keys()


@pytest.mark.slow
def test_killed_figures_go_on_to_the_same_bytes(tmp_path, liquid):
    """What was trained is not trained again; figures tell the seconds they took, which differ."""

    def job(folder: Path) -> Job:
        call = ("reproduce", "boattini/fig1b", "geo-gnn/supptable1", "--data", liquid)
        return Job(folder, "claims.csv", *call, "-o", folder, "--threads", "1")

    def drawn(folder: Path) -> dict[str, str]:
        found = contents(folder / "boattini") | contents(folder / "geo-gnn")
        return {
            name: digest
            for name, digest in found.items()
            if not name.endswith(("claims.json", ".partial"))  # seconds; what a kill left behind
        }

    work = job(tmp_path / "whole").finish()
    whole, forecasts = drawn(tmp_path / "whole"), values(tmp_path / "whole" / "trainings")
    assert len(whole) == 8
    left = []
    for number, (moment, delay) in enumerate(moments(3, *work, seed=6)):
        folder = tmp_path / f"killed-{number}"
        job(folder).kill(moment, delay)
        made = values(folder / "trainings")
        left.append(len(made))
        assert made.items() <= forecasts.items()
        written = {path: path.stat().st_mtime_ns for path in folder.rglob("forecasts/*/[!.]*.npz")}
        job(folder).finish()
        assert all(path.stat().st_mtime_ns == time for path, time in written.items())
        assert drawn(folder) == whole
        assert values(folder / "trainings") == forecasts
    assert len(set(left)) > 1, left


def test_what_is_asked_twice_is_the_same_to_the_bit(done, tmp_path, liquid, trained):
    """Commands that keep nothing of their own on the way make the same files once more."""
    for folder in ("first", "second"):
        out = tmp_path / folder
        formats = [word for suffix in ("npz", "xyz", "gsd") for word in ("--format", suffix)]
        done("predict", liquid, "-m", trained, "-o", out / "predict", *formats, "--no-report")
        done("evaluate", liquid, "-m", trained, "-o", out / "evaluate")
    assert len(contents(tmp_path / "first")) == 4 * 3 + 7
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def checkpointed(path: Path) -> int:
    """Return how many configurations a checkpoint holds; it is whole or absent."""
    if not path.exists():
        return 0
    with np.load(path) as arrays:
        return int(arrays["counted"].sum())
