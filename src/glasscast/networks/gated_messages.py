"""The second edge pass of an EIGNN layer, done block by block in both directions.

The layout of tensors and the reasons are those of :mod:`glasscast.networks.tensor_messages`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

from glasscast.networks.segments import (
    node_blocks,
    segment_sum,
    sender_sum,
    sum_by_receiver,
)
from glasscast.networks.tensor_messages import BLOCK, EdgeGeometry, in_blocks


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
    if in_blocks(values):
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
