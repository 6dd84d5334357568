"""Training at some state points and scoring at all."""

import numpy as np
import pytest
import yaml

from glasscast.config import validate
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.writer import DatasetWriter
from glasscast.errors import InputError, SettingsError
from glasscast.workflows.benchmark import benchmark
from glasscast.workflows.experiments import BenchmarkExperiment, TransferExperiment
from glasscast.workflows.transfer import transfer
from tests.cli.material import LR, contents


def data(folder, split, times=None):
    return {"datasets": [str(folder)], "split": split} | ({"times": times} if times else {})


def states(first, second, **times):
    return {
        name: {s: data(folder, s, times.get(name)) for s in ("train", "test")}
        for name, folder in (("cold", first), ("hot", second))
    }


@pytest.fixture(scope="module")
def slower(liquid, tmp_path_factory):
    """Make the same liquid relax ten times slower, with other names."""
    folder = tmp_path_factory.mktemp("slower") / "slow"
    source, writer = Dataset.open(liquid), DatasetWriter(folder)
    for c in source:
        writer.add(c.with_fields(name=f"slow-{c.name}", times=10 * c.times), "")
    writer.finish({k: [f"slow-{n}" for n in names] for k, names in source.splits.items()})
    return folder


def run(tmp_path, **record):
    path = tmp_path / "transfer.yaml"
    experiment = validate(TransferExperiment, {"models": {"lr": LR}, **record}, path)
    return transfer(experiment, tmp_path / "run")


def test_states_that_differ_in_pace_alone_teach_the_same(liquid, slower, tmp_path):
    scores = run(tmp_path, state_points=states(liquid, slower)).select(metric="pearson_mean")
    assert scores.values_of("time") == [1.0, 2.0]
    assert scores.values_of("model") == ["lr/cold", "lr/hot", "lr/all"]
    assert scores.values_of("dataset") == ["cold", "hot"]
    alone = {
        (row.species, row.time, row.value) for row in scores if row.model in ("lr/cold", "lr/hot")
    }
    assert len(alone) == 4  # 2 species, 2 times: the same wherever trained and tested
    assert (tmp_path / "run" / "figures" / "transfer_pearson_mean_A.png").exists()
    before = contents(tmp_path / "run" / "forecasts")
    run(tmp_path, state_points=states(liquid, slower))
    assert contents(tmp_path / "run" / "forecasts") == before


def test_trained_and_tested_at_home_is_an_ordinary_benchmark(liquid, slower, tmp_path):
    scores = run(tmp_path, state_points=states(liquid, slower), trainings=[["cold"]])
    record = {
        "data": data(liquid, "train"), "test": data(liquid, "test"), "models": {"lr": LR}
    }  # fmt: skip
    ordinary = benchmark(
        validate(BenchmarkExperiment, record, tmp_path / "b.yaml"), tmp_path / "ordinary"
    ).scores
    at_home = scores.select(dataset="cold", model="lr/cold")
    np.testing.assert_array_equal([r.value for r in at_home], [r.value for r in ordinary])


def test_the_command_prints_where_each_was_tested(done, liquid, slower, tmp_path):
    path = tmp_path / "t.yaml"
    times = {"cold": [16.5], "hot": [165.0]}
    record = {
        "state_points": states(liquid, slower, **times),
        "models": {"lr": LR},
        "stages": [0.3],
    }
    path.write_text(yaml.safe_dump(record))
    printed = done("transfer", path, "-o", tmp_path / "out")
    assert "tested on" in printed
    assert "0.3" in printed
    assert "lr/all" in printed


def test_states_that_cannot_be_matched_are_refused(liquid, slower, tmp_path):
    with pytest.raises(SettingsError, match="'hot' has 1 times, not 2"):
        run(tmp_path / "a", state_points=states(liquid, slower, hot=[165.0]))
    with pytest.raises(SettingsError, match="'warm', not among the state points"):
        run(tmp_path / "b", state_points=states(liquid, slower), trainings=[["warm"]])
    with pytest.raises(InputError, match="2 times for 3 stages"):
        Dataset.open(liquid).at_stages([1, 2, 3])
    with pytest.raises(InputError, match="choose its times before"):
        Dataset.open(liquid).at_stages([1, 2]).at_times([1])
