"""kill -9 at random moments: the same command then ends with the result of an undisturbed run."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest

from tests.cli.material import LR, botan_folder, contents, experiment

#: The program with a checkpoint after every configuration instead of every half minute.
_PROGRAM = (
    "import glasscast.models.linear as linear; linear._CHECKPOINT_EVERY = 0.0; "
    "from glasscast.cli import main; main()"
)
_POLL, _LIMIT = 0.002, 120.0


class Job:
    """A command that writes into a folder, in a process group of its own."""

    def __init__(self, folder: Path, *arguments) -> None:
        self.folder = folder
        command = [sys.executable, "-c", _PROGRAM, *map(str, arguments)]
        self._process = subprocess.Popen(
            command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def begun(self) -> float:
        """Wait for the first sign of work, which comes after the imports; gives the moment."""
        end = monotonic() + _LIMIT
        while not self.folder.exists() and self._process.poll() is None:
            assert monotonic() < end
            sleep(_POLL)
        return monotonic()

    def kill_after(self, seconds: float) -> bool:
        """Kill the whole group; tells whether it was still running."""
        self.begun()
        sleep(seconds)
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        return self._process.returncode == -signal.SIGKILL

    def finish(self) -> float:
        """Let it end, which must be well; gives the seconds of work."""
        start = self.begun()
        output, _ = self._process.communicate(timeout=_LIMIT)
        assert self._process.returncode == 0, output.decode()
        return monotonic() - start


def moments(count: int, duration: float, seed: int) -> list[float]:
    """Random moments within the work, one in each of ``count`` equal parts of its first 9/10."""
    draw = random.Random(seed)
    return [0.9 * duration * (k + draw.random()) / count for k in range(count)]


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

    def start(folder: Path) -> Job:
        call = ("--name", "liquid", "--threads", "1")
        return Job(folder, "import", source, folder, *call)

    duration = start(tmp_path / "whole").finish()
    whole = contents(tmp_path / "whole")
    assert len(whole) == 7
    landed, left = 0, []
    for number, moment in enumerate(moments(count, duration, seed=1)):
        folder = tmp_path / f"killed-{number}"
        hit = start(folder).kill_after(moment)
        found = contents(folder)
        assert partly_equal(found, whole)
        landed += hit and "dataset.json" not in found
        left.append(sum(name.endswith(".npz") for name in found))
        start(folder).finish()
        assert contents(folder) == whole
    print(f"import: {landed} of {count} kills landed in {duration:.2f} s of work; left {left}")
    assert landed >= 1


@pytest.mark.parametrize("count", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_a_killed_training_goes_on_to_the_same_bytes(tmp_path, liquid, count):
    path = experiment(
        tmp_path / "e.yaml",
        liquid,
        train={"datasets": [str(liquid)]},
        model=LR | {"order": 1},
    )

    def start(folder: Path) -> Job:
        return Job(folder, "train", path, "-o", folder, "--threads", "1")

    duration = start(tmp_path / "whole").finish()
    whole = contents(tmp_path / "whole" / "model")
    assert sorted(whole) == ["model.json", "weights.safetensors"]
    landed, left = 0, []
    for number, moment in enumerate(moments(count, duration, seed=2)):
        folder = tmp_path / f"killed-{number}"
        hit = start(folder).kill_after(moment)
        assert partly_equal(contents(folder / "model"), whole)
        landed += hit and not (folder / "run.json").exists()
        left.append(checkpointed(folder / "checkpoint.npz"))
        start(folder).finish()
        assert contents(folder / "model") == whole
        assert sorted(file.name for file in folder.iterdir()) == [
            "experiment.yaml", "model", "run.json", "run.log",
        ]  # fmt: skip
    print(f"training: {landed} of {count} kills landed in {duration:.2f} s of work; left {left}")
    assert landed >= 1


def checkpointed(path: Path) -> int:
    """Return how many configurations a checkpoint holds; it is whole or absent."""
    if not path.exists():
        return 0
    with np.load(path) as arrays:
        return int(arrays["done"])
