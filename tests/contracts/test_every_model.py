"""Every registered model keeps every contract that it is not excused from, by name and reason."""

import numpy as np
import pytest

from glasscast.datasets.fields import LABELS
from glasscast.errors import ModelError
from glasscast.models.registry import REGISTRY, model_class
from glasscast.models.structural import StructuralBaseline, StructuralSettings
from glasscast.runtime import Workspace
from tests.contracts import contracts
from tests.contracts.cases import (
    CASES,
    EXCUSED,
    asked,
    fitted,
    is_network,
    snapshot,
    unfitted,
)
from tests.steps import KilledError, Steps

#: Asked of all models.
CONTRACTS = {
    "permutation": contracts.permutation,
    "translation": contracts.translation,
    "symmetries of the box": contracts.box_symmetries,
    "rotation": contracts.rotation,
    "small boxes": contracts.small_boxes,
    "labels": contracts.labels,
    "lone particles": contracts.lone_particles,
    "refusals": contracts.refusals,
}
#: Asked of networks as well.
NETWORK_CONTRACTS = {
    "batches": contracts.batches,
    "batches of several sizes": contracts.batches_of_several_sizes,
    "gradient": contracts.gradient,
}


def cases(table, networks_only=False):
    return [
        pytest.param(contract, *p.values, id=f"{contract}-{p.id}")
        for contract in table
        for p in asked(contract, networks_only)
    ]


@pytest.mark.parametrize(("contract", "label", "dimension"), cases(CONTRACTS))
def test_contract(contract, label, dimension):
    CONTRACTS[contract](fitted(label, dimension))


@pytest.mark.parametrize(("contract", "label", "dimension"), cases(NETWORK_CONTRACTS, True))
def test_contract_of_networks(contract, label, dimension):
    NETWORK_CONTRACTS[contract](fitted(label, dimension))


@pytest.mark.parametrize(("label", "dimension"), asked("files"))
def test_files(label, dimension, tmp_path):
    contracts.files(fitted(label, dimension), tmp_path)


@pytest.mark.parametrize(("label", "dimension"), asked("resumption"))
def test_resumption(label, dimension, tmp_path):
    """A killed fit goes on where its checkpoint ended, to the same bits."""
    network = is_network(CASES[label].name)
    changes = {} if network else {"checkpoint_seconds": 0}
    train, path = [snapshot(seed, dimension) for seed in (1, 2, 3)], tmp_path / "fit.ckpt"
    killed = unfitted(
        label, Workspace(1, progress=Steps(stop_after=5 if network else 2)), **changes
    )
    with pytest.raises(KilledError):
        killed.fit(train, checkpoint=path)
    left = [*tmp_path.glob("fit*.ckpt")]
    assert left
    steps = Steps()
    resumed = unfitted(label, Workspace(1, progress=steps), **changes)
    described = count_descriptions(resumed)
    resumed.fit(train, checkpoint=path)
    if network:
        assert steps.taken[0] == 3  # the first epoch is taken up, not trained again
    else:
        assert described == [train[2].name]
    assert not [*tmp_path.glob("fit*.ckpt")]
    after, before = (m.predict(snapshot(4, dimension)) for m in (resumed, fitted(label, dimension)))
    np.testing.assert_array_equal(after.values, before.values)


@pytest.mark.parametrize(("label", "dimension"), [p for p in asked("few runs") if p.values[1] == 3])
def test_few_runs(label, dimension):
    """Labels of one run, and only at some times, are learned from beside those of many."""
    many = [snapshot(seed, dimension) for seed in (1, 2)]
    many = [c.with_fields(runs=np.full(len(c.times), 32)) for c in many]
    one, runs = snapshot(3, dimension), np.ones(len(many[0].times), dtype=np.int32)
    labels = {k: v.copy() for k, v in one.arrays() if k in LABELS and "halves" not in k}
    for values in labels.values():
        values[0] = np.nan
    runs[0] = 0
    one = one.with_fields(runs=runs, propensity_halves=None, bond_change_halves=None, **labels)
    model = unfitted(label).fit([*many, one])
    assert np.isfinite(model.predict(many[0]).values).all()


def count_descriptions(model):
    """List to which a model on descriptors adds each configuration that it describes."""
    described, features = [], getattr(model, "features", None)

    def listed(configuration):
        described.append(configuration.name)
        return features(configuration)

    model.features = listed
    return described


@pytest.mark.parametrize("name", REGISTRY)
def test_dimensions_that_a_model_cannot_work_in_are_refused(name):
    for dimension in {2, 3} - set(model_class(name).dimensions):
        label = next(label for label, case in CASES.items() if case.name == name)
        with pytest.raises(ModelError, match=rf"^{name} works in 3 dimensions, not in the 2 of"):
            unfitted(label).fit([snapshot(seed, dimension) for seed in (1, 2)])


def test_every_model_is_asked_and_every_excuse_has_its_contract():
    assert {case.name for case in CASES.values()} == set(REGISTRY)
    assert set(EXCUSED) <= set(REGISTRY)
    known = {*CONTRACTS, *NETWORK_CONTRACTS, "files", "resumption", "few runs"}
    assert {contract for excuses in EXCUSED.values() for contract in excuses} <= known


#: Contract -> what a model would have to add to its forecast to break it.
FAULTS = {
    "permutation": lambda c: np.arange(c.size),
    "translation": lambda c: c.positions[:, 0],
    "symmetries of the box": lambda c: c.displacement_to("cage")[:, 0],
    "rotation": lambda c: np.abs(c.displacement_to("cage")).max(axis=1),
    "small boxes": lambda c: c.size,
    "labels": lambda c: 0 if c.propensity is None else c.propensity[0],
    "lone particles": lambda c: np.nan if c.size == 2 else 0,
}


class Faulty(StructuralBaseline):
    """A model with a fault."""

    fault = staticmethod(lambda configuration: 0)

    def predict(self, configuration):
        forecast = super().predict(configuration)
        forecast.values[:] += np.asarray(self.fault(configuration), dtype=np.float32)
        return forecast


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_contract_that_is_broken_fails(contract):
    settings = StructuralSettings(quantity="cage-distance", length=0)
    model = Faulty(settings, Workspace(threads=1)).fit([snapshot(seed, 3) for seed in (1, 2)])
    CONTRACTS[contract](model)
    if contract == "refusals":
        model.check_structure = lambda configuration: None
    else:
        model.fault = FAULTS[contract]
    with pytest.raises((AssertionError, pytest.fail.Exception, ValueError)):
        CONTRACTS[contract](model)


@pytest.mark.slow
@pytest.mark.parametrize("label", [c for c in CASES if 3 in model_class(CASES[c].name).dimensions])
def test_the_usual_sizes_of_the_field_are_trained_on_and_forecast(label):
    """N = 500 and N = 1000 at density 1.2: boxes of 7.47 and 9.41, smaller than twice a cutoff."""
    train = [snapshot(seed, 3, size) for seed, size in ((1, 500), (2, 500), (3, 500))]
    model = unfitted(label).fit(train)
    for size in (500, 1000):
        values = model.predict(snapshot(4, 3, size)).values
        assert values.shape == (2, size)
        assert np.isfinite(values).all()
