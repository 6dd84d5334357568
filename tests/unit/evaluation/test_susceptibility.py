"""Susceptibility against a plain loop, closed forms, and what was published for the same liquid."""

from dataclasses import replace

import numpy as np
import pytest

from glasscast.datasets.configuration import Configuration
from glasscast.errors import ShapeError
from glasscast.evaluation.published import published_scores
from glasscast.evaluation.susceptibility import (
    MOBILE,
    SusceptibilityEvaluation,
    four_point_susceptibility,
)
from glasscast.models.forecast import ModelForecast
from glasscast.workflows.demo import load_sample
from glasscast.workflows.experiments import BenchmarkExperiment
from tests.unit.report.material import configuration, forecast

SLOW, FAST = 0.1, 0.5


def of_counts(true, predicted, sizes=None, times=(4.0,)):
    """Forecasts and truths with so many fast particles in each configuration, all of species A."""
    sizes = sizes or [8] * len(true)
    pairs = []
    for k, (size, s, p) in enumerate(zip(sizes, true, predicted, strict=True)):
        measured, guessed = (np.where(np.arange(size) < n, FAST, SLOW)[None] for n in (s, p))
        truth = Configuration(
            name=f"c{k}",
            positions=np.random.default_rng(k).uniform(0, 5, (size, 3)),
            types=np.zeros(size, np.int8),
            box=np.full(3, 5.0),
            times=np.array(times),
            propensity=measured,
        )
        values = guessed.astype(np.float32)
        pairs.append(
            (ModelForecast(configuration=truth, model="m", times=truth.times, values=values), truth)
        )
    return pairs


def scores(pairs, **settings):
    evaluation = SusceptibilityEvaluation(**settings)
    for pair in pairs:
        evaluation.add(*pair)
    return evaluation.scores()


def test_every_number_is_that_of_a_plain_loop():
    truths = [configuration(f"c{i}", seed=i, size=400) for i in range(5)]
    pairs = [(forecast(c, seed=10 + i), c) for i, c in enumerate(truths)]
    found = scores(pairs, threshold=0.28)
    assert [(row.species, row.time) for row in found] == [
        (letter, time) for letter in "AB" for time in (1.0, 100.0)
    ]
    for row in found:
        species, k = "AB".index(row.species), [1.0, 100.0].index(row.time)
        values = []
        for fields in ([c.propensity for c in truths], [f.values for f, _ in pairs]):
            counts = []
            for c, field in zip(truths, fields, strict=True):
                members = [i for i in range(c.size) if c.types[i] == species]
                counts.append(sum(1 for i in members if field[k, i] > 0.28))
            mean = sum(counts) / 5
            values.append(sum((s - mean) ** 2 for s in counts) / 4 / len(members))
        assert (row.true, row.predicted) == pytest.approx(values)
        assert row.ratio == pytest.approx(values[1] / values[0])
        assert row.low < row.ratio < row.high
        assert (row.model, row.target, row.n_configurations) == ("lr", "propensity", 5)


def test_configurations_that_move_as_a_whole_or_not_at_all():
    (row,) = scores(of_counts([0, 8], [2, 6]))
    assert (row.true, row.predicted, row.ratio) == (8 / 2, 8 / 8, 0.25)
    (row,) = scores(of_counts([0, 4, 8], [6, 4, 2]))  # a variance cannot tell who is fast
    assert (row.true, row.predicted, row.ratio) == pytest.approx((2.0, 0.5, 0.25))


def test_the_truth_itself_has_ratio_one_without_doubt():
    (row,) = scores(of_counts([1, 3, 8, 2, 5, 0], [1, 3, 8, 2, 5, 0]))
    assert (row.ratio, row.low, row.high) == (1.0, 1.0, 1.0)


def test_independent_particles_have_the_variance_of_one(rng):
    counts = rng.binomial(50, [0.5, 0.1], (4000, 2))
    found = four_point_susceptibility(counts, 50)
    np.testing.assert_allclose(found, [[0.25, 0.09]], rtol=0.08)


def test_few_samples_are_right_on_average(rng):
    pairs = rng.binomial(50, 0.5, (2, 20000))
    assert four_point_susceptibility(pairs, 50).mean() == pytest.approx(0.25, rel=0.05)


def test_resamples_weigh_each_sample_by_how_often_it_was_drawn():
    counts = np.array([1.0, 4.0, 11.0])
    drawn = np.array([[2.0, 0, 1], [0, 3, 0]])
    found = four_point_susceptibility(counts, 10, drawn)
    assert found == pytest.approx([np.var([1, 1, 11], ddof=1) / 10, 0.0])
    assert found[1] == 0.0


def test_boxes_of_other_sizes_with_the_same_share_do_not_fluctuate():
    (row,) = scores(of_counts([1, 3, 7], [2, 6, 3], sizes=[10, 30, 70]))
    assert row.true == 0.0
    assert row.predicted > 0.1
    assert np.isnan(row.ratio)


@pytest.mark.parametrize("counts", [[0, 0, 0, 0], [8, 8, 8, 8], [3, 3, 3, 3]])
def test_a_truth_that_does_not_vary_leaves_the_ratio_open(counts):
    (row,) = scores(of_counts(counts, [1, 2, 3, 4]))
    assert row.true == 0.0
    assert np.isnan([row.ratio, row.low, row.high]).all()


def test_one_configuration_says_nothing_and_few_leave_no_interval():
    (row,) = scores(of_counts([3], [4]))
    assert np.isnan([row.true, row.predicted, row.ratio, row.low, row.high]).all()
    for count, known in ((2, False), (3, False), (6, True)):
        (row,) = scores(of_counts(range(count), range(count)))
        assert row.ratio == 1.0
        assert np.isfinite(row.low) == known
    # A fluctuation that a third of the resamples do not see is no ground for an interval.
    (row,) = scores(of_counts([0] * 9 + [1], [0] * 9 + [2]))
    assert row.ratio == 4.0
    assert np.isnan(row.low)
    with pytest.raises(ShapeError, match="needs 2 or more, got 1"):
        four_point_susceptibility([3.0], 8)


def test_a_hole_in_a_forecast_shows():
    pairs = of_counts([1, 4, 7], [1, 4, 7])
    pairs[1][0].values[0, 5] = np.nan
    (row,) = scores(pairs)
    assert row.true > 0
    assert np.isnan([row.predicted, row.ratio, row.low]).all()


def test_only_lengths_at_measured_times_count():
    pairs = of_counts([1, 4, 7], [1, 4, 7])
    assert scores([(replace(f, target="nonaffine"), c) for f, c in pairs]) == []
    assert scores([(replace(f, times=np.array([5.0])), c) for f, c in pairs]) == []
    assert scores([(f, c.with_fields(propensity=None, times=[])) for f, c in pairs]) == []
    rounded = [(replace(f, times=np.array([4.003])), c) for f, c in pairs]
    assert [row.time for row in scores(rounded)] == [4.003]


def test_experiments_have_the_same_threshold():
    assert BenchmarkExperiment.model_fields["chi4_threshold"].default == MOBILE


def test_the_threshold_gives_the_published_susceptibility_of_the_liquid():
    """Twenty configurations know a variance to a third; 0.4 sigma would miss by factors over 5."""
    sample = load_sample()
    exact = [
        ModelForecast(configuration=c, model="exact", times=c.times, values=c.propensity)
        for c in sample
    ]
    found = {
        row.time: row.true
        for row in scores((f, f.configuration) for f in exact)
        if row.species == "A"
    }
    published = {
        float(row.time): row.value
        for row in published_scores("GlassBench-KA3D", 0.64)
        if (row.metric, row.model) == ("chi4_md_A", "simulation")
    }
    for time in (0.52, 1.65, 5.2, 16.5):
        assert published[time] / 2.5 < found[time] < published[time] * 2.5
    assert found[0.1] == published[0.1] == 0.0
    assert max(found, key=found.get) == max(published, key=published.get) == 5.2
