from __future__ import annotations

import numpy as np
import pytest

from glasscast.liquid.correlations import bond_order, self_intermediate_scattering


def test_scattering_of_gaussian_displacements(rng):
    spread = np.array([0.05, 0.1, 0.3])
    moved = rng.normal(size=(3, 40000, 3)) * spread[:, None, None]
    expected = np.exp(-0.5 * (2 * np.pi * spread) ** 2)
    np.testing.assert_allclose(self_intermediate_scattering(moved, 2 * np.pi), expected, atol=0.01)


def test_scattering_starts_at_one_and_keeps_its_rank():
    assert self_intermediate_scattering(np.zeros((1, 5, 2)), 1.0).tolist() == [1.0]


def fcc(side, spacing):
    basis = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    grid = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    return (grid + basis).reshape(-1, 3) * spacing, np.full(3, side * spacing)


def test_bond_order_of_fcc_is_the_textbook_value():
    positions, box = fcc(4, 1.5)  # neighbours at 1.06, next at 1.5
    assert bond_order(positions, box) == pytest.approx(0.57452, abs=1e-5)


def test_bond_order_of_a_hexagonal_layer_is_one_and_of_a_gas_near_zero(rng):
    rows, columns = np.meshgrid(np.arange(8), np.arange(8), indexing="ij")
    positions = np.stack([columns + 0.5 * (rows % 2), rows * np.sqrt(3) / 2], -1).reshape(-1, 2)
    box = np.array([8, 8 * np.sqrt(3) / 2])
    assert bond_order(positions, box) == pytest.approx(1)
    gas = rng.uniform(0, 12, size=(1000, 3))
    assert bond_order(gas, np.full(3, 12.0)) < 0.1


def test_bond_order_without_bonds_is_nan():
    assert np.isnan(bond_order(np.array([[1.0, 1, 1]]), np.full(3, 5.0)))
