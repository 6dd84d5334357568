"""One edge update of an interaction network and its sum at the receivers, in one pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from glasscast.networks.segments import (
    EdgeIndex,
    add_node_parts,
    node_blocks,
    segment_sum,
    sender_sum,
    sum_by_receiver,
)

#: Edges worked on at a time, so that the intermediates of 64 float32 features stay in the cache.
BLOCK = 4096


def edge_update(
    edges: Tensor,
    constant: Tensor,
    receiver_part: Tensor,
    sender_part: Tensor,
    first: Tensor,
    second: Tensor,
    bias: Tensor,
    index: EdgeIndex,
) -> tuple[Tensor, Tensor]:
    r"""Two-layer ReLU update of all edges, and the sum over the edges into each node.

    .. math:: h'_{ij} = \mathrm{ReLU}(W_2\, \mathrm{ReLU}(W_1 h_{ij} + c_{ij} + p_i + q_j) + b_2),
        \qquad s_i = \sum_j h'_{ij}

    On CPUs it is done block by block in both directions: only the two activations are kept, and
    no other array of E rows is made but the gradients returned. Elsewhere, and wherever mixed
    precision is on, it is composed from plain operations.

    Parameters
    ----------
    edges : (E, F), the h of the last round.
    constant : (E, F), what does not change between rounds: encoded edges and bias.
    receiver_part, sender_part : (N, F), p and q, see :func:`add_node_parts`.
    first, second, bias : (F, F), (F, F), (F,): W_1, W_2 as in ``torch.nn.Linear``, and b_2.

    Returns
    -------
    (E, F) updated edges and (N, F) sums.
    """
    if edges.device.type == "cpu" and not torch.is_autocast_enabled("cpu"):
        result: tuple[Tensor, Tensor] = _EdgeUpdate.apply(  # type: ignore[no-untyped-call]
            edges, constant, receiver_part, sender_part, first, second, bias, index
        )
        return result
    hidden = torch.nn.functional.linear(edges, first) + constant
    hidden = add_node_parts(hidden, receiver_part, sender_part, index).relu()
    updated = torch.nn.functional.linear(hidden, second, bias).relu()
    return updated, sum_by_receiver(updated, index)


class _EdgeUpdate(Function):
    @staticmethod
    def forward(
        ctx: Any,
        edges: Tensor,
        constant: Tensor,
        receiver_part: Tensor,
        sender_part: Tensor,
        first: Tensor,
        second: Tensor,
        bias: Tensor,
        index: EdgeIndex,
    ) -> tuple[Tensor, Tensor]:
        hidden, updated = torch.empty_like(edges), torch.empty_like(edges)
        sums = torch.empty_like(receiver_part)
        for nodes, rows, local, offsets in node_blocks(index, BLOCK):
            h = torch.addmm(constant[rows], edges[rows], first.T, out=hidden[rows])
            h += receiver_part[index.receivers[rows]]
            h += sender_part[index.senders[rows]]
            h.relu_()
            u = torch.addmm(bias, h, second.T, out=updated[rows]).relu_()
            sums[nodes] = segment_sum(u, local, offsets)
        ctx.index = index
        ctx.save_for_backward(edges, hidden, updated, first, second)
        return updated, sums

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_updated: Tensor, grad_sums: Tensor) -> tuple[Tensor | None, ...]:
        edges, hidden, updated, first, second = ctx.saved_tensors
        index = ctx.index
        grad_edges, grad_hidden = torch.empty_like(edges), torch.empty_like(hidden)
        grad_receivers = torch.empty_like(grad_sums)
        grad_first, grad_second = torch.zeros_like(first), torch.zeros_like(second)
        grad_bias = first.new_zeros(len(second))
        for nodes, rows, local, offsets in node_blocks(index, BLOCK):
            upper = grad_sums[index.receivers[rows]]
            upper += grad_updated[rows]
            upper = torch.ops.aten.threshold_backward(upper, updated[rows], 0)
            grad_bias += upper.sum(0)
            grad_second.addmm_(upper.T, hidden[rows])
            lower = torch.ops.aten.threshold_backward(upper @ second, hidden[rows], 0)
            grad_hidden[rows] = lower
            grad_first.addmm_(lower.T, edges[rows])
            torch.mm(lower, first, out=grad_edges[rows])
            grad_receivers[nodes] = segment_sum(lower, local, offsets)
        grad_senders = sender_sum(grad_hidden, index)
        return (
            grad_edges,
            grad_hidden,
            grad_receivers,
            grad_senders,
            grad_first,
            grad_second,
            grad_bias,
            None,
        )
