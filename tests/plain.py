"""The plain gather-scatter forms that the fast operations must equal; benchmarks use them too."""

import math

import numpy as np
import torch
from torch import Tensor

from glasscast.networks.segments import EdgeIndex


def triplets(index: EdgeIndex) -> tuple[Tensor, Tensor]:
    """All pairs of edges (i <- j), (j <- k) but back to i: two (T,) arrays of edge numbers."""
    degrees = index.offsets.diff()[index.senders]
    first = torch.arange(len(index.receivers)).repeat_interleave(degrees)
    within = torch.arange(len(first)) - torch.repeat_interleave(
        degrees.cumsum(0) - degrees, degrees
    )
    second = index.offsets[index.senders[first]] + within
    keep = second != index.reverse[first]  # another image of i is another neighbour of j
    return first[keep], second[keep]


def angles_of(vectors: Tensor, first: Tensor, second: Tensor) -> Tensor:
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    return (unit[first] * unit[second]).sum(1).clamp(-1, 1)


def zonal_harmonics(cosines: Tensor, count: int) -> Tensor:
    """Y_l0, l = 1..count, from the unnormalised Legendre recurrence: (T, count)."""
    previous, current, columns = torch.ones_like(cosines), cosines, []
    for degree in range(1, count + 1):
        columns.append(math.sqrt((2 * degree + 1) / (4 * math.pi)) * current)
        previous, current = (
            current,
            ((2 * degree + 1) * cosines * current - degree * previous) / (degree + 1),
        )
    return torch.stack(columns, 1)


def plain_triplet_convolution(edges, weights, vectors, index, angles="harmonics") -> Tensor:
    first, second = triplets(index)
    cosines = angles_of(vectors.to(edges.dtype), first, second)
    if angles == "harmonics":
        basis = zonal_harmonics(cosines, len(weights))
    else:
        basis = torch.stack([torch.ones_like(cosines), cosines.acos()], 1)
    messages = (basis @ weights) * edges[second]
    return torch.zeros_like(edges).index_add(0, first, messages)


def plain_edge_update(edges, constant, p, q, first, second, bias, index) -> tuple[Tensor, Tensor]:
    joined = torch.cat([edges, p[index.receivers], q[index.senders]], 1)
    eye = torch.eye(first.shape[0], dtype=first.dtype)
    hidden = (joined @ torch.cat([first, eye, eye], 1).T + constant).relu()
    updated = (hidden @ second.T + bias).relu()
    return updated, torch.zeros_like(p).index_add(0, index.receivers, updated)


def lattice(side: int, rng: np.random.Generator, spacing: float = 0.94, dimension: int = 3):
    """Disordered simple cubic or square crystal: positions (side^d, d) and box."""
    axes = [np.arange(side)] * dimension
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, dimension)
    box = np.full(dimension, side * spacing)
    return (grid * spacing + rng.normal(0, 0.08, grid.shape)) % box, box


def plain_botan(network, graph) -> tuple[Tensor, Tensor | None]:
    """The network of models/botan.py by concatenation on edges and scatter to nodes."""
    index = graph.index
    node0 = network.encode_node(graph.types.to(graph.vectors.dtype).unsqueeze(1))
    edge0 = network.encode_edge(-graph.vectors)
    node, edge = node0, edge0
    for _ in range(network.rounds):
        seen = torch.cat([node, node0], 1) if network.node_inputs == 2 else node
        edge = network.update_edge(
            torch.cat([edge, edge0, seen[index.receivers], seen[index.senders]], 1)
        )
        total = torch.zeros_like(node).index_add(0, index.receivers, edge)
        node = network.update_node(torch.cat([node, node0, total], 1))
    edges = (network.decode_edge or network.decode)(edge) if network.forecasts_edges else None
    return network.decode(node), edges


def plain_geo(network, graph, first: Tensor, cosines: Tensor, second: Tensor) -> Tensor:
    """Default network of models/geo_gnn.py with all triplets listed: eqs. 3-12 as printed."""
    silu, i, j = torch.nn.functional.silu, graph.index.receivers, graph.index.senders

    def to_nodes(edges: Tensor) -> Tensor:
        return edges.new_zeros(graph.size, edges.shape[1]).index_add(0, i, edges)

    embed, gather = network.embed, network.aggregate
    distance = graph.vectors.norm(dim=1, keepdim=True)
    radial = torch.exp(-embed.beta * (distance - embed.centres.to(distance)) ** 2)
    z = embed.types[graph.types[i] * embed.species + graph.types[j]]
    edge0 = edge = silu(embed.mix(torch.cat([z, radial], 1)))
    basis = zonal_harmonics(cosines, len(network.layers[0].angle)) if len(network.layers) else None
    for layer in network.layers:
        messages = (basis @ layer.angle) * layer.neighbour(edge)[second]
        m = torch.zeros_like(edge).index_add(0, first, messages)
        edge = silu(layer.mix(torch.cat([silu(layer.own(edge)), m], 1)))
    node = to_nodes(torch.tanh(gather.attend_radial(radial)) * gather.value_radial(edge0))
    x = torch.cat([node[i], edge, node[j]], 1)
    node = silu(to_nodes(torch.tanh(gather.attend(x)) * silu(gather.value(x))))
    pair = torch.cat([node[i], node[i] - node[j]], 1)
    return network.readout(to_nodes(gather.out(silu(gather.difference(pair)))))


def plain_released_geo(network, graph, first: Tensor, cosines: Tensor, second: Tensor) -> Tensor:
    """Network of models/geo_gnn/released.py with all triplets listed, in evaluation mode."""
    silu, i, j = torch.nn.functional.silu, graph.index.receivers, graph.index.senders

    def to_nodes(edges: Tensor) -> Tensor:
        return edges.new_zeros(graph.size, edges.shape[1]).index_add(0, i, edges)

    distance = graph.vectors.norm(dim=1, keepdim=True)
    radial = torch.exp(-network.beta * (distance - network.centres.to(distance)) ** 2)
    kind = network.types[graph.types[j] * network.species + graph.types[i]]
    edge = silu(network.embed(torch.cat([kind, silu(network.distance(radial))], 1)))
    attention = torch.tanh(network.attend_radial(radial))
    node = silu(to_nodes(silu(network.value_radial(edge)) * attention))
    count = network.layers[0].first.in_features
    lone = torch.full_like(cosines, 1 / math.sqrt(4 * math.pi)).unsqueeze(1)
    basis = torch.cat([lone, zonal_harmonics(cosines, count - 1)], 1)
    for layer in network.layers:
        incoming = silu(layer.down(edge))
        messages = layer.second(layer.first(basis)) * incoming[second]
        m = torch.zeros_like(incoming).index_add(0, first, messages)
        edge = edge + silu(layer.mix(torch.cat([edge, silu(layer.up(m))], 1)))
    z = torch.cat([node[i], node[j], edge], 1)
    node = silu(to_nodes(network.attend(z).tanh() * silu(network.value(z))) + network.own(node))
    pair = network.difference(torch.cat([node[i], node[j] - node[i]], 1))
    pair = network.out(network.difference_norm(pair).relu())
    node = silu(to_nodes(pair) / graph.index.offsets.diff().clamp(min=1).unsqueeze(1))
    return network.readout(network.hidden_norm(network.hidden(node)).relu())
