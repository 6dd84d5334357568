"""Convolution of multi-channel spherical tensors, with its tensor products on nodes.

A kernel that is a sum of radial functions times harmonics factorises: everything a node needs of
its neighbours is the sum of (radial function x harmonic) x (neighbour's features), one small
matrix product a node. The couplings act on that sum, 40 times less often than on edges, and no
array of tensor products on edges is ever made. It is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.amp import custom_bwd, custom_fwd
from torch.autograd import Function

from glasscast.networks.segments import EdgeIndex, sender_sum

#: Numbers in the sums of one block of nodes: what the cache of a processor core takes.
CPU_BLOCK, GPU_BLOCK = 2**19, 2**26


@dataclass(frozen=True)
class ConvolutionGeometry:
    """What a convolution reads of the edges; the same in all layers.

    Parameters
    ----------
    basis : (E, K M), radial functions times harmonics of each edge, M = (L + 1)^2.
    index : of the edges.
    groups : nodes of equal neighbour count, each (b, n) int64: the edges into b nodes.
    nodes : the nodes of each group, (b,).
    """

    basis: Tensor
    index: EdgeIndex
    groups: tuple[Tensor, ...]
    nodes: tuple[Tensor, ...]

    @classmethod
    def build(cls, radial: Tensor, harmonics: Tensor, index: EdgeIndex) -> ConvolutionGeometry:
        """Join radial functions (E, K) and harmonics (E, M)."""
        degrees = index.offsets.diff()
        nodes, groups = [], []
        for degree in torch.bincount(degrees).nonzero().flatten().tolist():
            if degree:
                mine = torch.nonzero(degrees == degree).flatten()
                nodes.append(mine)
                steps = torch.arange(degree, device=mine.device)
                groups.append(index.offsets[mine].unsqueeze(1) + steps)
        basis = (radial.unsqueeze(2) * harmonics.unsqueeze(1)).flatten(1)
        return cls(basis, index, tuple(groups), tuple(nodes))


def tensor_convolution(features: Tensor, kernel: Tensor, geometry: ConvolutionGeometry) -> Tensor:
    r"""Couple the neighbours' tensors with radial functions times harmonics.

    .. math:: x_{i,c,m_3} = \sum_{k, m_1, m_2} \Omega_{c, (k m_2 m_1), m_3}
        \sum_j B_k(r_{ij})\, Y_{m_2}(\hat r_{ij})\, h_{j,c,m_1}

    Parameters
    ----------
    features : (N, C, M), h.
    kernel : (C, K M M, M), Omega: weights times coupling coefficients.

    Returns
    -------
    (N, C, M); 0 for nodes without neighbours.
    """
    result: Tensor = _TensorConvolution.apply(  # type: ignore[no-untyped-call]
        features, kernel, geometry
    )
    return result


def _blocks(geometry: ConvolutionGeometry, width: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Cut the groups into blocks whose sums, ``width`` numbers a node, stay below the limit."""
    limit = CPU_BLOCK if geometry.basis.device.type == "cpu" else GPU_BLOCK
    for nodes, group in zip(geometry.nodes, geometry.groups, strict=True):
        count = max(1, limit // width)
        yield from zip(torch.split(nodes, count), torch.split(group, count), strict=True)


def _sums(features: Tensor, block: Tensor, geometry: ConvolutionGeometry) -> tuple[Tensor, Tensor]:
    """Sum over neighbours: (C, b, K M M); and return the basis (b, n, K M) it was made with."""
    channels, size = features.shape[1:]
    rows = block.flatten()
    basis = geometry.basis.index_select(0, rows).view(*block.shape, -1).to(features.dtype)
    theirs = features.flatten(1).index_select(0, geometry.index.senders[rows])
    theirs = theirs.view(*block.shape, -1)  # (b, n, C M)
    sums = torch.bmm(basis.transpose(1, 2), theirs)  # (b, K M, C M)
    sums = sums.view(len(block), -1, channels, size).permute(2, 0, 1, 3)
    return sums.reshape(channels, len(block), -1), basis


class _TensorConvolution(Function):
    @staticmethod
    @custom_fwd(device_type="cuda", cast_inputs=torch.float32)  # type: ignore[untyped-decorator]
    def forward(
        ctx: Any, features: Tensor, kernel: Tensor, geometry: ConvolutionGeometry
    ) -> Tensor:
        result = torch.zeros_like(features)
        for nodes, block in _blocks(geometry, kernel.shape[0] * kernel.shape[1]):
            sums, _ = _sums(features, block, geometry)
            result[nodes] = torch.bmm(sums, kernel).transpose(0, 1)
        ctx.geometry = geometry
        ctx.save_for_backward(features, kernel)
        return result

    @staticmethod
    @custom_bwd(device_type="cuda")  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        features, kernel = ctx.saved_tensors
        geometry: ConvolutionGeometry = ctx.geometry
        channels, size = features.shape[1:]
        grad_kernel = torch.zeros_like(kernel)
        sent = features.new_empty(len(geometry.basis), channels * size)
        for nodes, block in _blocks(geometry, kernel.shape[0] * kernel.shape[1]):
            sums, basis = _sums(features, block, geometry)
            upper = grad[nodes].transpose(0, 1)  # (C, b, M)
            grad_kernel += torch.bmm(sums.transpose(1, 2), upper)
            lower = torch.bmm(upper, kernel.transpose(1, 2))  # (C, b, K M M)
            lower = lower.view(channels, len(block), -1, size).permute(1, 2, 0, 3)
            sent[block] = torch.bmm(basis, lower.reshape(len(block), -1, channels * size))
        received = sender_sum(sent, geometry.index)
        return received.view_as(features), grad_kernel, None
