"""The two edge passes of an EIGNN layer, each done block by block in both directions.

Tensors have one channel: (L + 1)^2 numbers, see :mod:`glasscast.models.layers.harmonics`. An edge
is read from ``edges`` (E, K), its invariants, which need no gradient; a last column of ones takes
the place of a bias. On CPUs a block of edges stays in the cache from its first product to its sum
at the receivers; what is kept for the backward pass is one hidden array of E rows a pass.
Elsewhere, and wherever mixed precision is on, the plain forms are used, which are also what the
tests compare with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear, silu

from glasscast.models.layers.harmonics import degree_of_components
from glasscast.models.layers.segments import (
    EdgeIndex,
    node_blocks,
    segment_sum,
    sum_by_receiver,
    sum_by_sender,
)

#: Edges worked on at a time: a few arrays of 32 float32 features then fit the cache of a core.
BLOCK = 4096


@dataclass(frozen=True)
class EdgeGeometry:
    """What a layer reads of the edges; the same in all layers.

    Parameters
    ----------
    invariants : (E, K), the last column ones.
    harmonics : (E, M), of the direction of each edge, M = (L + 1)^2.
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
        """Join invariants without their column of ones, harmonics up to a degree, and index."""
        ones = invariants.new_ones(len(invariants), 1)
        degrees = degree_of_components(degree).to(invariants)
        return cls(torch.cat([invariants, ones], 1), harmonics, degrees, index)


def _in_blocks(like: Tensor) -> bool:
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
    (E, L + 1) weights and (N, M) sums.
    """
    if _in_blocks(first):
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
    weights = silu(linear(silu(hidden), second, bias))
    spread = weights @ geometry.degrees.to(weights)
    return weights, sum_by_receiver(spread * geometry.harmonics, index)


def gated_messages(
    weights: Tensor | None,
    tensors: Tensor | None,
    values: Tensor,
    gate: Tensor,
    by_projection: Tensor | None,
    by_difference: Tensor | None,
    geometry: EdgeGeometry,
) -> Tensor:
    r"""Sum of the neighbours' values, each behind a gate that reads tensors as scalars.

    .. math::
        \alpha^{0,l}_{ij} = \frac{w_{ij}^l\, Y^{(l)}(\hat r_{ij}) \cdot \tilde h_j^{(l)}}
        {\sqrt{2l + 1}}, \qquad
        \alpha^{1,l}_{ij} = \Vert \tilde h_i^{(l)} - \tilde h_j^{(l)} \Vert^2

        s_i = \sum_j \mathrm{sigmoid}(W_e e_{ij} + W_0 \alpha^0_{ij} + W_1 \alpha^1_{ij})
        \odot v_j

    Eqs. 14-18 of Jiang et al. (2024), with the tensor of the sender in eq. 14, as their released
    network has it.

    Parameters
    ----------
    weights : (E, L + 1) of :func:`tensor_messages`; may be None when ``by_projection`` is.
    tensors : (N, M), h; may be None when both matrices are.
    values : (N, F), v.
    gate : (F, K), W_e, its bias in the last column.
    by_projection, by_difference : (F, L + 1), W_0 and W_1; None leaves the term out.

    Returns
    -------
    (N, F).
    """
    if _in_blocks(values):
        keep = torch.is_grad_enabled()
        result: Tensor = _GatedMessages.apply(  # type: ignore[no-untyped-call]
            weights, tensors, values, gate, by_projection, by_difference, geometry, keep
        )
        return result
    return plain_gated_messages(
        weights, tensors, values, gate, by_projection, by_difference, geometry
    )


def plain_gated_messages(
    weights: Tensor | None,
    tensors: Tensor | None,
    values: Tensor,
    gate: Tensor,
    by_projection: Tensor | None,
    by_difference: Tensor | None,
    geometry: EdgeGeometry,
) -> Tensor:
    """:func:`gated_messages` from plain operations."""
    index, degrees = geometry.index, geometry.degrees.to(values)
    z = linear(geometry.invariants, gate)
    if by_projection is not None:
        assert weights is not None
        assert tensors is not None
        dots = (geometry.harmonics * tensors[index.senders]) @ degrees.T
        z = z + linear(weights * dots / degrees.sum(1).sqrt(), by_projection)
    if by_difference is not None:
        assert tensors is not None
        difference = tensors[index.receivers] - tensors[index.senders]
        z = z + linear(difference.square() @ degrees.T, by_difference)
    return sum_by_receiver(z.sigmoid() * values[index.senders], index)


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
        raw = first.new_empty(edges, len(second))
        weights = torch.empty_like(raw)
        sums = first.new_empty(index.size, geometry.harmonics.shape[1])
        for nodes, rows, local, offsets in node_blocks(index, BLOCK):
            into = None if hidden is None else hidden[rows]
            z = torch.mm(geometry.invariants[rows], first.T, out=into)
            z += receiver_part[index.receivers[rows]]
            z += sender_part[index.senders[rows]]
            u = torch.addmm(bias, silu(z), second.T, out=raw[rows])
            weights[rows] = w = silu(u)
            sums[nodes] = segment_sum((w @ geometry.degrees) * geometry.harmonics[rows], local, offsets)
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
        grad_first, grad_second = torch.zeros_like(first), torch.zeros_like(second)
        grad_bias = second.new_zeros(len(second))
        for nodes, rows, local, offsets in node_blocks(index, BLOCK):
            upper = grad_sums[index.receivers[rows]] * geometry.harmonics[rows]
            upper = torch.addmm(grad_weights[rows], upper, geometry.degrees.T)
            upper = torch.ops.aten.silu_backward(upper, raw[rows])
            z = hidden[rows]
            grad_bias += upper.sum(0)
            grad_second.addmm_(upper.T, silu(z))
            lower = grad_hidden[rows]
            torch.ops.aten.silu_backward(upper @ second, z, grad_input=lower)
            grad_first.addmm_(lower.T, geometry.invariants[rows])
            grad_receivers[nodes] = segment_sum(lower, local, offsets)
        grad_senders = sum_by_sender(grad_hidden, index)
        return grad_receivers, grad_senders, grad_first, grad_second, grad_bias, None, None


class _GatedMessages(Function):
    @staticmethod
    def forward(
        ctx: Any,
        weights: Tensor | None,
        tensors: Tensor | None,
        values: Tensor,
        gate: Tensor,
        by_projection: Tensor | None,
        by_difference: Tensor | None,
        geometry: EdgeGeometry,
        keep: bool,
    ) -> Tensor:
        index = geometry.index
        gates = values.new_empty(len(geometry.invariants), len(gate)) if keep else None
        sums = torch.empty_like(values)
        for nodes, rows, local, offsets in node_blocks(index, BLOCK):
            into = None if gates is None else gates[rows]
            z = torch.mm(geometry.invariants[rows], gate.T, out=into)
            senders = index.senders[rows]
            theirs = None if tensors is None else tensors[senders]
            if by_projection is not None:
                assert weights is not None
                assert theirs is not None
                dots = (geometry.harmonics[rows] * theirs) @ _normalised(geometry)
                z.addmm_(weights[rows] * dots, by_projection.T)
            if by_difference is not None:
                assert tensors is not None
                difference = tensors[index.receivers[rows]] - theirs
                z.addmm_(difference.square_() @ geometry.degrees.T, by_difference.T)
            z.sigmoid_()
            sums[nodes] = segment_sum(z * values[senders], local, offsets)
        ctx.geometry = geometry
        if gates is not None:
            ctx.save_for_backward(weights, tensors, values, gate, by_projection, by_difference, gates)
        return sums

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_sums: Tensor) -> tuple[Tensor | None, ...]:
        weights, tensors, values, gate, by_projection, by_difference, gates = ctx.saved_tensors
        geometry: EdgeGeometry = ctx.geometry
        index = geometry.index
        grads = [
            None if t is None else torch.zeros_like(t)
            for t in (weights, tensors, gate, by_projection, by_difference)
        ]
        grad_weights, grad_tensors, grad_gate, grad_projection, grad_difference = grads
        sent = torch.empty_like(gates)
        sent_tensors = None if tensors is None else tensors.new_empty(len(gates), tensors.shape[1])
        for nodes, rows, local, offsets in node_blocks(index, BLOCK):
            senders, receivers = index.senders[rows], index.receivers[rows]
            upper, g = grad_sums[receivers], gates[rows]
            torch.mul(upper, g, out=sent[rows])
            upper *= values[senders]
            upper = torch.ops.aten.sigmoid_backward(upper, g)
            assert grad_gate is not None
            grad_gate.addmm_(upper.T, geometry.invariants[rows])
            if tensors is None:
                continue
            assert sent_tensors is not None
            theirs, out = tensors[senders], sent_tensors[rows]
            out.zero_()
            if by_projection is not None:
                harmonics, w = geometry.harmonics[rows], weights[rows]
                dots = (harmonics * theirs) @ _normalised(geometry)
                grad_projection.addmm_(upper.T, w * dots)
                lower = upper @ by_projection
                torch.mul(lower, dots, out=grad_weights[rows])
                torch.mul((lower * w) @ _normalised(geometry).T, harmonics, out=out)
            if by_difference is not None:
                difference = tensors[receivers] - theirs
                grad_difference.addmm_(upper.T, difference.square() @ geometry.degrees.T)
                difference *= (upper @ (2 * by_difference)) @ geometry.degrees
                grad_tensors[nodes] = segment_sum(difference, local, offsets)
                out -= difference
        if sent_tensors is not None:
            grad_tensors += sum_by_sender(sent_tensors, index)
        return (
            grad_weights,
            grad_tensors,
            sum_by_sender(sent, index),
            grad_gate,
            grad_projection,
            grad_difference,
            None,
            None,
        )


def _normalised(geometry: EdgeGeometry) -> Tensor:
    """Matrix (M, L + 1) that sums products over the components, over sqrt(2l + 1)."""
    return (geometry.degrees / geometry.degrees.sum(1, keepdim=True).sqrt()).T
