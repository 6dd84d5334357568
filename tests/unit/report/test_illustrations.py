"""Every figure has a name, a title, a caption and words for who cannot see it."""

import inspect
import pkgutil
import re
from collections.abc import Sequence
from importlib import import_module
from typing import get_type_hints

import numpy as np
import pytest

from glasscast import report
from glasscast.evaluation.analysis import analyse_configurations
from glasscast.evaluation.bonds import joint_distribution
from glasscast.evaluation.runs import RunStatistics, SingleParticle
from glasscast.evaluation.scores import evaluate
from glasscast.evaluation.smoothness_scores import SmoothnessEvaluation
from glasscast.evaluation.susceptibility import SusceptibilityEvaluation
from glasscast.report import analysis_figures as analysis
from glasscast.report import bond_figures as bonds
from glasscast.report import collective_figures as collective
from glasscast.report import comparison_figures as comparison
from glasscast.report import run_figures as runs
from glasscast.report import truth_figures as truth
from glasscast.report.history_figures import history_figure
from glasscast.report.illustration import Illustration, listed
from glasscast.report.particle_figures import density_figure, distribution_figure
from glasscast.report.score_figures import score_figure, selection_figure
from glasscast.report.slice_figures import slice_figure
from glasscast.training.history import Epoch

from .material import configuration, forecast, selection, with_pairs

EVIL = r'<img src=x onerror="alert(1)">$\frac{ $&amp;{}\begin'


def makes_one(each):
    return get_type_hints(inspect.unwrap(each)).get("return") is Illustration


def found():
    """Every public function of the package that makes one figure, by introspection."""
    for module in pkgutil.iter_modules(report.__path__, f"{report.__name__}."):
        for name, each in inspect.getmembers(import_module(module.name), inspect.isfunction):
            own = each.__module__ == module.name and not name.startswith("_")
            if own and makes_one(each):
                yield each


def run_statistics(name):
    """Statistics of four runs of a configuration of that name, at two times."""
    directions = np.random.default_rng(5).normal(size=(2, 4, 3))
    return RunStatistics(
        times=np.array([1.0, 100.0]), runs=4, overlap=np.array([0.9, 0.3]),
        susceptibility=np.array([0.2, 4.0]), threshold=0.3, cosine=np.array([0.4, 0.1]),
        edges=np.linspace(-1, 1, 5), histogram=np.full((2, 4), 0.5),
        particle=SingleParticle(
            name, 7, directions / np.linalg.norm(directions, axis=-1, keepdims=True)
        ),
    )  # fmt: skip


def material(name=EVIL):
    """Figure function -> arguments, with a name from outside wherever there is one."""
    steady = [[1.0, 0.01], [1.0, 0.01]]
    made = {
        "liquid": "ka",
        "records": {
            "production": {
                "scattering": [0.9, 0.1], "squared_displacement": [0.1, 1.0], "energy_drift": [0.0],
            }
        },
        "equilibration": {
            "time": 9.0, "energy": steady, "pressure": steady, "temperature": steady,
            "lags": [1.0, 10.0], "scattering": [[0.9, 0.2]] * 2, "bond_order": 0.01,
        },
    }  # fmt: skip
    truths = [
        configuration(f"{name}{i}", seed=i, **made).with_fields(
            inherent=configuration(seed=i + 9).positions,
            tendency=np.random.default_rng(i).normal(size=(2, 60, 3)),
        )
        for i in range(3)
    ]
    forecasts = [forecast(c, f"{name} {k}", k) for k in (1, 2) for c in truths]
    scores = evaluate(forecasts, truths, dataset=name)
    smoothness, susceptibility = SmoothnessEvaluation(), SusceptibilityEvaluation()
    for each in forecasts:
        smoothness.add(each, each.configuration)
        susceptibility.add(each, each.configuration)
    series = {time: s for (model, time), s in smoothness.series.items() if model == f"{name} 1"}
    paired = with_pairs(truths[0])
    found = analyse_configurations(truths, 3, [1.0, 100.0])
    trained = f"{name} 1/{name}"
    carried = evaluate([forecast(c, trained) for c in truths], truths, dataset=name)
    return {
        score_figure: (scores, "pearson_mean", 50.0),
        selection_figure: ([selection(name, "g")],),
        slice_figure: (forecasts[0], 100.0),
        density_figure: (forecasts[:3],),
        distribution_figure: (forecasts[:3],),
        comparison.learning_curve_figure: ({2: scores, 4: scores}, 100.0),
        comparison.sweep_figure: ({"0.2": scores, "0.4": scores}, "node_weight", 100.0),
        comparison.transfer_figure: (
            carried, comparison.TransferAxes([f"{name} 1"], [name], [name]), "A",
        ),
        collective.rayleigh_figure: (series, name),
        collective.local_smoothness_figure: (series, name),
        collective.susceptibility_figure: (susceptibility.scores(),),
        history_figure: (
            [Epoch(k, k, 1 / k, 1e-3, 1.0, 0.1 * k, validation_pearson=0.1 * k) for k in (1, 2)],
            name,
        ),
        bonds.bond_map_figure: (paired, 100.0),
        bonds.joint_figure: (joint_distribution([paired.configuration], closer_than=1.35),),
        analysis.structure_figure: (found.structure,),
        analysis.equilibration_figure: (found.equilibration,),
        analysis.relaxation_figure: (found.dynamics,),
        analysis.label_figure: (found.labels,),
        analysis.alignment_figure: (found.tendency,),
        analysis.arrow_figure: (truths[0], [0, 1]),
        truth.true_smoothness_figure: (found.smoothness,),
        truth.graph_figure: (found.graph,),
        runs.overlap_figure: (run_statistics(name),),
        runs.direction_figure: (run_statistics(name),),
    }  # fmt: skip


FIGURES = list(found())


@pytest.fixture(scope="module")
def drawn():
    return {draw: draw(*arguments) for draw, arguments in material().items()}


def test_a_new_figure_needs_material_here():
    assert set(FIGURES) == set(material())


@pytest.mark.parametrize("draw", FIGURES, ids=lambda f: f.__name__)
def test_figure_has_all_its_words(draw, drawn):
    title, caption, alternative = drawn[draw].title, drawn[draw].caption, drawn[draw].alternative
    assert title[0].isupper()
    assert not title.endswith(".")
    for text in (caption, alternative):
        assert len(text) > 40
        assert text[0].isupper()
        assert text.endswith(".")
        assert not any(odd in text for odd in ("nan", "None", "  ", "[", "array"))
    assert len({title, caption, alternative}) == 3
    assert alternative not in caption


def test_no_two_figures_share_a_file(drawn):
    names = [figure.name for figure in drawn.values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("draw", FIGURES, ids=lambda f: f.__name__)
def test_names_from_outside_are_neither_formulas_nor_file_names(draw, drawn, tmp_path):
    figure = drawn[draw]
    figure.save(tmp_path)  # a broken formula would fail here
    assert {p.name for p in tmp_path.iterdir()} == {f"{figure.name}.png", f"{figure.name}.pdf"}
    assert re.fullmatch("[a-zA-Z_]+", figure.name)


@pytest.mark.parametrize(
    ("count", "text"),
    [(1, "0"), (2, "0 and 1"), (4, "0, 1, 2 and 3"), (5, "0, 1, 2 and 2 more"), (0, "")],
)
def test_names_are_listed_as_a_reader_would(count, text):
    names: Sequence[str] = [str(k) for k in range(count)]
    assert listed(names, most=4) == text
