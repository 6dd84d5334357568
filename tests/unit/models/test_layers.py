"""Fast operations against the plain gather-scatter form, forward and gradient, in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from glasscast.liquid.neighbours import find_neighbours
from glasscast.networks import edge_update as edge_update_module
from glasscast.networks import triplets as triplets_module
from glasscast.networks.edge_update import edge_update
from glasscast.networks.segments import EdgeIndex, add_node_parts, sum_by_receiver
from glasscast.networks.triplets import TripletPlan, triplet_convolution
from tests.plain import plain_edge_update, plain_triplet_convolution


def random_graph(size: int, density: float, seed: int) -> tuple[EdgeIndex, torch.Tensor]:
    """Any undirected graph; nodes without edges occur, and with density 0 there are no edges."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((size, size)) < density, 1)
    receivers, senders = np.nonzero(upper | upper.T)
    images = np.zeros((len(receivers), 3), dtype=np.int64)
    index = EdgeIndex.from_arrays(receivers, senders, images, size)
    vectors = torch.from_numpy(rng.normal(size=(size, size, 3)))
    vectors = (vectors - vectors.transpose(0, 1))[index.receivers, index.senders]
    return index, vectors


def crowded_graph(size: int, cutoff: float, seed: int) -> tuple[EdgeIndex, torch.Tensor]:
    """Graph of a box so small that pairs have several edges, and particles edges to themselves."""
    positions = np.random.default_rng(seed).random((size, 3))
    edges = find_neighbours(positions, np.array([0.9, 1.0, 1.1]), cutoff)
    index = EdgeIndex.from_arrays(edges.receivers, edges.senders, edges.images, size)
    return index, torch.from_numpy(edges.vectors)


graphs = st.one_of(
    st.builds(
        random_graph,
        st.integers(1, 12),
        st.sampled_from([0.0, 0.1, 0.3, 0.8]),
        st.integers(0, 2**32 - 1),
    ),
    st.builds(crowded_graph, st.integers(1, 4), st.floats(0.4, 1.2), st.integers(0, 2**32 - 1)),
)


def leaves(*shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(s, dtype=torch.float64, generator=generator).requires_grad_() for s in shapes
    ]


def assert_same(fast, plain, inputs):
    """Equal values and gradients to 1e-10 relative to their size."""
    torch.testing.assert_close(fast, plain, rtol=1e-10, atol=1e-10)
    probe = torch.randn(fast.shape, dtype=fast.dtype, generator=torch.Generator().manual_seed(1))
    kept = torch.autograd.grad((fast * probe).sum(), inputs)
    wanted = torch.autograd.grad((plain * probe).sum(), inputs)
    for got, want in zip(kept, wanted, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-10)


def test_reverse_edge_joins_the_same_pair_the_other_way():
    index, vectors = random_graph(20, 0.3, 0)
    assert torch.equal(index.senders[index.reverse], index.receivers)
    assert torch.equal(vectors[index.reverse], -vectors)


@given(graphs)
@settings(max_examples=25, deadline=None)
def test_sum_by_receiver_and_node_parts_equal_scatter(graph):
    index, _ = graph
    edges, p, q = leaves((len(index.receivers), 3), (index.size, 3), (index.size, 3))
    fast = sum_by_receiver(add_node_parts(edges * 1.0, p, q, index).tanh(), index)
    full = edges + p[index.receivers] + q[index.senders]
    plain = torch.zeros_like(p).index_add(0, index.receivers, full.tanh())
    assert_same(fast, plain, [edges, p, q])


@given(graphs, st.sampled_from(["harmonics", "linear"]))
@settings(max_examples=40, deadline=None)
def test_triplet_convolution_equals_sum_over_listed_triplets(graph, angles):
    index, vectors = graph
    count = 16 if angles == "harmonics" else 2
    edges, weights = leaves((len(index.receivers), 4), (count, 4))
    plan = TripletPlan.build(vectors, index)
    assert_same(
        triplet_convolution(edges, weights, plan, index, angles),
        plain_triplet_convolution(edges, weights, vectors, index, angles),
        [edges, weights],
    )


@given(graphs)
@settings(max_examples=25, deadline=None)
def test_edge_update_equals_concatenate_and_scatter(graph):
    index, _ = graph
    count = len(index.receivers)
    inputs = leaves((count, 4), (count, 4), *[(index.size, 4)] * 2, (4, 4), (4, 4), (4,))
    fast, plain = edge_update(*inputs, index), plain_edge_update(*inputs, index)
    assert_same(torch.cat(fast), torch.cat(plain), inputs)


@pytest.mark.parametrize("density", [0.0, 0.2, 0.9])
def test_gradcheck(density, monkeypatch):
    index, vectors = random_graph(7, density, 3)
    monkeypatch.setattr(edge_update_module, "BLOCK", 8)  # several blocks, some overfull
    monkeypatch.setattr(triplets_module, "CPU_BLOCK", 40)
    count = len(index.receivers)
    edges, weights = leaves((count, 2), (3, 2))
    plan = TripletPlan.build(vectors, index)
    assert gradcheck(lambda e, w: triplet_convolution(e, w, plan, index), (edges, weights))
    inputs = leaves((count, 3), (count, 3), *[(7, 3)] * 2, (3, 3), (3, 3), (3,))
    assert gradcheck(lambda *x: edge_update(*x, index), inputs)
    parts = leaves((count, 3), (7, 3), (7, 3))
    assert gradcheck(lambda e, p, q: add_node_parts(e * 1.0, p, q, index), parts)
    assert gradcheck(lambda e: sum_by_receiver(e, index), parts[:1])


def test_blocks_do_not_change_the_result(monkeypatch):
    index, vectors = random_graph(30, 0.4, 5)
    edges, weights = leaves((len(index.receivers), 4), (16, 4))
    plan = TripletPlan.build(vectors, index)
    whole = triplet_convolution(edges, weights, plan, index)
    monkeypatch.setattr(triplets_module, "CPU_BLOCK", 1)
    torch.testing.assert_close(triplet_convolution(edges, weights, plan, index), whole)
