from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import EllipseCollection

from glasscast.datasets.targets import TargetAccumulator
from glasscast.evaluation.comparison import Compared, Comparison
from glasscast.evaluation.correlation import pearson
from glasscast.evaluation.score_table import ScoreTable
from glasscast.evaluation.scores import evaluate
from glasscast.report.collective_figures import susceptibility_figures
from glasscast.report.html import figure as figure_html
from glasscast.report.illustration import Illustration
from glasscast.report.measured import (
    drawn_diameters,
    nearest_time,
    paired_values,
    rank_within_species,
    shown_times,
)
from glasscast.report.particle_figures import (
    density_figure,
    distribution_figure,
    particle_figures,
)
from glasscast.report.score_figures import score_figure, score_figures, selection_figure
from glasscast.report.sections import bond_section
from glasscast.report.slice_figures import slice_figure, slice_with_images
from glasscast.report.style import (
    format_time,
    new_figure,
    published_style,
    series_style,
    target_label,
)
from tests.unit.evaluation.test_comparison import susceptibility

from .material import configuration, forecast, selection, with_pairs


@pytest.fixture
def truths():
    return [configuration(f"c{i}", seed=i) for i in range(3)]


@pytest.fixture
def scores(truths):
    return evaluate([forecast(c, m) for m in ("lr", "gnn") for c in truths], truths)


def lines_of(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def test_score_figure_shows_the_numbers(scores):
    figure = score_figure(scores, tau_alpha=50.0).figure
    assert [axes.get_title() for axes in figure.axes] == ["A particles", "B particles"]
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "t (LJ units)"
    rows = scores.select(species="A", metric="pearson_mean")
    ceiling = lines_of(axes)["noise ceiling"]
    np.testing.assert_allclose(ceiling.get_ydata(), [r.ceiling for r in rows.select(model="lr")])
    for container, model in zip(axes.containers, ("lr", "gnn"), strict=True):
        assert container.get_label() == model
        np.testing.assert_allclose(
            np.asarray(container.lines[0].get_ydata(), dtype=float),
            [r.value for r in rows.select(model=model)],
        )
        # Side by side, but still at their times.
        times = np.asarray(container.lines[0].get_xdata(), dtype=float)
        np.testing.assert_allclose(times, [1, 100], rtol=0.05)
        low, high = np.array([s[:, 1] for s in container.lines[2][0].get_segments()], dtype=float).T
        np.testing.assert_allclose(low, [r.low for r in rows.select(model=model)])
        np.testing.assert_allclose(high, [r.high for r in rows.select(model=model)])


def test_no_two_of_many_series_look_alike():
    looks = [tuple(map(str, series_style(k).values())) for k in range(21)]
    for i, look in enumerate(looks):
        for other in looks[:i]:
            assert sum(a != b for a, b in zip(look, other, strict=True)) >= 2


def test_bars_of_several_trainings_and_a_ceiling_of_one_time_are_seen(scores):
    times = scores.times()
    rows = [
        replace(
            row, trainings=3, worst=-0.4, best=0.9, ceiling=row.ceiling if row.time == times[-1]
            else np.nan,
        )
        for row in scores
    ]  # fmt: skip
    axes = score_figure(ScoreTable(tuple(rows))).figure.axes[0]
    assert axes.get_ylim()[0] < -0.4
    ceiling = lines_of(axes)["noise ceiling"]
    assert list(ceiling.get_xdata()) == [times[-1]]
    assert ceiling.get_marker() == "_"


def test_score_figure_without_ceiling_or_interval():
    c = configuration(halves=False)
    drawn = score_figure(evaluate([forecast(c)], [c]))
    assert "noise ceiling" not in lines_of(drawn.figure.axes[0])
    assert drawn.png


def test_single_time_lists_the_models(scores):
    figure = score_figure(scores.select(time=100.0)).figure
    axes = figure.axes[0]
    assert axes.get_xscale() == "linear"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["lr", "gnn"]
    assert axes.get_title() == "A particles, t = 100"


def test_error_has_a_floor_and_a_unit(scores):
    axes = score_figure(scores, "rmse").figure.axes[0]
    assert axes.get_ylabel() == "RMSE of propensity (σ)"
    assert "noise floor" in lines_of(axes)


def test_density_says_the_correlation_it_shows(truths):
    forecasts = [forecast(c) for c in truths]
    figure = density_figure(forecasts).figure
    true, predicted = paired_values(forecasts, 1, 0)
    assert len(true) == 3 * 48
    titles = [axes.get_title() for axes in figure.axes]
    assert f"A, t = 100, r = {pearson(true, predicted):.3f}" in titles


def test_distribution_of_unlabelled_snapshot():
    c = configuration(labels=False)
    figure = distribution_figure([forecast(c)]).figure
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["A predicted", "B predicted"]


def test_slice_images_repeat_the_particles_across_the_boundary():
    c = configuration(size=300)
    index, points = slice_with_images(c, thickness=2.0, margin=1.0)
    expected = np.flatnonzero(np.abs(c.positions[:, 2] - 3.5) <= 1.0)
    inside = np.all((points >= 0) & (points < c.box[:2]), axis=1)
    assert sorted(index[inside]) == expected.tolist()
    shift = (points - c.positions[index, :2]) / c.box[:2]
    np.testing.assert_allclose(shift, np.round(shift), atol=1e-12)
    assert np.all((points > -1) & (points < c.box[:2] + 1))
    # Every particle within the margin of a corner has three images.
    near = np.all((c.positions[:, :2] < 1) | (c.positions[:, :2] > c.box[:2] - 1), axis=1)
    assert near[expected].any()
    for particle in expected[near[expected]]:
        assert np.sum(index == particle) == 4


def test_slice_panels_share_a_scale_and_draw_true_sizes():
    c = configuration(dimension=2).with_fields(metadata={"liquid": "ka"})
    f = forecast(c)
    panels = {axes.get_title(): axes for axes in slice_figure(f, 100.0).figure.axes}
    true, predicted, error = (
        panels[name].collections[-1] for name in ("true", "predicted", "predicted − true")
    )
    assert isinstance(true, EllipseCollection)
    assert true.get_clim() == predicted.get_clim() == (0, 1)
    assert error.get_clim()[0] == -error.get_clim()[1]
    ranks = [rank_within_species(values[1].astype(float), c.types)
             for values in (c.propensity, f.values)]  # fmt: skip
    np.testing.assert_array_equal(np.asarray(true.get_array()), ranks[0])
    np.testing.assert_array_equal(np.asarray(error.get_array()), ranks[1] - ranks[0])
    np.testing.assert_allclose(true.get_widths(), np.array([1.0, 0.88])[c.types])


def test_particles_of_an_unknown_liquid_are_drawn_alike():
    c = configuration(dimension=2)
    for metadata in ({}, {"liquid": "not here.yaml"}):
        np.testing.assert_array_equal(drawn_diameters(c.with_fields(metadata=metadata)), 1)


def test_slice_without_truth_has_one_panel():
    c = configuration(labels=False)
    titles = [axes.get_title() for axes in slice_figure(forecast(c), 100.0).figure.axes]
    assert [title for title in titles if title] == ["predicted"]


def test_rank_is_within_species_and_blind_to_levels():
    types = np.array([0, 0, 0, 1, 1, 1], dtype=np.int8)
    values = np.array([3.0, 1.0, 2.0, 300.0, np.nan, 100.0])
    np.testing.assert_array_equal(
        rank_within_species(values, types), [1.0, 0.0, 0.5, 1.0, np.nan, 0.0]
    )


def test_selection_figure_has_a_log_axis():
    axes = selection_figure([selection()]).figure.axes[0]
    assert axes.get_xscale() == "log"
    np.testing.assert_array_equal(axes.get_lines()[0].get_ydata(), [0.2, 0.4, 0.5])
    assert "1. q6" in axes.texts[0].get_text()


def test_published_curves_are_drawn_for_a_particles_marked_and_apart(truths):
    scores = evaluate([forecast(c) for c in truths], truths)
    times = scores.values_of("time")
    rows = [
        Compared(model="LR", origin="published: x (y)", target="propensity", species="A", time=t,
                 pearson_mean=0.5)
        for t in times
    ]  # fmt: skip
    first, *_ = score_figures(scores, None, Comparison(tuple(rows)))
    a, b = first.figure.axes
    drawn = lines_of(a)["LR (published)"]
    assert list(drawn.get_xdata()) == sorted(times)
    assert set(drawn.get_ydata()) == {0.5}
    assert drawn.get_linestyle() == ":"
    assert "LR (published)" not in lines_of(b)
    assert "Dotted and grey: published" in first.caption
    assert "Dotted" not in score_figures(scores)[0].caption


def test_susceptibility_figure_shows_the_numbers_and_zeros_at_the_lower_edge():
    values = {1.0: (0.5, 0.25), 10.0: (4.0, 0.0), 100.0: (2.0, 1.0)}
    scores = [susceptibility("gnn", time=t, true=a, predicted=b) for t, (a, b) in values.items()]
    (drawn,) = susceptibility_figures(scores)
    (axes,) = drawn.figure.axes
    lines = lines_of(axes)
    assert list(lines["measured"].get_ydata()) == [0.5, 4.0, 2.0]
    assert lines["gnn"].get_ydata() == pytest.approx([0.25, 4e-4, 1.0])
    (marked,) = [
        line for line in axes.get_lines() if line.get_marker() == "v" and len(line.get_xdata())
    ]
    assert (marked.get_xdata(), marked.get_ydata()) == (10.0, pytest.approx(4e-4))
    assert axes.get_ylim()[0] == pytest.approx(4e-4)
    assert axes.get_yscale() == axes.get_xscale() == "log"
    assert "exceeds 0.3 σ" in drawn.caption
    assert susceptibility_figures(scores[:1]) == []


def test_drawing_leaves_matplotlib_alone(scores, tmp_path):
    before = dict(mpl.rcParams)
    score_figure(scores).save(tmp_path)
    assert dict(mpl.rcParams) == before


def test_equal_figures_give_equal_files(scores, tmp_path):
    for folder in ("a", "b"):
        score_figure(scores).save(tmp_path / folder)
    for kind, start in (("png", b"\x89PNG"), ("pdf", b"%PDF")):
        first, second = ((tmp_path / f / f"scores_pearson_mean.{kind}").read_bytes() for f in "ab")
        assert first == second
        assert first.startswith(start)


def test_scores_of_several_data_sets_have_files_of_their_own(truths):
    both = [evaluate([forecast(truths[0])], truths, dataset=name) for name in ("one", "two")]
    drawn = score_figures(both[0] + both[1])
    assert len({figure.name for figure in drawn}) == len(drawn) == 6
    assert "on two" in drawn[-1].title


def test_forecasts_without_measured_values_are_shown_alone(truths):
    bare = configuration(labels=False)
    assert [f.name for f in particle_figures([forecast(bare)])] == ["slice", "distribution"]
    drawn = particle_figures([forecast(c) for c in truths], tau_alpha=2.0)
    assert [f.name for f in drawn] == ["slice", "density", "distribution"]
    assert "t = 1" in drawn[0].title
    assert particle_figures([]) == []


@pytest.mark.parametrize("target", ["propensity", "neighbour_relative", "nonaffine"])
def test_units_of_targets_are_what_they_scale_with(target):
    """Twice the displacement of all particles gives twice the value: a length, in sigma."""
    rng = np.random.default_rng(0)
    c, moved = configuration(size=80), 0.1 * rng.normal(size=(80, 3))
    values = []
    for factor in (1, 2):
        accumulator = TargetAccumulator(
            c.positions, c.types, c.box, np.array([1.0]), np.ones((2, 2))
        )
        accumulator.add(0, 0, factor * moved)
        values.append(accumulator.result()[target])
    np.testing.assert_allclose(values[1], 2 * values[0], rtol=1e-5, atol=1e-6)
    assert target_label(target).endswith("(σ)")


def test_times_shown():
    c = configuration()
    f = forecast(c)
    assert shown_times(f) == [0, 1]
    assert shown_times(f, most=1) == [0]
    assert nearest_time([1.0, 100.0], 20.0) == 100.0
    assert nearest_time([1.0, 100.0], 5.0) == 1.0
    assert nearest_time([1.0, 100.0], None) == 100.0
    assert [format_time(t) for t in (0.13, 41200.0, 1.5e6)] == ["0.13", "41200", "1.5e+06"]


def test_pairs_are_shown_of_models_that_forecast_them(truths):
    """Also where the snapshot of another model has pairs that were measured."""
    paired = with_pairs(truths[0])
    of_particles = forecast(paired.configuration, "m")
    assert not bond_section([of_particles]).contents
    assert len(bond_section([of_particles, paired]).contents) == 2


def test_a_title_that_asks_is_not_stopped_as_well():
    drawn = new_figure(1, 1)
    for title, shown in (("Do they move?", "Do they move?"), ("How they move", "How they move.")):
        made = Illustration(name="a", title=title, caption="C.", alternative="A.", figure=drawn)
        assert f"<strong>{shown}</strong>" in figure_html(made)


def test_many_published_curves_differ_in_their_markers():
    styles = [published_style(k) for k in range(7)]
    assert len({style["marker"] for style in styles}) == 7
    assert len({style["color"] for style in styles}) == 1
