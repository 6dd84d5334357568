"""The first edge pass of an EIGNN layer, done block by block in both directions.

Tensors have one channel: (L + 1)^2 numbers, see :mod:`glasscast.networks.basis`. On edges
they lie with one row a component, (M, E): products with so few columns take a third of the time
that way. On CPUs a block of edges stays in the cache from its first product to its sum at the
receivers; what is kept for the backward pass is one hidden array of E rows a pass. Gathers are
``index_select``, which is five times faster than indexing by a tensor. Elsewhere, and wherever
mixed precision is on, the plain forms are used, which are also what the tests compare with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear, silu

from glasscast.networks.basis import degree_of_components
from glasscast.networks.segments import (
    EdgeIndex,
    node_blocks,
    segment_sum,
    sender_sum,
    sum_by_receiver,
)

#: Edges worked on at a time: a few arrays of 32 float32 features then fit the cache of a core.
BLOCK = 4096


@dataclass(frozen=True)
class EdgeGeometry:
    """What a layer reads of the edges; the same in all layers.

    Parameters
    ----------
    invariants : (E, K), without gradient; the last column is ones, in place of a bias.
    harmonics : (M, E), of the direction of each edge, M = (L + 1)^2.
    degrees : (L + 1, M) indicator of the components of each l.
    index : of the edges.
    """

    invariants: Tensor
    harmonics: Tensor
    degrees: Tensor
    index: EdgeIndex

    @classmethod
    def build(
        cls, invariants: Tensor, harmonics: Tensor, index: EdgeIndex, degree: int
    ) -> EdgeGeometry:
        """Join invariants (E, K - 1), harmonics (E, M) up to a degree, and index."""
        ones = invariants.new_ones(len(invariants), 1)
        degrees = degree_of_components(degree).to(invariants)
        rows = harmonics.T.contiguous()
        return cls(torch.cat([invariants, ones], 1), rows, degrees, index)


def in_blocks(like: Tensor) -> bool:
    """Whether blocks of edges are faster than whole arrays there: on CPUs, in full precision."""
    return like.device.type == "cpu" and not torch.is_autocast_enabled("cpu")


def tensor_messages(
    receiver_part: Tensor,
    sender_part: Tensor,
    first: Tensor,
    second: Tensor,
    bias: Tensor,
    geometry: EdgeGeometry,
) -> tuple[Tensor, Tensor]:
    r"""Weights of the harmonics on each edge, and the sum of the weighted harmonics.

    .. math:: w_{ij} = \sigma(W_2\, \sigma(W_1 e_{ij} + p_i + q_j) + b), \qquad
        \tilde m_i^{(l)} = \sum_j w_{ij}^l\, Y^{(l)}(\hat r_{ij})

    with sigma = SiLU: eqs. 7-9 of Jiang et al. (2024).

    Parameters
    ----------
    receiver_part, sender_part : (N, F), p and q: the shares of the nodes in the first layer.
    first : (F, K), W_1 on the invariants of an edge, its bias in the last column.
    second, bias : (L + 1, F) and (L + 1,).

    Returns
    -------
    (L + 1, E) weights and (N, M) sums.
    """
    if in_blocks(first):
        keep = torch.is_grad_enabled()
        result: tuple[Tensor, Tensor] = _TensorMessages.apply(  # type: ignore[no-untyped-call]
            receiver_part, sender_part, first, second, bias, geometry, keep
        )
        return result
    return plain_tensor_messages(receiver_part, sender_part, first, second, bias, geometry)


def plain_tensor_messages(
    receiver_part: Tensor,
    sender_part: Tensor,
    first: Tensor,
    second: Tensor,
    bias: Tensor,
    geometry: EdgeGeometry,
) -> tuple[Tensor, Tensor]:
    """:func:`tensor_messages` from plain operations."""
    index = geometry.index
    hidden = linear(geometry.invariants, first)
    hidden = hidden + receiver_part[index.receivers] + sender_part[index.senders]
    weights = silu(linear(silu(hidden), second, bias)).T
    spread = geometry.degrees.to(weights).T @ weights
    return weights, sum_by_receiver((spread * geometry.harmonics).T, index)


class _TensorMessages(Function):
    @staticmethod
    def forward(
        ctx: Any,
        receiver_part: Tensor,
        sender_part: Tensor,
        first: Tensor,
        second: Tensor,
        bias: Tensor,
        geometry: EdgeGeometry,
        keep: bool,
    ) -> tuple[Tensor, Tensor]:
        index, edges = geometry.index, len(geometry.invariants)
        hidden = first.new_empty(edges, len(first)) if keep else None
        raw = first.new_empty(len(second), edges)  # of the weights, before SiLU
        weights = torch.empty_like(raw)
        sums = first.new_empty(index.size, len(geometry.harmonics))
        by_degree = geometry.degrees.T.contiguous()
        for nodes, rows, local, offsets in node_blocks(index, BLOCK):
            into = None if hidden is None else hidden[rows]
            z = torch.mm(geometry.invariants[rows], first.T, out=into)
            z += receiver_part.index_select(0, index.receivers[rows])
            z += sender_part.index_select(0, index.senders[rows])
            u = torch.mm(second, silu(z).T).add_(bias.unsqueeze(1))
            raw[:, rows] = u
            weights[:, rows] = w = silu(u)
            messages = (by_degree @ w).mul_(geometry.harmonics[:, rows])
            sums[nodes] = segment_sum(messages.T.contiguous(), local, offsets)
        ctx.geometry = geometry
        if hidden is not None:
            ctx.save_for_backward(hidden, raw, first, second)
        return weights, sums

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_weights: Tensor, grad_sums: Tensor) -> tuple[Tensor | None, ...]:
        hidden, raw, first, second = ctx.saved_tensors
        geometry: EdgeGeometry = ctx.geometry
        index = geometry.index
        grad_hidden = torch.empty_like(hidden)
        grad_receivers = hidden.new_empty(index.size, hidden.shape[1])
        grad_first, grad_second = torch.zeros_like(first.T), torch.zeros_like(second)
        grad_bias = second.new_zeros(len(second))
        upper_sums = grad_sums.T.contiguous()
        for nodes, rows, local, offsets in node_blocks(index, BLOCK):
            upper = upper_sums.index_select(1, index.receivers[rows])
            upper *= geometry.harmonics[:, rows]
            upper = torch.addmm(grad_weights[:, rows], geometry.degrees, upper)
            upper = torch.ops.aten.silu_backward(upper, raw[:, rows])
            z = hidden[rows]
            gate = z.sigmoid()
            active = z * gate
            grad_bias += upper.sum(1)
            grad_second.addmm_(upper, active)
            # The slope of SiLU: s + z s (1 - s).
            slope = gate.add_(active).sub_(active.mul_(gate.sub(active)))
            lower = torch.mm(upper.T, second, out=grad_hidden[rows]).mul_(slope)
            grad_first.addmm_(geometry.invariants[rows].T, lower)
            grad_receivers[nodes] = segment_sum(lower, local, offsets)
        grad_senders = sender_sum(grad_hidden, index)
        return grad_receivers, grad_senders, grad_first.T, grad_second, grad_bias, None, None
