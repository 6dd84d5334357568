import io

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import EllipseCollection

from glasscast.evaluation.correlation import pearson
from glasscast.evaluation.scores import evaluate
from glasscast.report.figures import draw_examples, draw_scores, nearest_time
from glasscast.report.measured import paired_values, rank_within_species, shown_times
from glasscast.report.particle_figures import density_figure, distribution_figure
from glasscast.report.score_figures import SelectionCurve, score_figure, selection_figure
from glasscast.report.slice_figures import slice_figure, slice_with_images
from glasscast.report.style import drawn_diameters, format_time, save_figure, series_style

from .material import configuration, forecast


@pytest.fixture
def truths():
    return [configuration(f"c{i}", seed=i) for i in range(3)]


@pytest.fixture
def scores(truths):
    return evaluate([forecast(c, m) for m in ("lr", "gnn") for c in truths], truths)


def lines_of(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def test_score_figure_shows_the_numbers(scores):
    figure = score_figure(scores, tau_alpha=50.0)
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


def test_score_figure_without_ceiling_or_interval():
    c = configuration(halves=False)
    figure = score_figure(evaluate([forecast(c)], [c]))
    assert "noise ceiling" not in lines_of(figure.axes[0])
    figure.savefig(io.BytesIO())


def test_single_time_lists_the_models(scores):
    figure = score_figure(scores.select(time=100.0))
    axes = figure.axes[0]
    assert axes.get_xscale() == "linear"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["lr", "gnn"]
    assert axes.get_title() == "A particles, t = 100"


def test_error_has_a_floor_and_a_unit(scores):
    axes = score_figure(scores, "rmse").axes[0]
    assert axes.get_ylabel() == "RMSE of propensity (σ)"
    assert "noise floor" in lines_of(axes)


def test_density_says_the_correlation_it_shows(truths):
    examples = [(forecast(c), c) for c in truths]
    figure = density_figure(examples)
    true, predicted = paired_values(examples, 1, 0)
    assert len(true) == 3 * 48
    titles = [axes.get_title() for axes in figure.axes]
    assert f"A, t = 100, r = {pearson(true, predicted):.3f}" in titles


def test_distribution_of_unlabelled_snapshot():
    c = configuration(labels=False)
    figure = distribution_figure([(forecast(c), c)])
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["A predicted", "B predicted"]


def test_slice_images_repeat_the_particles_across_the_boundary():
    c = configuration(size=300)
    index, points = slice_with_images(c, thickness=2.0, height=0.5, margin=1.0)
    away = np.abs(c.positions[:, 2] - 0.5)
    expected = np.flatnonzero(np.minimum(away, 7 - away) <= 1.0)  # periodic along z as well
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
    figure = slice_figure(f, c, time=100.0, scale="value")
    panels = {axes.get_title(): axes for axes in figure.axes}
    true, predicted, error = (
        panels[name].collections[-1] for name in ("true", "predicted", "predicted − true")
    )
    assert isinstance(true, EllipseCollection)
    assert true.get_clim() == predicted.get_clim()
    assert error.get_clim()[0] == -error.get_clim()[1]
    np.testing.assert_allclose(np.asarray(true.get_array()), c.propensity[1])
    np.testing.assert_allclose(
        np.asarray(error.get_array()), f.values[1] - c.propensity[1], atol=1e-6
    )
    np.testing.assert_allclose(true.get_widths(), np.array([1.0, 0.88])[c.types])


def test_particles_of_an_unknown_liquid_are_drawn_alike():
    c = configuration(dimension=2)
    for metadata in ({}, {"liquid": "not here.yaml"}):
        np.testing.assert_array_equal(drawn_diameters(c.with_fields(metadata=metadata)), 1)


def test_slice_without_truth_has_one_panel():
    c = configuration(labels=False)
    titles = [axes.get_title() for axes in slice_figure(forecast(c)).axes]
    assert [title for title in titles if title] == ["predicted"]


def test_rank_is_within_species_and_blind_to_levels():
    types = np.array([0, 0, 0, 1, 1, 1], dtype=np.int8)
    values = np.array([3.0, 1.0, 2.0, 300.0, np.nan, 100.0])
    np.testing.assert_array_equal(
        rank_within_species(values, types), [1.0, 0.0, 0.5, 1.0, np.nan, 0.0]
    )


def test_selection_figure_has_a_log_axis():
    curve = SelectionCurve([1, 10, 100], [0.2, 0.4, 0.5], "A", names=["q6", "g"], full=0.55)
    axes = selection_figure([curve]).axes[0]
    assert axes.get_xscale() == "log"
    np.testing.assert_array_equal(axes.get_lines()[0].get_ydata(), [0.2, 0.4, 0.5])
    assert "1. q6" in axes.texts[0].get_text()


def test_dollar_signs_in_names_are_not_formulas(scores):
    c = configuration()
    hostile = forecast(c, model=r"$\frac{ $5 and $10")
    save = io.BytesIO()
    score_figure(evaluate([hostile], [c])).savefig(save)
    selection_figure([SelectionCurve([1, 2], [0, 1], "$\\bad{$", names=["$\\bad{$"])]).savefig(save)
    assert save.getvalue().startswith(b"\x89PNG")


def test_drawing_leaves_matplotlib_alone(scores, tmp_path):
    before = dict(mpl.rcParams)
    save_figure(score_figure(scores), tmp_path, "scores")
    assert dict(mpl.rcParams) == before


def test_equal_figures_give_equal_files(scores, tmp_path):
    first = save_figure(score_figure(scores), tmp_path / "a", "scores")
    second = save_figure(score_figure(scores), tmp_path / "b", "scores")
    assert first.png.read_bytes() == second.png.read_bytes() == first.image
    assert first.pdf.read_bytes() == second.pdf.read_bytes()
    assert first.pdf.read_bytes().startswith(b"%PDF")


def test_report_figures_are_saved_with_captions(scores, truths, tmp_path):
    done = draw_scores(tmp_path, scores, 50.0)
    done += draw_examples(tmp_path, [(forecast(c), c) for c in truths], 50.0)
    names = {f"{figure.name}.{kind}" for figure in done for kind in ("png", "pdf")}
    assert names == {path.name for path in tmp_path.iterdir()}
    assert {"slice.png", "density.pdf", "scores_pearson_mean.png"} <= names
    assert all(len(figure.caption) > 20 for figure in done)


def test_times_shown():
    c = configuration()
    f = forecast(c)
    assert shown_times(f) == [0, 1]
    assert shown_times(f, most=1) == [0]
    assert nearest_time([1.0, 100.0], 20.0) == 100.0
    assert nearest_time([1.0, 100.0], 5.0) == 1.0
    assert nearest_time([1.0, 100.0], None) == 100.0
    assert [format_time(t) for t in (0.13, 41200.0, 1.5e6)] == ["0.13", "41200", "1.5e+06"]
