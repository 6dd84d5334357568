"""Between nodes and edges: gathers, and sums over the edges of a node without scatter.

Edges are sorted by receiver, sender and image, and each has one of the opposite direction. So the
edges into a node are one slice, and the edges out of it are the reverses of that slice: both sums
are sums over segments, in a fixed order, hence reproducible, also on GPUs. ``embedding_bag`` is
the kernel: on (166 000, 64) float32 it takes 1.0 ms, ``index_add_`` 2 (receivers) to 8 ms
(senders), a sparse CSR product 4 to 6 ms, ``segment_reduce`` 8.5 ms (one core, memory already
mapped).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import embedding_bag

from glasscast.errors import ShapeError


@dataclass(frozen=True)
class EdgeIndex:
    """Which nodes each edge joins, sorted by receiver, then sender, then image.

    Parameters
    ----------
    receivers, senders : (E,) int64.
    offsets : (N + 1,) int64; the edges into node i are ``offsets[i]:offsets[i + 1]``.
    reverse : (E,) int64, the edge of the opposite direction; a self-edge is its own.
    """

    receivers: Tensor
    senders: Tensor
    offsets: Tensor
    reverse: Tensor

    @classmethod
    def from_arrays(
        cls,
        receivers: NDArray[np.int64],
        senders: NDArray[np.int64],
        images: NDArray[np.int64],
        size: int,
    ) -> Self:
        """Index edges that are sorted by receiver, sender and image, among ``size`` nodes.

        Parameters
        ----------
        receivers, senders, images : as in :class:`~glasscast.liquid.neighbours.Neighbours`.
        size : number of nodes N.

        Raises
        ------
        ShapeError : if they are not sorted, or an edge lacks the one of the opposite direction.
        """
        offsets = np.searchsorted(receivers, np.arange(size + 1)).astype(np.int64)
        keys = np.column_stack([receivers, senders, images])
        back = np.column_stack([senders, receivers, -images])
        reverse = np.lexsort(back.T[::-1]).astype(np.int64)
        once = np.diff(keys, axis=0).any(axis=1).all()
        # What equals something sorted is sorted.
        if not once or not np.array_equal(back[reverse], keys):
            raise ShapeError(
                "edges must be sorted by receiver, then sender, then image, and hold both "
                "directions of every pair once"
            )
        arrays = (receivers, senders, offsets, reverse)
        return cls(*(torch.from_numpy(np.array(a, dtype=np.int64)) for a in arrays))

    @property
    def size(self) -> int:
        """Number of nodes N."""
        return len(self.offsets) - 1

    def to(self, device: torch.device | str) -> EdgeIndex:
        """Return a copy on a device."""
        return EdgeIndex(*(getattr(self, f.name).to(device) for f in fields(self)))


def segment_sum(values: Tensor, order: Tensor, offsets: Tensor) -> Tensor:
    """Sum ``values[order[a:b]]`` for successive offsets a, b: (E, F) -> (N, F), no gradient."""
    if len(values) == 0:
        return values.new_zeros(len(offsets) - 1, values.shape[1])
    return embedding_bag(order, values, offsets, mode="sum", include_last_offset=True)


def node_blocks(index: EdgeIndex, limit: int) -> Iterator[tuple[slice, slice, Tensor, Tensor]]:
    """Cut a graph into runs of whole nodes with at most ``limit`` edges into them.

    Yields slices of the nodes and of their edges, edge numbers and offsets within the block, for
    :func:`segment_sum`. A node of more edges than the limit is a block.
    """
    offsets = index.offsets
    start, local = 0, torch.arange(min(limit, len(index.receivers)))
    while start < index.size:
        low = int(offsets[start])
        end = int(torch.searchsorted(offsets, torch.tensor(low + limit), right=True)) - 1
        end = min(max(end, start + 1), index.size)
        high = int(offsets[end])
        if high - low > len(local):
            local = torch.arange(high - low)
        yield (
            slice(start, end),
            slice(low, high),
            local[: high - low],
            offsets[start : end + 1] - low,
        )
        start = end


def receiver_sum(values: Tensor, index: EdgeIndex) -> Tensor:
    """Sum over the edges into each node: (E, F) -> (N, F), no gradient."""
    order = torch.arange(len(values), device=values.device)
    return segment_sum(values, order, index.offsets)


def sender_sum(values: Tensor, index: EdgeIndex) -> Tensor:
    """Sum over the edges out of each node: (E, F) -> (N, F), no gradient."""
    return segment_sum(values, index.reverse, index.offsets)


class _SumByReceiver(Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, index: EdgeIndex) -> Tensor:
        ctx.index = index
        return receiver_sum(values, index)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad[ctx.index.receivers], None


class _NeighbourMean(Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, index: EdgeIndex) -> Tensor:
        ctx.index = index
        return segment_sum(values, index.senders, index.offsets) / neighbour_counts(index, values)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        # What a node received is what it sends back, each share over the receiver's degree.
        index: EdgeIndex = ctx.index
        grad = grad / neighbour_counts(index, grad)
        return segment_sum(grad, index.senders, index.offsets), None


def neighbour_counts(index: EdgeIndex, like: Tensor) -> Tensor:
    """Neighbours of each node (N, 1), 1 for none, in the type and place of another tensor."""
    return index.offsets.diff().clamp(min=1).unsqueeze(1).to(like)


class _AddNodeParts(Function):
    @staticmethod
    def forward(
        ctx: Any, edge_part: Tensor, receiver_part: Tensor, sender_part: Tensor, index: EdgeIndex
    ) -> Tensor:
        ctx.index = index
        ctx.mark_dirty(edge_part)
        edge_part += receiver_part[index.receivers]
        edge_part += sender_part[index.senders]
        return edge_part

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        grad = grad.contiguous()
        return grad, receiver_sum(grad, ctx.index), sender_sum(grad, ctx.index), None


def sum_by_receiver(values: Tensor, index: EdgeIndex) -> Tensor:
    """Sum over the edges into each node: (E, F) -> (N, F); a node without edges gets 0."""
    result: Tensor = _SumByReceiver.apply(values, index)  # type: ignore[no-untyped-call]
    return result


def neighbour_mean(values: Tensor, index: EdgeIndex) -> Tensor:
    """Mean of the neighbours' rows: (N, F) -> (N, F), no array of E rows; 0 without neighbours."""
    result: Tensor = _NeighbourMean.apply(values, index)  # type: ignore[no-untyped-call]
    return result


def add_node_parts(
    edge_part: Tensor, receiver_part: Tensor, sender_part: Tensor, index: EdgeIndex
) -> Tensor:
    r"""First layer of an edge MLP from its three parts.

    .. math:: W [h_e \Vert h_i \Vert h_j] = W_e h_e + (W_r h)_i + (W_s h)_j

    The node parts are multiplied on N nodes and gathered, not on the ~40 N edges.

    Parameters
    ----------
    edge_part : (E, F), ``W_e h_e``, overwritten by the result; must not be a leaf.
    receiver_part, sender_part : (N, F), ``W_r h`` and ``W_s h``.

    Returns
    -------
    (E, F).
    """
    result: Tensor = _AddNodeParts.apply(  # type: ignore[no-untyped-call]
        edge_part, receiver_part, sender_part, index
    )
    return result
