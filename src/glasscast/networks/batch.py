"""Graphs as tensors: one configuration, or several joined into one disconnected graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations, product
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glasscast.liquid.neighbours import nearest_pairs
from glasscast.networks.segments import EdgeIndex
from glasscast.networks.triplets import TripletPlan
from glasscast.structure.graphs import Graph, UnionGraph


class NetworkInput(Protocol):
    """What the training loop asks of the input of a network, whatever the network reads.

    Attributes
    ----------
    counts : particles of each configuration, in order.
    """

    @property
    def counts(self) -> tuple[int, ...]:
        """Particles of each configuration, in order."""

    @property
    def dimension(self) -> int:
        """Dimension of space."""

    def nbytes(self) -> int:
        """Memory held, for the bound of the cache."""

    def to(self, device: torch.device | str) -> Self:
        """Return a copy on a device."""

    def transformed(self, symmetry: Tensor) -> Self:
        """Apply an orthogonal (d, d) matrix that maps the box to itself."""

    @staticmethod
    def join(parts: Sequence[Any]) -> Any:
        """Put several inputs of this kind side by side as one."""


@runtime_checkable
class MovableInput(NetworkInput, Protocol):
    """Input in which single particles can be moved."""

    def jittered(self, shifts: Tensor) -> Self:
        """Move the particles by (N, d) shifts in sigma, small against the cutoff."""


@dataclass(frozen=True)
class GraphBatch:
    """What a network sees of one or more configurations.

    Parameters
    ----------
    types : (N,) int64 species.
    vectors : (E, d) float32 or float64, from the receiver to the image of the sender, in sigma.
    index : of the edges, sorted by receiver, then sender, then image.
    counts : nodes of each configuration, in order.
    triplets : of the graph, for networks that use angles.
    energies : (N,) potential energy of each particle, for networks that read it.
    displacements : (N, d), to the equilibrium positions, for networks that read those.
    equilibrium_distances : (E,), of the same pairs by their equilibrium positions.
    """

    types: Tensor
    vectors: Tensor
    index: EdgeIndex
    counts: tuple[int, ...]
    triplets: TripletPlan | None = field(default=None)
    energies: Tensor | None = field(default=None)
    displacements: Tensor | None = field(default=None)
    equilibrium_distances: Tensor | None = field(default=None)

    @property
    def owners(self) -> Tensor:
        """(N,) int64: the configuration that each node belongs to."""
        counts = torch.tensor(self.counts, device=self.types.device)
        return torch.arange(len(counts), device=counts.device).repeat_interleave(counts)

    @property
    def size(self) -> int:
        """Number of nodes N over all configurations."""
        return len(self.types)

    @property
    def dimension(self) -> int:
        """Dimension of space."""
        return self.vectors.shape[1]

    def nearest_pairs(self) -> Tensor:
        """Edge of each pair i < j to the nearest of its images: (P,) int64 edge numbers."""
        ends = self.index.receivers.cpu().numpy(), self.index.senders.cpu().numpy()
        pairs = nearest_pairs(*ends, self.vectors.double().norm(dim=1).cpu().numpy())
        return torch.from_numpy(pairs).to(self.vectors.device)

    @staticmethod
    def join(parts: Sequence[GraphBatch]) -> GraphBatch:
        """Put configurations side by side; see :func:`join_graphs`."""
        return join_graphs(parts)

    def nbytes(self) -> int:
        """Memory held, for the bound of the graph cache."""
        tensors = [self.types, self.vectors, *vars(self.index).values()]
        extras = [getattr(self, key) for key in _EXTRAS]
        tensors += [extra for extra in extras if extra is not None]
        if self.triplets is not None:
            tensors += [*self.triplets.groups, self.triplets.directions]
        return sum(t.numel() * t.element_size() for t in tensors)

    def to(self, device: torch.device | str) -> GraphBatch:
        """Return a copy on a device."""
        triplets = self.triplets
        if triplets is not None:
            groups = tuple(g.to(device) for g in triplets.groups)
            triplets = TripletPlan(groups, triplets.directions.to(device))
        extras = {key: getattr(self, key) for key in _EXTRAS}
        return GraphBatch(
            self.types.to(device),
            self.vectors.to(device),
            self.index.to(device),
            self.counts,
            triplets,
            **{k: None if v is None else v.to(device) for k, v in extras.items()},
        )

    def transformed(self, symmetry: Tensor) -> GraphBatch:
        """Apply an orthogonal (d, d) matrix to all vectors; triplets do not notice."""
        turn = symmetry.T.to(self.vectors)
        moved = None if self.displacements is None else self.displacements @ turn
        return replace(self, vectors=self.vectors @ turn, displacements=moved)

    def jittered(self, shifts: Tensor) -> GraphBatch:
        """Move the particles by (N, d) shifts in sigma, small against the cutoff.

        Edges, energies and equilibrium positions stay the same; all vectors follow.
        """
        shifts = shifts.to(self.vectors)
        vectors = self.vectors + shifts[self.index.senders] - shifts[self.index.receivers]
        triplets = self.triplets
        if triplets is not None:
            directions = torch.nn.functional.normalize(vectors, dim=1)
            triplets = replace(triplets, directions=directions.to(triplets.directions))
        moved = None if self.displacements is None else self.displacements - shifts
        return replace(self, vectors=vectors, triplets=triplets, displacements=moved)


#: Optional arrays of a graph that are moved and joined row by row.
_EXTRAS = ("energies", "displacements", "equilibrium_distances")


def batch_graph(
    graph: Graph,
    *,
    self_edges: bool = False,
    triplets: bool = False,
    energies: NDArray[np.float64] | None = None,
    dtype: torch.dtype = torch.float32,
) -> GraphBatch:
    """Turn the graph of one configuration into tensors.

    Parameters
    ----------
    graph : from :func:`~glasscast.structure.graphs.build_graph`, or of a union.
    self_edges : add an edge of zero length from each node to itself, as Bapst et al. do.
    triplets : also prepare the angles between edges; not possible with self-edges.
    energies : (N,) potential energy of each particle.
    """
    edges = graph.edges
    receivers, senders, images, vectors = (
        edges.receivers,
        edges.senders,
        edges.images,
        edges.vectors,
    )
    if self_edges:
        nodes = np.arange(graph.size)
        receivers, senders = np.append(receivers, nodes), np.append(senders, nodes)
        nothing = np.zeros((graph.size, vectors.shape[1]))
        vectors = np.concatenate([vectors, nothing])
        images = np.concatenate([images, nothing.astype(np.int64)])
        order = np.lexsort((*images.T[::-1], senders, receivers))
        receivers, senders = receivers[order], senders[order]
        images, vectors = images[order], vectors[order]
    index = EdgeIndex.from_arrays(receivers, senders, images, graph.size)
    plan = TripletPlan.build(torch.from_numpy(vectors.copy()), index) if triplets else None
    if plan is not None:
        plan = replace(plan, directions=plan.directions.to(dtype))
    extras = {"energies": energies}
    if isinstance(graph, UnionGraph):
        extras["displacements"] = graph.displacements
        extras["equilibrium_distances"] = graph.equilibrium_distances
    return GraphBatch(
        torch.from_numpy(graph.types.astype(np.int64)),
        torch.from_numpy(vectors.copy()).to(dtype),
        index,
        (graph.size,),
        plan,
        **{
            k: None if v is None else torch.from_numpy(v.copy()).to(dtype)
            for k, v in extras.items()
        },
    )


def join_graphs(graphs: Sequence[GraphBatch]) -> GraphBatch:
    """Put configurations side by side as one graph; results are the same as one by one."""
    if len(graphs) == 1:
        return graphs[0]
    nodes = np.cumsum([0, *(g.size for g in graphs)])
    edges = np.cumsum([0, *(len(g.vectors) for g in graphs)])
    shifted = list(zip(graphs, nodes.tolist(), edges.tolist(), strict=False))
    index = EdgeIndex(
        torch.cat([g.index.receivers + n for g, n, _ in shifted]),
        torch.cat([g.index.senders + n for g, n, _ in shifted]),
        torch.cat(
            [g.index.offsets[:-1] + e for g, _, e in shifted]
            + [torch.tensor([edges[-1]], device=graphs[0].types.device)]
        ),
        torch.cat([g.index.reverse + e for g, _, e in shifted]),
    )
    vectors = torch.cat([g.vectors for g in graphs])
    extras = {key: [getattr(g, key) for g in graphs] for key in _EXTRAS}
    return GraphBatch(
        torch.cat([g.types for g in graphs]),
        vectors,
        index,
        tuple(c for g in graphs for c in g.counts),
        None if graphs[0].triplets is None else TripletPlan.build(vectors, index),
        **{key: None if parts[0] is None else torch.cat(parts) for key, parts in extras.items()},
    )


def box_symmetries(dimension: int) -> Tensor:
    """All signed permutations of the axes: (48, 3, 3) octahedral group, or (8, 2, 2)."""
    matrices = []
    for order in permutations(range(dimension)):
        for signs in product((1.0, -1.0), repeat=dimension):
            matrices.append(torch.eye(dimension)[list(order)] * torch.tensor(signs))
    return torch.stack(matrices)
