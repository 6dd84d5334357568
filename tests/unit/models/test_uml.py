"""The unsupervised order parameter: crystals in closed form, and two phases told apart."""

import numpy as np
import pytest
from scipy.special import sph_harm_y

from glasscast.datasets.configuration import Configuration
from glasscast.errors import ModelError
from glasscast.models.registry import new_model
from glasscast.structure.descriptors.bond_order import averaged_bond_order

FCC = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])


def crystal(cells: int, side: float = 1.6) -> tuple[np.ndarray, np.ndarray]:
    grid = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    return ((grid + FCC).reshape(-1, 3) * side), np.full(3, cells * side)


def test_a_perfect_crystal_has_its_known_order():
    positions, box = crystal(3)
    order = averaged_bond_order(positions, box, 1.4, 6)
    np.testing.assert_allclose(order[:, 5], 0.57452, atol=1e-5)  # fcc, twelve neighbours
    np.testing.assert_allclose(order[:, 3], 0.19094, atol=1e-5)
    np.testing.assert_allclose(order[:, [0, 2, 4]], 0, atol=1e-12)  # inversion


def test_order_equals_a_loop_over_neighbours():
    rng = np.random.default_rng(0)
    box = np.full(3, 4.0)
    positions = rng.random((40, 3)) * box
    apart = positions - positions[:, None]
    apart -= box * np.round(apart / box)  # [i, j] from i to j
    distance = np.linalg.norm(apart, axis=2)
    near = (distance < 1.3) & (distance > 0)
    order = np.zeros((40, 4))
    for i in range(40):
        for degree in range(1, 5):
            polar = np.arccos(apart[i, near[i], 2] / distance[i, near[i]])
            azimuth = np.arctan2(apart[i, near[i], 1], apart[i, near[i], 0])
            total = [
                abs(sph_harm_y(degree, m, polar, azimuth).mean()) ** 2 if near[i].any() else 0.0
                for m in range(-degree, degree + 1)
            ]
            order[i, degree - 1] = np.sqrt(4 * np.pi / (2 * degree + 1) * np.sum(total))
    expected = [order[near[i] | (np.arange(40) == i)].mean(axis=0) for i in range(40)]
    np.testing.assert_allclose(averaged_bond_order(positions, box, 1.3, 4), expected, atol=1e-10)


def mixed(seed: int) -> tuple[Configuration, np.ndarray]:
    """Half of a box crystal, half disordered, the disordered half mobile; and which it is."""
    rng = np.random.default_rng(seed)
    positions, box = crystal(5)
    soft = (positions[:, 0] > box[0] / 2).astype(float)
    positions = positions + rng.normal(0, 1, positions.shape) * (0.03 + 0.22 * soft[:, None])
    labels = 0.1 + soft + rng.normal(0, 0.05, (2, len(soft)))
    made = Configuration(
        name=f"m{seed}", positions=positions % box, types=np.zeros(len(soft), dtype=np.int8),
        box=box, times=np.array([1.0, 2.0]), propensity=labels,
    )  # fmt: skip
    return made, soft


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_two_phases_are_told_apart_without_labels(seed):
    """However the labels are turned round: they decide sign and unit alone."""
    data = [mixed(k)[0] for k in (1, 2)]
    turned = [c.with_fields(propensity=-c.propensity) for c in data]
    held, soft = mixed(3)
    model, other = (new_model("uml", epochs=60).fit(d, seed=seed) for d in (data, turned))
    forecast = model.predict(held).values
    assert np.corrcoef(forecast[0], soft)[0, 1] > 0.5
    np.testing.assert_allclose(other.predict(held).values, -forecast, atol=1e-5)
    share = model.probability(held)
    assert 0 <= share.min() < 0.1
    assert 0.9 < share.max() <= 1


def test_what_looks_all_alike_is_refused():
    positions, box = crystal(2)
    alike = Configuration(
        name="c", positions=positions, types=np.zeros(len(positions), dtype=np.int8), box=box,
        times=np.ones(1), propensity=np.random.default_rng(0).random((1, len(positions))),
    )  # fmt: skip
    with pytest.raises(ModelError, match="no two kinds"):
        new_model("uml", epochs=5).fit([alike])
