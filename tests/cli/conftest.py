"""What the tests of the command line share: the program in-process, a tiny dataset, a model."""

import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from glasscast.cli import main
from glasscast.config import read
from glasscast.datasets.writer import DatasetWriter
from glasscast.runtime import Workspace
from glasscast.workflows.demo import load_sample
from glasscast.workflows.experiments import TrainExperiment
from glasscast.workflows.train import train
from tests.cli.material import experiment


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def program(monkeypatch, capsys):
    """Run the program as its entry point does."""
    log = logging.getLogger("glasscast")
    level = log.level
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["glasscast", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return Outcome(stop.value.code or 0, captured.out, captured.err)

    yield call
    log.setLevel(level)


@pytest.fixture
def done(program):
    """Run the program, which must succeed; gives what it printed."""

    def call(*arguments) -> str:
        outcome = program(*arguments)
        assert outcome.code == 0, outcome.err
        assert outcome.err == ""
        return outcome.out

    return call


@pytest.fixture
def refused(program):
    """Run the program, which must refuse with one line that holds all the given texts."""

    def call(*arguments, says) -> str:
        outcome = program(*arguments)
        assert outcome.code == 2, outcome
        assert outcome.err.startswith("error: ")
        assert outcome.err.count("\n") == 1, outcome.err
        assert outcome.err.endswith("\n")
        assert "Traceback" not in outcome.err + outcome.out
        for text in says:
            assert str(text) in outcome.err
        return outcome.err

    return call


@pytest.fixture(scope="session")
def liquid(tmp_path_factory) -> Path:
    """Four configurations of the bundled sample with two of their times: three train, one tests."""
    folder = tmp_path_factory.mktemp("data") / "liquid"
    writer = DatasetWriter(folder)
    names = [f"ka-{k:02d}" for k in range(1, 5)]
    for name, configuration in zip(names, load_sample()[:4], strict=True):
        writer.add(configuration.at_times([1, 4]).with_fields(name=name), "")
    writer.finish({"train": names[:3], "test": names[3:]})
    return folder


@pytest.fixture(scope="session")
def trained(liquid, tmp_path_factory) -> Path:
    """Folder of a training on the tiny dataset."""
    folder = tmp_path_factory.mktemp("run")
    path = experiment(folder / "e.yaml", liquid)
    train(read(TrainExperiment, path), folder / "run", workspace=Workspace(2))
    return folder / "run"
