"""The two edge passes of an EIGNN layer, each done block by block in both directions.

Tensors have one channel: (L + 1)^2 numbers, see :mod:`glasscast.models.layers.harmonics`. On edges
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

from glasscast.models.layers.harmonics import degree_of_components
from glasscast.models.layers.segments import (
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
    (L + 1, E) weights and (N, M) sums.
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
    weights = silu(linear(silu(hidden), second, bias)).T
    spread = geometry.degrees.to(weights).T @ weights
    return weights, sum_by_receiver((spread * geometry.harmonics).T, index)


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
    weights : (L + 1, E) of :func:`tensor_messages`; may be None when ``by_projection`` is.
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
        dots = _normalised(geometry).to(values) @ (geometry.harmonics * tensors[index.senders].T)
        z = z + linear((weights * dots).T, by_projection)
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
        scalars = _Scalars(weights, tensors, by_projection, by_difference, geometry)
        for nodes, rows, local, offsets in node_blocks(index, BLOCK):
            into = None if gates is None else gates[rows]
            z = torch.mm(geometry.invariants[rows], gate.T, out=into)
            if scalars.mix is not None:
                z.addmm_(scalars.read(rows).T, scalars.mix.T)
            z.sigmoid_()
            received = values.index_select(0, index.senders[rows]).mul_(z)
            sums[nodes] = segment_sum(received, local, offsets)
        ctx.geometry = geometry
        if gates is not None:
            ctx.save_for_backward(
                weights, tensors, values, gate, by_projection, by_difference, gates
            )
        return sums

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_sums: Tensor) -> tuple[Tensor | None, ...]:
        weights, tensors, values, gate, by_projection, by_difference, gates = ctx.saved_tensors
        geometry: EdgeGeometry = ctx.geometry
        index = geometry.index
        scalars = _Scalars(weights, tensors, by_projection, by_difference, geometry)
        grad_gate = torch.zeros_like(gate.T)
        sent = torch.empty_like(gates)
        for nodes, rows, local, offsets in node_blocks(index, BLOCK):
            upper, g = grad_sums.index_select(0, index.receivers[rows]), gates[rows]
            torch.mul(upper, g, out=sent[rows])
            upper *= values.index_select(0, index.senders[rows])
            upper = torch.ops.aten.sigmoid_backward(upper, g)
            grad_gate.addmm_(geometry.invariants[rows].T, upper)
            if scalars.mix is not None:
                scalars.push(upper, nodes, rows, local, offsets)
        grad_values = sender_sum(sent, index)
        grad_weights, grad_tensors, grad_projection, grad_difference = scalars.gradients()
        return (
            grad_weights,
            grad_tensors,
            grad_values,
            grad_gate.T,
            grad_projection,
            grad_difference,
            None,
            None,
        )


class _Scalars:
    """The scalars alpha_0 and alpha_1 of blocks of edges, and their gradients."""

    def __init__(
        self,
        weights: Tensor | None,
        tensors: Tensor | None,
        by_projection: Tensor | None,
        by_difference: Tensor | None,
        geometry: EdgeGeometry,
    ) -> None:
        self.weights, self.geometry = weights, geometry
        parts = [m for m in (by_projection, by_difference) if m is not None]
        self.mix = torch.cat(parts, 1) if parts else None  # (F, L + 1 or 2 (L + 1))
        self.projects, self.differs = by_projection is not None, by_difference is not None
        self.tensors = None if tensors is None else tensors.T.contiguous()  # (M, N)
        self.dot, self.count = _normalised(geometry), len(geometry.degrees)
        self._grad_mix: Tensor | None = None

    def read(self, rows: slice) -> Tensor:
        """Scalars of a block: (L + 1 or 2 (L + 1), B), alpha_0 first; keeps what push reads."""
        assert self.tensors is not None
        index, scalars = self.geometry.index, []
        theirs = self.tensors.index_select(1, index.senders[rows])
        if self.projects:
            assert self.weights is not None
            self._dots = self.dot @ (self.geometry.harmonics[:, rows] * theirs)
            scalars.append(self.weights[:, rows] * self._dots)
        if self.differs:
            mine = self.tensors.index_select(1, index.receivers[rows])
            self._difference = mine.sub_(theirs)
            scalars.append(self.geometry.degrees @ self._difference.square())
        return scalars[0] if len(scalars) == 1 else torch.cat(scalars)

    def push(
        self, upper: Tensor, nodes: slice, rows: slice, local: Tensor, offsets: Tensor
    ) -> None:
        """Take the gradient (B, F) of what the gate reads."""
        assert self.tensors is not None
        assert self.mix is not None
        if self._grad_mix is None:
            edges = len(self.geometry.invariants)
            self._grad_mix = torch.zeros_like(self.mix.T)
            self._grad_weights = None if self.weights is None else torch.empty_like(self.weights)
            self._sent = upper.new_empty(edges, len(self.tensors))
            self._received = upper.new_zeros(self.tensors.shape[1], len(self.tensors))
        self._grad_mix.addmm_(self.read(rows), upper)
        lower = torch.mm(self.mix.T.contiguous(), upper.T)  # (L + 1 or 2 (L + 1), B)
        sent: Tensor | None = None
        if self.projects:
            assert self.weights is not None
            assert self._grad_weights is not None
            torch.mul(lower[: self.count], self._dots, out=self._grad_weights[:, rows])
            sent = self.dot.T @ (lower[: self.count] * self.weights[:, rows])
            sent *= self.geometry.harmonics[:, rows]
        if self.differs:
            spread = (2 * self.geometry.degrees.T) @ lower[-self.count :]
            spread *= self._difference
            self._received[nodes] = segment_sum(spread.T.contiguous(), local, offsets)
            sent = -spread if sent is None else sent.sub_(spread)
        assert sent is not None
        self._sent[rows] = sent.T

    def gradients(self) -> tuple[Tensor | None, Tensor | None, Tensor | None, Tensor | None]:
        """Of the weights, the tensors, and the two matrices; None for those that are absent."""
        if self._grad_mix is None:
            if self.mix is None:
                return None, None, None, None
            assert self.tensors is not None  # a graph without edges
            parts = torch.split(torch.zeros_like(self.mix), self.count, 1)
            return (
                None if self.weights is None else torch.zeros_like(self.weights),
                torch.zeros_like(self.tensors.T),
                parts[0] if self.projects else None,
                parts[-1] if self.differs else None,
            )
        tensors = self._received + sender_sum(self._sent, self.geometry.index)
        parts = torch.split(self._grad_mix.T, self.count, 1)
        return (
            self._grad_weights,
            tensors,
            parts[0] if self.projects else None,
            parts[-1] if self.differs else None,
        )


def _normalised(geometry: EdgeGeometry) -> Tensor:
    """Matrix (L + 1, M) that sums products over the components, over sqrt(2l + 1)."""
    return geometry.degrees / geometry.degrees.sum(1, keepdim=True).sqrt()
