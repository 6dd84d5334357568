import numpy as np

from glasscast.structure.graphs import build_graph
from tests.conftest import labelled


def test_the_reverse_of_an_edge_joins_the_same_pair_the_other_way():
    graph = build_graph(labelled(np.random.default_rng(0), "a"), 1.6)
    back = graph.reverse()
    edges = graph.edges
    np.testing.assert_array_equal(edges.senders[back], edges.receivers)
    np.testing.assert_array_equal(edges.receivers[back], edges.senders)
    np.testing.assert_allclose(edges.vectors[back], -edges.vectors, atol=1e-12)
    assert graph.size == 200
