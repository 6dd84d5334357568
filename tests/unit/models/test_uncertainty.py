"""Stated uncertainties: right widths are found, told apart from wrong ones, and kept."""

import json
from dataclasses import replace

import numpy as np
import pytest

from glasscast.errors import ModelError
from glasscast.evaluation.coverage import CoverageEvaluation
from glasscast.models.forecast import ModelForecast
from glasscast.models.uncertainty import FEATURES, MEMBERS, Uncertainty, log_mean
from glasscast.workflows.calibrate import checked_coverage
from tests.conftest import labelled


def noisy(seed: int, width=lambda values: 0.1 * values, size: int = 400) -> ModelForecast:
    """Return a forecast whose errors are normal, with a width that the forecast decides."""
    rng = np.random.default_rng(seed)
    c = labelled(rng, f"c{seed}", size=size)
    values = rng.uniform(0.2, 1.0, (2, c.size))
    truth = values + width(values) * rng.normal(size=values.shape)
    c = c.with_fields(propensity=truth.astype(np.float32), propensity_halves=None)
    return ModelForecast(
        configuration=c, model="m", times=c.times, values=values.astype(np.float32)
    )


def test_the_mean_of_a_gamma_regression_is_that_of_its_formula(rng):
    x = rng.normal(size=(20_000, 2))
    sizes = np.exp(-3 + x @ [0.5, -1.0]) * rng.gamma(2.0, 0.5, size=len(x))
    np.testing.assert_allclose(log_mean(x, sizes), [-3, 0.5, -1.0], atol=0.05)


def test_a_descriptor_that_does_not_vary_changes_nothing(rng):
    sizes = rng.gamma(2.0, 0.5, size=500)
    found = log_mean(np.ones((500, 1)), sizes)
    np.testing.assert_allclose(found, [np.log(sizes.mean()), 0], atol=1e-6)


def test_widths_are_those_of_the_errors_on_configurations_not_learned_from():
    learned = Uncertainty.learn([noisy(seed) for seed in range(6)])
    unseen = noisy(99)
    stated, right = learned.of(unseen), 0.1 * unseen.values
    assert np.corrcoef(stated[0], right[0])[0, 1] > 0.9
    assert np.abs(stated / right - 1).mean() < 0.15
    assert np.all(learned.share[0] > 0.8)


def test_coverage_is_right_in_each_fifth_and_finds_a_constant_width_out():
    rows = checked_coverage([noisy(seed) for seed in range(6)])
    assert [(r.species, r.time) for r in rows] == [("A", 1), ("A", 10), ("B", 1), ("B", 10)]
    for row in rows[:2]:
        np.testing.assert_allclose(row.within_68, 0.68, atol=0.08)
        np.testing.assert_allclose(row.within_95, 0.95, atol=0.05)
        assert row.rank_correlation > 0.25
        assert row.deviation[4] > 2 * row.deviation[0]
        assert row.n_configurations == 6
        assert row.rank_expected == pytest.approx(row.rank_correlation, abs=0.05)
    evaluation = CoverageEvaluation()
    for seed in range(6):
        forecast = noisy(seed)
        evaluation.add(replace(forecast, uncertainty=np.full_like(forecast.values, 0.06)))
    (row, *_) = evaluation.rows()
    assert abs(row.rank_correlation) < 0.1 or np.isnan(row.rank_correlation)
    assert row.record()["rank_correlation"] is None


@pytest.mark.parametrize("delta", [0.05, 0.1, 0.4])
def test_the_rank_correlation_that_right_widths_would_have_is_that_of_normal_errors(delta):
    forecast, evaluation = noisy(1, size=1000), CoverageEvaluation()
    rng = np.random.default_rng(0)
    for _ in range(20):
        widths = 0.1 * np.exp(delta * rng.normal(size=forecast.values.shape))
        truth = forecast.values + widths * rng.normal(size=widths.shape)
        c = forecast.configuration.with_fields(propensity=truth.astype(np.float32))
        evaluation.add(replace(forecast, configuration=c, uncertainty=widths.astype(np.float32)))
    (row, *_) = evaluation.rows()
    assert row.rank_expected == pytest.approx(row.rank_correlation, abs=0.025)
    assert np.isnan(row.noise_share)


def test_the_share_of_noise_is_what_halves_of_the_runs_tell(rng):
    """Errors of 3 about the exact mean and noise of 4 about that: a share of 16 / 25."""
    c, evaluation = labelled(rng, "c", size=1000), CoverageEvaluation()
    exact = np.full((2, c.size), 100.0)
    for _ in range(5):
        halves = exact + np.sqrt(2) * 4 * rng.normal(size=(2, *exact.shape))
        c = c.with_fields(propensity=halves.mean(axis=0), propensity_halves=halves)
        values = (exact + 3 * rng.normal(size=exact.shape)).astype(np.float32)
        made = ModelForecast(configuration=c, model="m", times=c.times, values=values)
        evaluation.add(replace(made, uncertainty=np.full_like(values, 5.0)))
    for row in evaluation.rows():
        assert row.noise_share == pytest.approx(16 / 25, abs=0.06)


def test_trainings_that_differ_where_they_err_are_listened_to():
    """The mean of trainings errs by as much as these differ, and nothing else tells it."""

    def members(seed: int) -> ModelForecast:
        rng = np.random.default_rng(1000 + seed)
        forecast = noisy(seed, lambda values: 0.1)
        spread = rng.uniform(0.01, 0.1, forecast.values.shape)
        truth = forecast.values + spread * rng.normal(size=spread.shape)
        c = forecast.configuration.with_fields(propensity=truth.astype(np.float32))
        return replace(forecast, configuration=c, spread=spread.astype(np.float32))

    learned, unseen = Uncertainty.learn([members(seed) for seed in range(6)]), members(99)
    assert learned.features == (*FEATURES, MEMBERS)
    assert np.corrcoef(learned.of(unseen)[0], unseen.spread[0])[0, 1] > 0.9
    again = Uncertainty.from_record(json.loads(json.dumps(learned.record())))
    np.testing.assert_array_equal(again.of(unseen), learned.of(unseen))
    assert np.isfinite(learned.of(replace(unseen, spread=None))).all()  # a single training
    rows = checked_coverage([members(seed) for seed in range(6)])
    assert rows[0].rank_correlation > 0.3


def test_what_is_not_found_again_elsewhere_is_not_believed():
    """Widths that go with the forecast one way here and the other way there say little."""
    up = [noisy(seed, lambda v: 0.2 * v) for seed in range(3)]
    down = [noisy(seed + 10, lambda v: 0.2 * (1.2 - v)) for seed in range(3)]
    torn, alone = Uncertainty.learn([*up, *down]), Uncertainty.learn(up[:1])
    assert np.all(torn.share[0] < 0.8)
    assert np.all(alone.share == 0.5)
    stated = torn.of(noisy(99))[0, noisy(99).configuration.types == 0]
    assert stated.max() / stated.min() < 1.5


def test_what_was_learned_is_kept():
    learned = Uncertainty.learn([noisy(seed, size=100) for seed in range(3)])
    again = Uncertainty.from_record(json.loads(json.dumps(learned.record())))
    np.testing.assert_array_equal(again.of(noisy(9)), learned.of(noisy(9)))
    assert again.on == ("c0", "c1", "c2")
    with pytest.raises(ValueError, match="uncertainty by"):
        Uncertainty.from_record({**learned.record(), "features": FEATURES[:2]})


def test_species_and_times_without_labels_have_no_width():
    forecasts = [noisy(seed, size=100) for seed in range(3)]
    for forecast in forecasts:
        forecast.configuration.propensity.flags.writeable = True
        forecast.configuration.propensity[1] = np.nan
        forecast.values[:, forecast.configuration.types == 1] = np.nan
    learned = Uncertainty.learn(forecasts)
    stated, types = learned.of(forecasts[0]), forecasts[0].configuration.types
    assert np.isfinite(stated[0, types == 0]).all()
    assert np.isnan(stated[1]).all()
    assert np.isnan(stated[:, types == 1]).all()
    again = Uncertainty.from_record(json.loads(json.dumps(learned.record(), allow_nan=False)))
    np.testing.assert_array_equal(again.of(forecasts[0]), stated)


def test_a_width_stays_within_bounds_far_from_all_that_was_learned():
    learned = Uncertainty.learn([noisy(seed, size=100) for seed in range(3)])
    far = noisy(9, size=100)
    far = replace(far, values=1e6 * far.values)
    assert np.isfinite(learned.of(far)).all()
    ends = np.quantile(learned.of(far) / learned.deviation.mean(), [0, 1])
    assert ends[0] > 0.1
    assert ends[1] < 10


def test_unlabelled_configurations_teach_nothing():
    forecast = noisy(0, size=100)
    bare = forecast.configuration.with_fields(times=np.empty(0), propensity=None)
    with pytest.raises(ModelError, match="no configuration to learn"):
        Uncertainty.learn([replace(forecast, configuration=bare)])
