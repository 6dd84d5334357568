"""Models see all periodic images: a box and the same box repeated have the same descriptors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasscast.datasets.configuration import Configuration
from glasscast.errors import ShapeError
from glasscast.liquid.box import wrap
from glasscast.liquid.definition import diameters, load_liquid
from glasscast.liquid.neighbours import find_neighbours, nearest_pairs
from glasscast.models.glass_mlp.loss import ring_correlation, ring_weights
from glasscast.networks.batch import batch_graph
from glasscast.structure.descriptors.coarse_graining import coarse_grain
from glasscast.structure.descriptors.physics import PhysicsDescriptors
from glasscast.structure.descriptors.shell_averages import averaging_matrix, generations
from glasscast.structure.descriptors.shells import ShellDescriptors
from glasscast.structure.descriptors.structure_functions import StructureFunctions
from glasscast.structure.descriptors.voronoi import voronoi_cells
from glasscast.structure.graphs import build_graph, build_union_graph
from tests.conftest import repeated

#: Rounding of double precision in sums of up to some thousand terms, of the largest value.
ROUNDING = 1e-10


def jittered(box: np.ndarray, seed: int) -> Configuration:
    """About one particle per unit of volume, off a lattice that fits the box."""
    rng = np.random.default_rng(seed)
    counts = np.maximum(np.round(box), 1)
    grid = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), -1).reshape(-1, len(box))
    positions = (grid + 0.5 + rng.uniform(-0.25, 0.25, grid.shape)) * box / counts
    return Configuration(
        name="small",
        positions=positions,
        types=(rng.random(len(positions)) < 0.3).astype(np.int8),
        box=box,
        inherent=wrap(positions + rng.normal(0, 0.1, positions.shape), box),
    )


@st.composite
def small_liquids(draw) -> Configuration:
    """A liquid in a box of unequal sides, from a single particle on."""
    longest = draw(st.sampled_from([(7.0, 7.0), (3.7, 3.7, 3.7)]))
    # The factor keeps lattice vectors off the cutoffs, where rounding decides what is inside.
    box = np.array([draw(st.floats(0.8, side)) for side in longest]) * 1.0137211
    return jittered(box, draw(st.integers(0, 2**32 - 1)))


def described(c: Configuration, own: np.ndarray) -> dict[str, np.ndarray]:
    """What models on descriptors read, (N, ...) each; coarse-grained are two ``own`` numbers."""
    state = (c.positions, c.types, c.box)
    liquid = load_liquid("ka" if c.dimension == 3 else "ka2d")
    shells = ShellDescriptors(2).compute(*state)
    return {
        "shells": shells,
        "averages": generations(shells, averaging_matrix(c.positions, c.box, 2.3), 2),
        "structure functions": StructureFunctions(2, angular_cutoff=2.0).compute(*state),
        "energies": liquid.energies(*state),
        "forces": liquid.forces(*state),
        "coarse-grained": PhysicsDescriptors(2).compute(*state, *own.T),
    }


@settings(max_examples=10, deadline=None)
@given(small_liquids())
def test_descriptors_equal_those_of_the_box_repeated(small):
    own = np.cos(np.arange(2.0 * small.size)).reshape(-1, 2)
    big = repeated(small)
    count = big.size // small.size
    once, again = described(small, own), described(big, np.tile(own, (count, 1)))
    for name, values in once.items():
        expected = again[name].reshape(count, *values.shape)
        atol = ROUNDING * max(1.0, np.abs(values).max())
        for copy in (expected[0], expected[-1]):
            np.testing.assert_allclose(values, copy, rtol=0, atol=atol, err_msg=name)


@settings(max_examples=10, deadline=None)
@given(small_liquids())
def test_voronoi_cells_equal_those_of_the_box_repeated(small):
    pytest.importorskip("pyvoro2")
    radii = diameters(small.types, "ka") / 2
    big = repeated(small)
    once = voronoi_cells(small.positions, small.box, radii)
    again = voronoi_cells(big.positions, big.box, np.tile(radii, big.size // small.size))
    np.testing.assert_allclose(once.volume, again.volume[: small.size], rtol=1e-9)
    np.testing.assert_allclose(once.surface, again.surface[: small.size], rtol=1e-9)
    assert once.volume.sum() == pytest.approx(np.prod(small.box))


def edge_table(graph, size: int) -> np.ndarray:
    """Receiver, sender, vector and more of the edges into the first particles, in one order."""
    edges = graph.edges
    columns = [edges.receivers, edges.senders % size, edges.vectors, edges.distances]
    if hasattr(graph, "equilibrium_distances"):
        columns.append(graph.equilibrium_distances)
    table = np.column_stack(columns)[edges.receivers < size]
    return table[np.lexsort(np.round(table.T[::-1], 6))]


@settings(max_examples=25, deadline=None)
@given(small_liquids(), st.floats(0.5, 3.0))
def test_graphs_equal_those_of_the_box_repeated(small, cutoff):
    big = repeated(small)
    for once, again in (
        (build_graph(small, cutoff), build_graph(big, cutoff)),
        (build_union_graph(small, cutoff, "inherent"), build_union_graph(big, cutoff, "inherent")),
    ):
        expected = edge_table(again, small.size)
        np.testing.assert_allclose(edge_table(once, small.size), expected, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(small_liquids(), st.floats(0.5, 3.0), st.booleans())
def test_every_edge_knows_its_image_and_has_a_reverse(small, cutoff, self_edges):
    for graph in (build_graph(small, cutoff), build_union_graph(small, cutoff, "inherent")):
        edges = graph.edges
        apart = small.positions[edges.senders] - small.positions[edges.receivers]
        np.testing.assert_allclose(edges.vectors, apart + edges.images * small.box, atol=1e-9)
        batch = batch_graph(graph, self_edges=self_edges)
        back = batch.index.reverse
        assert (batch.index.senders[back] == batch.index.receivers).all()
        np.testing.assert_allclose(batch.vectors[back], -batch.vectors, atol=1e-5)


def test_edges_of_a_single_particle_lead_to_its_images():
    lone = jittered(np.array([1.0, 1.0]), 0)
    edges = find_neighbours(lone.positions, lone.box, 1.2)
    assert edges.images.tolist() == [[-1, 0], [0, -1], [0, 1], [1, 0]]
    assert edges.receivers.tolist() == edges.senders.tolist() == [0] * 4
    assert len(nearest_pairs(edges.receivers, edges.senders, edges.distances)) == 0


@settings(max_examples=25, deadline=None)
@given(small_liquids(), st.floats(0.5, 3.0))
def test_the_nearest_image_of_each_pair_is_found_once(small, cutoff):
    edges = find_neighbours(small.positions, small.box, cutoff)
    chosen = nearest_pairs(edges.receivers, edges.senders, edges.distances)
    apart = small.positions[None] - small.positions[:, None]
    nearest = np.linalg.norm(apart - small.box * np.round(apart / small.box), axis=2)
    i, j = np.nonzero(np.triu(nearest < cutoff, 1))
    np.testing.assert_array_equal(edges.receivers[chosen], i)
    np.testing.assert_array_equal(edges.senders[chosen], j)
    np.testing.assert_allclose(edges.distances[chosen], nearest[i, j], atol=1e-12)


def test_correlations_of_the_mobility_equal_those_of_the_box_repeated():
    small = jittered(np.array([3.0, 4.0, 5.0]), 1)
    big = repeated(small)
    import torch

    mobility = torch.from_numpy(np.cos(np.arange(small.size))).float()[:, None]
    once = ring_correlation(mobility, ring_weights(small.positions, small.box, (1.0, 3.0)))
    rings = ring_weights(big.positions, big.box, (1.0, 3.0))
    again = ring_correlation(mobility.tile(big.size // small.size, 1), rings)
    np.testing.assert_allclose(once, again, atol=1e-5)


def test_units_that_crowd_the_box_are_refused():
    box = np.full(3, 0.01)
    positions, types = np.full((5, 3), 0.001), np.zeros(5, np.int8)
    for look in (
        lambda: find_neighbours(positions, box, 2.0),
        lambda: ShellDescriptors(1).compute(positions, types, box),
        lambda: coarse_grain(positions, types, box, np.ones((5, 1)), [1.0], 1),
    ):
        with pytest.raises(ShapeError, match=r"check the units of positions and box"):
            look()
