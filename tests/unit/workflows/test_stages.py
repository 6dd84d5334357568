"""Data whose files have their own times: imported, trained, compared and forecast by stage."""

import json
import pickle

import numpy as np
import pytest

import glasscast as gc
from glasscast.errors import InputError, SettingsError
from glasscast.report.analysis_figures import relaxation_figure
from glasscast.report.forecast_files import forecast_table
from glasscast.report.score_figures import score_figures
from tests.bapst import VALUES as FALLEN
from tests.bapst import write_files
from tests.conftest import random_liquid

VALUES = [0.8, 0.5, 0.2, float(np.exp(-1))]  # in the order of the files
LINE = {"name": "lr", "order": 0, "descriptors": "radial", "penalties": [1.0], "folds": 2}


def record(number: int, **changes) -> dict:
    """Return what a file of the set holds: runs that move farther where it is crowded less."""
    rng = np.random.default_rng(number)
    positions, types, box = random_liquid(rng, 150)
    shift = positions[:, None] - positions
    shift -= box * np.round(shift / box)
    near = (np.linalg.norm(shift, axis=2) < 1.5).sum(axis=1)
    scale = 0.05 * (2 - near / near.max()) ** 3
    size = (len(VALUES), 6, len(positions), 3)
    grown = np.array([1.0, 3.0, 6.0, 4.0])[:, None, None, None]
    steps = rng.normal(size=size) * scale[:, None] * grown
    clock = np.array([0.0, 0.3, 40.0 + number, 900.0 + 10 * number, 4000.0 - 100 * number])
    return {
        "positions": positions,
        "types": types,
        "box": box,
        "time": clock,
        "is_values": np.array(VALUES),
        "time_indices": np.array([1, 2, 4, 3]),
        "trajectory_target_positions": [[positions + u for u in at] for at in steps],
        "metadata": {"temperature": 0.44, "pressure": 2.93},
    } | changes


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set")
    for number in range(5):
        with (folder / f"aggregated_{number}.pickle").open("wb") as stream:
            pickle.dump(record(number), stream)
    return gc.import_data(folder, folder / "data")


def test_each_file_keeps_its_own_times(data):
    assert data.stages.by == "scattering"
    np.testing.assert_allclose(data.times, [0.8, 0.5, np.exp(-1), 0.2])
    assert data.stages.times == ((0.3, 0.3), (40.0, 44.0), (900.0, 940.0), (3600.0, 4000.0))
    assert data.stages.tau_alpha == 920.0  # the mean
    assert data.stages.tau_from == "1/e"
    assert data[1].times.tolist() == [0.3, 41.0, 910.0, 3900.0]
    expected = record(1)
    runs = expected["trajectory_target_positions"]
    moved = np.linalg.norm(np.array(runs[3]) - expected["positions"], axis=2).mean(axis=0)
    np.testing.assert_allclose(data[1].propensity[2], moved, rtol=1e-5)


def test_two_stages_may_share_a_frame_and_garbled_values_are_refused(tmp_path):
    path = tmp_path / "a.pickle"

    def write(**changes):
        path.write_bytes(pickle.dumps(record(0, **changes)))
        return gc.import_data(path, tmp_path / "out")

    shared = record(0)
    runs = shared["trajectory_target_positions"]
    made = write(time_indices=np.array([1, 2, 3, 3]),
                 trajectory_target_positions=[*runs[:2], runs[3], runs[3]])  # fmt: skip
    assert made[0].times.tolist() == [0.3, 40.0, 900.0, 900.0]
    np.testing.assert_array_equal(made[0].propensity[2], made[0].propensity[3])
    for values in ([0.8, 0.5], [0.8, 0.5, 0.2, 0.2], [0.8, 0.2, 0.5, 0.4], [1, 2, 3, 4]):
        with pytest.raises(InputError, match=r"a\.pickle: 'is_values' must"):
            write(is_values=np.array(values))


def test_models_learn_are_scored_and_forecast_by_stage(tmp_path, data):
    folder = data.entries[0].path.parent
    chosen = {"datasets": [folder], "times": [0.5, 0.2]}
    asked = {"data": chosen, "models": {"LR": LINE}, "folds": 2}
    result = gc.benchmark(asked, tmp_path / "b", report=False)
    rows = result.scores.select(species="A", metric="pearson_mean")
    assert [row.time for row in rows] == [0.5, 0.2]
    assert all(row.value > 0.3 for row in rows)
    model = gc.new_model(**LINE).fit(list(data.at_times([0.5, 0.2])))
    forecast = gc.predict(model, data[0])
    assert forecast.spans == ((40.0, 44.0), (3600.0, 4000.0))
    assert forecast.stage_lines() == [
        "F_s(q, t) = 0.5: t = 40 to 44 in training at this state point",
        "F_s(q, t) = 0.2: t = 3600 to 4000 in training at this state point",
    ]
    bare = gc.Configuration.from_arrays(data[0].positions, data[0].types, data[0].box)
    assert not gc.predict(model, bare).stage_lines()
    assert gc.predict(model, bare, liquid="ka-cut", temperature=0.44).stage_lines()
    assert {"propensity_s0p5", "true_propensity_s0p5"} <= set(forecast_table(forecast))


@pytest.mark.slow
def test_the_page_of_a_benchmark_goes_by_stage(tmp_path, data):
    chosen = {"datasets": [data.entries[0].path.parent], "times": [0.5, 0.2]}
    gc.benchmark({"data": chosen, "models": {"LR": LINE}, "folds": 2}, tmp_path / "b")
    page = (tmp_path / "b" / "report.html").read_text()
    assert "F_s(q, t) = 0.5" in page


@pytest.mark.slow
def test_state_points_are_compared_at_their_stages(tmp_path, data):
    folder = data.entries[0].path.parent
    names = data.names
    point = {
        "train": {"datasets": [folder], "configurations": names[:2]},
        "test": {"datasets": [folder], "configurations": names[2:3]},
    }
    other = {
        "train": {"datasets": [folder], "configurations": names[3:4]},
        "test": {"datasets": [folder], "configurations": names[4:]},
    }
    table = gc.transfer({"state_points": {"a": point, "b": other}, "models": {"LR": LINE}})
    np.testing.assert_allclose(table.values_of("time"), [0.8, 0.5, np.exp(-1), 0.2])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Random walks from one start, the farther the later, as GSD-like arrays in pickles by time."""
    folder = tmp_path_factory.mktemp("walks")
    times = np.array([0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    for number in range(2):
        made = record(number)
        rng = np.random.default_rng(number)
        steps = rng.normal(size=(6, 20, len(made["positions"]), 3)) * 0.06
        walks = steps * np.sqrt(times[1:] * (1 + number))[:, None, None, None]
        del made["is_values"]
        made |= {
            "time": times,
            "time_indices": np.arange(1, 7),
            "trajectory_target_positions": [[made["positions"] + u for u in at] for at in walks],
        }
        (folder / f"w{number}.pickle").write_bytes(pickle.dumps(made))
    return folder


def test_scattering_is_measured_at_the_wave_number_that_is_asked_for(tmp_path, runs):
    for asked, q_from in (("diameter", "2 pi / sigma_AA"), (5.0, "given"),
                          ("peak", "first peak of S(q)")):  # fmt: skip
        data = gc.import_data(runs, tmp_path / str(asked), wave_number=asked)
        found = data[0].metadata.relaxation
        assert found.q_from == q_from
        assert found.q == {"diameter": 2 * np.pi, 5.0: 5.0}.get(asked, found.q)
        assert data[1].metadata.relaxation.q == found.q
        # Gaussian steps of variance s^2 on each axis: exp(-q^2 s^2 / 2), 3 s^2
        variance = 0.06**2 * np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
        np.testing.assert_allclose(
            found.scattering, np.exp(-(found.q**2) * variance / 2), atol=0.02
        )
        np.testing.assert_allclose(found.squared_displacement, 3 * variance, rtol=0.05)
        expected = 2 / (found.q * 0.06) ** 2  # where it is 1/e
        if expected < 32:
            assert found.tau_alpha == pytest.approx(expected, rel=0.1)
            assert found.tau_from == "1/e"
    with pytest.raises(SettingsError, match="must be positive"):
        gc.import_data(runs, tmp_path / "bad", wave_number=-1.0)


def test_any_data_with_scattering_go_by_stages(tmp_path, runs):
    data = gc.import_data(runs, tmp_path / "data")
    staged = data.at_scattering([0.5, 0.93, 0.2])
    assert staged.times == [0.93, 0.5, 0.2]
    for k, (slow, c) in enumerate(zip(data, staged, strict=True)):
        for row, value in enumerate(staged.times):
            wanted = -2 * np.log(value) / (2 * np.pi * 0.06) ** 2 / (1 + k)
            nearest = np.argmin(np.abs(np.log(slow.times / wanted)))
            reached = abs(slow.metadata.relaxation.scattering[nearest] - value) < 0.05
            assert np.isnan(c.times[row]) == (not reached)
            if reached:
                assert c.times[row] == slow.times[nearest]
                np.testing.assert_array_equal(c.propensity[row], slow.propensity[nearest])
    with pytest.raises(InputError, match="rows by scattering already"):
        staged.at_scattering([0.5])
    folder = data.entries[0].path.parent
    experiment = {"train": {"datasets": [folder], "stages": "tau_alpha"}, "model": LINE}
    model = gc.train(experiment)
    in_tau = data.in_tau_alpha()
    assert in_tau.stages.by == "tau_alpha"
    np.testing.assert_allclose(in_tau.times, np.array(data.times) / data.stages.tau_alpha)
    assert model.stages_.by == "tau_alpha"


def test_random_configurations_are_nested(tmp_path, data):
    folder = data.entries[0].path.parent
    few, more = (set(data.drawn(n, 7).names) for n in (2, 4))
    assert few < more
    with pytest.raises(InputError, match="has 5 configurations, 6 are asked for"):
        data.drawn(6)
    models = {"all": LINE, "two": LINE}
    asked = {
        "data": {"datasets": [folder], "number": 4, "seed": 3},
        "models": models,
        "trained_on": {"two": 2},
        "folds": 2,
    }
    gc.benchmark(asked, tmp_path / "b", report=False)
    kept = {label: sorted((tmp_path / "b" / "forecasts" / label).glob("*.npz")) for label in models}
    assert {path.stem for path in kept["all"]} == set(data.drawn(4, 3).names)
    with pytest.raises(SettingsError, match="trained_on names 'x'"):
        gc.benchmark(asked | {"trained_on": {"x": 2}}, tmp_path / "c")


def test_runs_that_an_import_keeps_are_measured_at_any_wave_number(tmp_path, runs):
    data = gc.import_data(runs, tmp_path / "kept", keep_runs=True)
    found = gc.analyse(data, wave_number=5.0)
    variance = 0.06**2 * np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    first = np.exp(-(5.0**2) * variance / 2)
    both = (first + np.exp(-(5.0**2) * 2 * variance / 2)) / 2  # the second moves twice as far
    np.testing.assert_allclose(found.dynamics.scattering.mean, both, atol=0.02)
    assert (found.dynamics.q, found.dynamics.q_from) == (5.0, "given")
    assert found.runs.runs == 20
    assert np.abs(found.runs.cosine).max() < 0.05
    assert "at q = 5 / σ (given)" in relaxation_figure(found.dynamics).caption
    record = json.loads(json.dumps(found.record(), allow_nan=False))
    assert record["wave_number"] == {"q": 5.0, "q_from": "given"}
    assert record["runs"]["threshold"] == 0.3
    again = gc.import_data(tmp_path / "kept", tmp_path / "again", wave_number=5.0)
    np.testing.assert_allclose(again[0].propensity, data[0].propensity, rtol=1e-5)
    np.testing.assert_allclose(again[0].metadata.relaxation.scattering, first, atol=0.02)
    plain = gc.import_data(runs, tmp_path / "plain")
    assert gc.analyse(plain).runs is None
    with pytest.raises(InputError, match="has no trajectories beside it"):
        gc.analyse(plain, wave_number="peak")


@pytest.mark.slow
def test_files_of_the_set_go_all_the_way_by_stage(tmp_path):
    """Real runs of a liquid, laid down as Bapst et al. do: import to the forecast of a snapshot."""
    gc.simulate(
        {
            "name": "hot",
            "liquid": "ka",
            "temperature": 0.8,
            "particles": 170,
            "configurations": 5,
            "runs": 3,
            "times": np.geomspace(0.1, 15, 10).round(3).tolist(),
            "seed": 3,
            "equilibration": {
                "hot_time": 1, "quench_time": 1, "time": 10, "between": 4, "chains": 1
            },
            "inherent": None,
            "keep_trajectories": True,
        },
        tmp_path / "hot",
    )  # fmt: skip
    hot = gc.Dataset.open(tmp_path / "hot")
    write_files(hot.subset(hot.names[:4]), tmp_path / "files")
    data = gc.import_data(tmp_path / "files", tmp_path / "data")
    assert data.stages.by == "scattering"
    assert len(data) == 4
    np.testing.assert_allclose(data.times, np.sort(FALLEN)[::-1])
    assert len({tuple(c.times) for c in data}) > 1  # each file has its own times
    for c, kept in zip(data, hot, strict=False):
        assert np.all(np.diff(c.times) >= 0)
        np.testing.assert_allclose(c.propensity[-1], _nearest(kept, c.times[-1]), rtol=1e-4)
    stages = [0.7, 0.5, 0.3]
    folder = tmp_path / "data"
    model = gc.train(
        {"train": {"datasets": [folder], "times": stages, "configurations": data.names[:3]},
         "test": {"datasets": [folder], "times": stages, "configurations": data.names[3:]},
         "model": LINE},
        tmp_path / "model",
    )  # fmt: skip
    result = gc.benchmark(
        {"data": {"datasets": [folder], "times": stages}, "models": {"LR": LINE}, "folds": 2},
        tmp_path / "b",
        report=False,
    )
    assert result.scores.by == "scattering"
    (figure, *_) = score_figures(result.scores)
    (axes, *_) = figure.figure.axes
    assert axes.get_xlabel() == "$F_s(q, t)$"
    assert axes.get_xlim()[0] > axes.get_xlim()[1]  # time goes on to the right
    assert "against F_s(q, t)" in figure.alternative
    new = hot[4]
    snapshot = gc.Configuration.from_arrays(
        new.positions, new.types, new.box, liquid="ka-cut", temperature=0.8
    )
    forecast = gc.predict(model, snapshot)
    assert forecast.stages.by == "scattering"
    np.testing.assert_allclose(forecast.stages.values, stages)
    for (low, high), row in zip(forecast.spans, (2, 4, 7), strict=True):
        known = [c.times[row] for c in list(data)[:3]]
        assert (low, high) == (min(known), max(known))
    assert "times of training there" in str(forecast)


def _nearest(kept, time):
    return kept.propensity[int(np.argmin(np.abs(kept.times - time)))]
