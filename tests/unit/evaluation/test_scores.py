import csv
import io
import json

import numpy as np
import pytest

from glasscast.datasets.configuration import Configuration
from glasscast.errors import InputError, SettingsError, ShapeError
from glasscast.evaluation.ceiling import noise_ceiling
from glasscast.evaluation.correlation import pearson, pearson_mean, pearson_pooled, rmse
from glasscast.evaluation.score_table import COLUMNS, Score, ScoreTable, best_model, read_scores
from glasscast.evaluation.scores import Evaluation, evaluate
from glasscast.models.forecast import ModelForecast


def truth(index, times=(1.0, 10.0), size=40, halves=True, **fields):
    rng = np.random.default_rng(index)
    exact = rng.gamma(3.0, 0.1, (len(times), size)) + 0.1 * index
    two = exact + rng.normal(0, 0.05, (2, *exact.shape))
    return Configuration(
        name=f"c{index}",
        positions=rng.uniform(0, 5, (size, 3)),
        types=(np.arange(size) % 5 == 4).astype(np.int8),
        box=np.full(3, 5.0),
        times=np.array(times),
        propensity=two.mean(axis=0),
        propensity_halves=two if halves else None,
        **fields,
    )


def forecast(configuration, model="m", times=None, noise=0.1, **fields):
    times = configuration.times if times is None else np.array(times)
    rng = np.random.default_rng(len(model))
    rows = [configuration.time_index(t) for t in times if t in configuration.times]
    values = np.resize(configuration.propensity[rows], (len(times), configuration.size))
    values = values + rng.normal(0, noise, values.shape)
    return ModelForecast(
        configuration=configuration,
        model=model,
        times=times,
        values=values.astype(np.float32),
        **fields,
    )


def one(table, **where):
    (row,) = table.select(**where)
    return row


def test_every_number_is_that_of_the_plain_functions():
    truths = [truth(i) for i in range(4)]
    forecasts = [forecast(t) for t in truths]
    table = evaluate(forecasts, truths, dataset="d")
    assert len(table) == 2 * 2 * 3
    for species, letter in enumerate("AB"):
        mask = truths[0].types == species
        for row, time in enumerate((1.0, 10.0)):
            x = [f.values[row, mask] for f in forecasts]
            y = [t.propensity[row, mask] for t in truths]
            halves = [t.propensity_halves[:, row, mask] for t in truths]
            where = {"species": letter, "time": time}
            mean = one(table, metric="pearson_mean", **where)
            assert mean.value == pytest.approx(pearson_mean(x, y))
            assert mean.ceiling == pytest.approx(noise_ceiling(halves))
            assert mean.share == pytest.approx(mean.value / mean.ceiling)
            assert mean.low < mean.value < mean.high
            assert (mean.n_configurations, mean.n_particles) == (4, 4 * mask.sum())
            assert (mean.model, mean.dataset, mean.target) == ("m", "d", "propensity")
            pooled = one(table, metric="pearson_pooled", **where)
            assert pooled.value == pytest.approx(pearson_pooled(x, y))
            assert pooled.ceiling == pytest.approx(noise_ceiling(halves, pooled=True))
            error = one(table, metric="rmse", **where)
            assert error.value == pytest.approx(rmse(x, y))
            difference = np.concatenate([h[0] - h[1] for h in halves])
            assert error.ceiling == pytest.approx(np.sqrt(np.mean(difference**2)) / 2)
            assert np.isnan(error.share)


def test_matched_by_name_and_time_not_by_order():
    truths = [truth(i) for i in range(3)]
    forecasts = [forecast(t) for t in truths]
    late = [forecast(t, times=[10.0]) for t in truths]
    whole, shuffled = evaluate(forecasts, truths), evaluate(forecasts, truths[::-1])
    assert whole.to_json() == shuffled.to_json()
    assert {row.time for row in evaluate(late, truths)} == {10.0}
    rounded = truth(0).with_fields(times=np.array([1.0, 10.003]))
    assert len(evaluate([late[0]], [rounded])) == 6


def test_times_not_measured_are_left_out():
    table = evaluate([forecast(truth(0), times=[1.0, 500.0])], [truth(0)])
    assert table.values_of("time") == [1.0]
    with pytest.raises(ShapeError, match=r"times 500 share none with measured times 1, 10"):
        evaluate([_at(truth(0), 500.0)], [truth(0)])


def _at(configuration, time):
    values = configuration.propensity[:1]
    return ModelForecast(
        configuration=configuration, model="m", times=np.array([time]), values=values
    )


def test_species_without_forecast_has_no_row():
    t = truth(0)
    f = forecast(t)
    f.values[:, t.types == 1] = np.nan
    assert evaluate([f], [t]).values_of("species") == ["A"]


def test_a_hole_in_a_forecast_shows():
    truths = [truth(i) for i in range(2)]
    forecasts = [forecast(t) for t in truths]
    forecasts[1].values[:, truths[1].types == 1] = np.nan  # B is lost in one configuration only
    table = evaluate(forecasts, truths)
    assert np.isnan([row.value for row in table.select(species="B")]).all()
    assert np.isfinite([row.value for row in table.select(species="A")]).all()
    forecasts[0].values[:] = forecasts[1].values[:] = np.nan
    assert len(evaluate(forecasts, truths)) == 12


def test_single_configuration_has_no_interval():
    row = evaluate([forecast(truth(0))], [truth(0)]).rows[0]
    assert np.isfinite(row.value)
    assert np.isnan([row.low, row.high]).all()


def test_without_halves_there_is_no_ceiling():
    truths = [truth(0), truth(1, halves=False)]  # one that lacks them is enough
    table = evaluate([forecast(t) for t in truths], truths)
    assert np.isnan([[row.ceiling, row.share] for row in table]).all()


def test_scores_on_single_runs_are_corrected_for_their_reliability(rng):
    """An exact predictor has all of the ceiling, however noisy one run is."""
    exact, share = rng.normal(1.0, 0.1, (1, 6000)), 0.2
    noise = 0.1 * np.sqrt(1 / share - 1)
    evaluation = Evaluation("d", reliability={(0, 10.0): share})
    for number, runs in enumerate((1, 2)):
        both = exact + noise * rng.normal(size=(2, *exact.shape))
        found = Configuration(
            name=f"chain-{number}",
            positions=rng.uniform(0, 20, (6000, 3)),
            types=np.zeros(6000, dtype=np.int8),
            box=np.full(3, 20.0),
            times=np.array([10.0]),
            runs=np.array([runs]),
            propensity=both[:runs].mean(axis=0),
            propensity_halves=both if runs == 2 else None,
            metadata={"origin": {"kind": "chain", "parent": "chain"}},
        )
        evaluation.add(
            ModelForecast(
                configuration=found, model="m", times=found.times, values=exact.astype(np.float32)
            ),
            found,
        )
    row = one(evaluation.table(), metric="pearson_mean")
    two = 2 * share / (1 + share)
    assert row.ceiling == pytest.approx((share**0.5 + two**0.5) / 2)
    assert row.value == pytest.approx(row.ceiling, abs=0.03)
    assert row.share == pytest.approx(1, abs=0.06)


def test_other_targets_have_no_ceiling():
    t = truth(0).with_fields(nonaffine=truth(0).propensity ** 2)
    table = evaluate([forecast(t, target="nonaffine")], [t])
    row = one(table, species="A", time=1.0, metric="pearson_mean")
    f = forecast(t, target="nonaffine")
    assert row.value == pytest.approx(
        pearson(f.values[0, t.types == 0], t.nonaffine[0, t.types == 0])
    )
    assert np.isnan(row.ceiling)


def test_models_share_their_resamples():
    truths = [truth(i) for i in range(5)]
    forecasts = [forecast(t) for t in truths]
    twin = [
        ModelForecast(configuration=f.configuration, model="twin", times=f.times, values=f.values)
        for f in forecasts
    ]
    table = evaluate([*forecasts, *twin], truths)
    a, b = table.select(model="m"), table.select(model="twin")
    assert [(r.value, r.low, r.high) for r in a] == [(r.value, r.low, r.high) for r in b]


def test_refusals():
    t = truth(0)
    with pytest.raises(ShapeError, match="has no configuration to match"):
        evaluate([forecast(t)], [truth(1)])
    with pytest.raises(ShapeError, match="scored before"):
        evaluate([forecast(t), forecast(t)], [t])
    with pytest.raises(ShapeError, match="unique names"):
        evaluate([], [t, t])
    with pytest.raises(ShapeError, match="has no 'propensity'"):
        Evaluation().add(forecast(t), t.with_fields(propensity=None, propensity_halves=None))
    with pytest.raises(ShapeError, match="differ in their particles"):
        Evaluation().add(forecast(t), t.with_fields(types=1 - t.types))
    with pytest.raises(ShapeError, match="cannot be scored on"):
        Evaluation().add(forecast(t), truth(1))
    with pytest.raises(ShapeError, match="is not one of"):
        Evaluation().add(forecast(t, target="positions"), t)


@pytest.fixture
def table():
    truths = [truth(i) for i in range(3)]
    single = evaluate([forecast(truth(9, halves=False), "solo_1")], [truth(9, halves=False)])
    return evaluate([forecast(t) for t in truths], truths, dataset="T=0.44, x") + single


def test_json_round_trip_is_exact(table, tmp_path):
    table.write(tmp_path / "scores.json")
    assert read_scores(tmp_path / "scores.json").to_json() == table.to_json()
    assert repr(read_scores(tmp_path / "scores.json")) == repr(table)  # NaN included
    assert "NaN" not in (tmp_path / "scores.json").read_text()


def test_csv_holds_every_number(table, tmp_path):
    table.write(tmp_path / "scores.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "scores.csv").read_text())))
    assert tuple(rows[0]) == COLUMNS
    assert [float(r["value"]) for r in rows] == [s.value for s in table]
    assert rows[0]["dataset"] == "T=0.44, x"
    assert rows[-1]["ceiling"] == ""


def test_markdown_and_latex_are_rectangular_and_escaped(tmp_path):
    row = Score(
        model="a|b_50%",
        dataset="<x>\n\\d",
        target="propensity",
        species="A",
        time=4120.0,
        metric="rmse",
        value=0.12345,
        low=0.1,
        high=0.2,
        ceiling=np.nan,
        share=np.nan,
        n_configurations=3,
        n_particles=9,
    )
    markdown = ScoreTable((row,)).to_markdown().splitlines()
    assert len(markdown) == 3
    assert {line.replace("\\|", "").count("|") for line in markdown} == {13}
    assert "0.123 | 0.100 to 0.200 | – | – | 1 | 3" in markdown[2]
    assert "\\<x\\>" in markdown[2]
    latex = ScoreTable((row,)).to_latex()
    assert r"a|b\_50\% & <x> \textbackslash{}d & propensity" in latex
    assert {line.count("&") for line in latex.splitlines() if "&" in line} == {11}


def test_unknown_format_and_column(table, tmp_path):
    with pytest.raises(SettingsError, match=r"\.csv, \.json, \.md, \.tex"):
        table.write(tmp_path / "scores.xlsx")
    with pytest.raises(SettingsError, match="no column 'kind'"):
        table.select(kind=1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not readable JSON"),
        ("[]", "it holds no object"),
        ('{"schema": 99, "scores": []}', "has schema 99"),
        ('{"schema": 1, "scores": [{"model": "m"}]}', "must have the columns"),
    ],
)
def test_bad_json_is_refused(content, message, tmp_path):
    (tmp_path / "s.json").write_text(content)
    with pytest.raises(InputError, match=message):
        read_scores(tmp_path / "s.json")


@pytest.mark.parametrize(
    ("column", "value"), [("value", "high"), ("n_particles", 1.5), ("model", None), ("time", True)]
)
def test_wrong_type_in_json_is_refused(column, value, table, tmp_path):
    content = json.loads(table.to_json())
    content["scores"][1][column] = value
    (tmp_path / "s.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=f"score 1: '{column}' cannot be"):
        read_scores(tmp_path / "s.json")


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_scores(tmp_path / "none.json")


def scored(model, value, species="A", time=1.0, dataset="d", metric="pearson_mean"):
    return Score(
        model=model, dataset=dataset, target="propensity", species=species, time=time,
        metric=metric, value=value, low=np.nan, high=np.nan, ceiling=np.nan, share=np.nan,
        n_configurations=1, n_particles=1,
    )  # fmt: skip


def test_best_model_has_the_best_mean_correlation():
    table = ScoreTable((
        scored("early", 0.9), scored("even", 0.7), scored("early", 0.3, time=2.0),
        scored("even", 0.6, time=2.0), scored("early", 0.99, metric="pearson_pooled"),
    ))  # fmt: skip
    assert best_model(table) == "even"


def test_leaving_out_what_is_difficult_does_not_make_a_model_the_best():
    rows = [scored("all", 0.7), scored("all", 0.3, species="B"), scored("only A", 0.6)]
    assert best_model(ScoreTable(tuple(rows))) == "all"
    apart = [scored("a", 0.2), scored("b", 0.3, time=2.0)]
    assert best_model(ScoreTable(tuple(apart))) == "b"


@pytest.mark.parametrize("order", [1, -1])
def test_a_score_that_is_not_defined_is_the_worst(order):
    rows = [scored("hole", np.nan), scored("hole", 0.9, time=2.0), scored("low", 0.1)]
    rows.append(scored("low", 0.1, time=2.0))
    assert best_model(ScoreTable(tuple(rows[::order]))) == "low"


def test_without_correlations_there_is_no_best_model():
    with pytest.raises(SettingsError, match="without scores of 'pearson_mean'"):
        best_model(ScoreTable((scored("a", 0.1, metric="rmse"),)))
