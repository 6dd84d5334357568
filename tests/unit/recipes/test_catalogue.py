"""Every name of the papers has a recipe whose settings check and whose drawing exists."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from glasscast.datasets.stages import Stages
from glasscast.errors import SettingsError
from glasscast.models.deep import DeepModel
from glasscast.models.registry import build
from glasscast.recipes.drawings import drawing_of
from glasscast.recipes.recipe import Recipe
from glasscast.recipes.registry import entries, find, paper_data
from glasscast.recipes.trainings import all_trainings, model_settings
from glasscast.runtime import Workspace
from glasscast.workflows.figure_trainings import Bench
from glasscast.workflows.reproduce import chosen_points, points_of

ENTRIES = entries()
#: Names by panel in each paper, the drawings without data left out.
COUNTS = {"geo-gnn": 29, "eignn": 12, "botan": 28, "boattini": 10}


def test_all_names_are_there():
    assert Counter(entry.paper for entry in ENTRIES.values()) == COUNTS
    assert sum(COUNTS.values()) == len(ENTRIES) == 79


@pytest.mark.parametrize("name", ENTRIES)
def test_a_recipe_names_what_exists(name):
    entry = ENTRIES[name]
    assert callable(drawing_of(entry))
    assert entry.recipe.data
    assert set(entry.recipe.data) <= set(paper_data())
    assert set(entry.recipe.trainings) <= set(all_trainings().trainings)
    for told in entry.recipe.reasons.values():
        assert set(told) <= set(range(1, len(entry.recipe.claims) + 1))
    assert all(entry.panels.values())


def test_every_training_is_used():
    used = {key for entry in ENTRIES.values() for key in entry.recipe.trainings}
    assert used == set(all_trainings().trainings)
    assert set(all_trainings().watched) <= used


@pytest.mark.parametrize("scale", ["sample", "paper"])
@pytest.mark.parametrize("training", all_trainings().trainings)
def test_a_training_can_be_built(training, scale):
    settings = model_settings(training, scale)
    assert build(settings).settings == settings


#: Of a network for one time: as printed (Geo-GNN, Supplementary Table III), and of the weights that
#: Bapst et al. gave out (printed there: 70721).
PARAMETERS = {"Geo-GNN": 30274, "GNN": 62401}


#: Models that are no networks.
FITTED = {"lr", "cage-lr", "svm", "uml"}


@pytest.mark.parametrize(
    "training",
    [t for t in all_trainings().trainings if model_settings(t, "paper").name not in FITTED],
)
def test_a_network_is_built_at_paper_scale(training):
    """Networks by settings, without data: as many parameters as the papers' where known."""
    model = build(model_settings(training, "paper"))
    assert isinstance(model, DeepModel)
    model.species_, model.dimension_ = (0, 1), 3
    model.stages_ = Stages(values=(16.5,))
    count = sum(p.numel() for p in model.build_network().parameters())
    assert count > 0
    assert count == PARAMETERS.get(training, count)


@pytest.mark.parametrize("training", all_trainings().trainings)
def test_the_engine_is_told_of_a_training_at_paper_scale(training):
    """Names, times, seeds and the start of each fit are settled before any is made."""
    point = replace(points_of([])[0], tau_alpha=320.0)  # where t = 1.65 stands for the paper's 13
    work, variant = Bench(Path("nowhere"), "paper", Workspace(1)).trainings(training, point, point)
    scale, name = all_trainings().scales["paper"], variant.settings.name
    planned = [fit for seed in work.seeds for fit in work.of(variant, seed)]
    assert len(work.seeds) == scale.seeds.get(name, 1)
    times = len(point.times) if name in scale.per_time else 1
    assert len(planned) == len(work.seeds) * times
    assert len({fit.name for fit in planned}) == len(planned)
    pretrained = all_trainings().trainings[training].pretrained
    assert (work.experiment.pretraining is not None) == pretrained


def test_a_training_that_is_not_there_is_refused():
    with pytest.raises(SettingsError, match="no training 'Geo-GMM'"):
        model_settings("Geo-GMM", "sample")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("geo-gnn/fig7a", ["geo-gnn/fig7a"]),
        ("geo-gnn/fig7", ["geo-gnn/fig7a", "geo-gnn/fig7b"]),
        ("geo-gnn/fig1", ["geo-gnn/fig1a", "geo-gnn/fig1b"]),
        ("botan/supp-s6", ["botan/supp-s6a", "botan/supp-s6b"]),
    ],
)
def test_a_name_without_its_letter_takes_all_panels(asked, found):
    assert [entry.name for entry in find([asked])] == found


def test_a_paper_takes_all_of_it():
    assert len(find(["boattini"])) == COUNTS["boattini"]
    assert len(find([])) == 79


def test_a_name_that_is_not_there_is_refused_with_the_nearest():
    with pytest.raises(SettingsError, match=r"no figure 'geo-gnn/fig7c'; did you mean 'geo-gnn"):
        find(["geo-gnn/fig7c"])


def test_the_sample_stands_in_where_it_can_and_not_at_paper_scale():
    points = points_of([])
    (stand_in,) = chosen_points(ENTRIES["geo-gnn/fig7a"], points, "sample")
    assert "T = 0.44" in stand_in.stands_for
    (own,) = chosen_points(ENTRIES["botan/fig8c"], points, "paper")
    assert own.stands_for == ""
    for name, scale in (("geo-gnn/fig7a", "paper"), ("boattini/fig3a", "sample")):
        with pytest.raises(SettingsError, match="the data hold none of what it needs") as caught:
            chosen_points(ENTRIES[name], points, scale)
        assert caught.value.parameter == "data"


def test_a_variant_cannot_judge_a_claim_that_is_not_there():
    with pytest.raises(ValueError, match="judges claim 2"):
        Recipe(
            title="t",
            shows="s",
            draw="a.b",
            names={"fig1": {"claims": [2]}},
            panels={"main": ("x",)},
            claims=("one",),
        )


def test_at_paper_scale_networks_are_one_a_time_repeated_and_pretrained():
    """As the papers have it, by the benchmark engine; times are those at equal t / tau_alpha."""
    point = replace(points_of([])[0], tau_alpha=16.5)
    bench = Bench(Path("nowhere"), "paper", Workspace(1))
    work, variant = bench.trainings("Geo-GNN", point, point)
    assert [t.time for t in work.of(variant, 0)] == point.times.tolist()
    assert work.seeds == (0,)
    work, variant = bench.trainings("BOTAN", replace(point, tau_alpha=320.0), point)
    assert work.seeds == (0, 1, 2, 3, 4)
    start = work.experiment.pretraining
    assert start.models == (variant.label,)
    assert start.times == (1.65,)  # at 320 / 4120 of the paper's t = 13
    assert start.model.node_weight == 0
    assert bench.trainings("scan p = 0.4", point, point)[0].experiment.pretraining is None
    with pytest.raises(SettingsError, match=r"pretraining learns t = 13; T = 0.64 has no such"):
        bench.trainings("BOTAN", replace(point, tau_alpha=1e5), point)


def test_equal_trainings_are_shared():
    point = points_of([])[0]
    bench = Bench(Path("nowhere"), "sample", Workspace(1))
    assert bench.label("Geo-GNN", point) == bench.label("Geo-GNN threshold 1.5", point)
    assert bench.label("BOTAN", point) == bench.label("scan p = 0.4", point)
    labels = {bench.label(key, point) for key in all_trainings().trainings}
    assert len(labels) < len(all_trainings().trainings)


@pytest.mark.slow
@pytest.mark.parametrize("training", all_trainings().trainings)
def test_a_training_starts_at_paper_scale(training):
    """One pass over two configurations, at the relaxation time."""
    settings = model_settings(training, "paper")
    if hasattr(settings, "phases"):
        once = tuple(phase.model_copy(update={"epochs": 1}) for phase in settings.phases)
        settings = settings.model_copy(update={"phases": once})
    if hasattr(settings, "training"):
        few = settings.training.model_copy(update={"epochs": 1})
        settings = settings.model_copy(update={"training": few})
    if getattr(settings, "select", None):
        settings = settings.model_copy(update={"select": 3})
    data = points_of([])[0].train[:2].at_times([16.5])
    assert build(settings, Workspace(1)).fit(data).predict(data[0]).times == [16.5]
