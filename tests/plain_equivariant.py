"""The networks on spherical tensors by e3nn, gathers and scatters; benchmarks use them too."""

import math

import torch
from e3nn import o3
from torch import Tensor
from torch.nn.functional import one_hot, silu

from glasscast.networks.basis import coupling_paths
from glasscast.networks.batch import GraphBatch
from glasscast.networks.tensor_convolution import ConvolutionGeometry


def irreps(degree: int, parity: bool) -> o3.Irreps:
    """One channel of each l: natural parity, or all even when reflections are not watched."""
    return o3.Irreps([(1, (k, (-1) ** k if parity else 1)) for k in range(degree + 1)])


def mean_at(edges: Tensor, graph: GraphBatch) -> Tensor:
    index = graph.index
    total = edges.new_zeros(graph.size, edges.shape[1]).index_add(0, index.receivers, edges)
    return total / index.offsets.diff().clamp(min=1).unsqueeze(1)


def bessel(distances: Tensor, count: int, cutoff: float) -> Tensor:
    columns = [
        math.sqrt(2 / cutoff) * torch.sin(k * math.pi * distances / cutoff) / distances
        for k in range(1, count + 1)
    ]
    return torch.stack(columns, 1) * (distances < cutoff).unsqueeze(1)


def graph_norm(norm, x: Tensor, graph: GraphBatch, running: bool) -> Tensor:
    """Of each configuration, or by stored statistics."""
    if running:
        offset = x - norm.mean_scale * norm.running_mean
        square = norm.running_var + ((1 - norm.mean_scale) * norm.running_mean) ** 2
        return norm.weight * offset / (square + 1e-5).sqrt() + norm.bias
    parts = []
    for part in x.split(graph.counts):
        offset = part - norm.mean_scale * part.mean(0)
        parts.append(norm.weight * offset / ((offset**2).mean(0) + 1e-5).sqrt() + norm.bias)
    return torch.cat(parts)


class E3nnParts(torch.nn.Module):
    """The tensor operations of a layer, as e3nn has them."""

    def __init__(self, degree: int, parity: bool) -> None:
        super().__init__()
        kind, scalars = irreps(degree, parity), o3.Irreps(f"{degree + 1}x0e")
        self.scale = o3.ElementwiseTensorProduct(scalars, kind)
        self.product = o3.FullTensorProduct(kind, kind, filter_ir_out=[ir for _, ir in kind])
        self.mix = o3.Linear(self.product.irreps_out, kind)
        self.project = o3.ElementwiseTensorProduct(kind, kind, ["0e"])
        self.norm = o3.Norm(kind, squared=True)


def e3nn_parts(degree: int, parity: bool, layers: int) -> list[E3nnParts]:
    """One set a layer, with constants of double precision."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        return [E3nnParts(degree, parity) for _ in range(layers)]
    finally:
        torch.set_default_dtype(before)


def plain_eignn(network, graph: GraphBatch, parts: list[E3nnParts]) -> Tensor:
    """The network of models/eignn.py in evaluation mode, the equations one after the other."""
    settings = network.settings
    i, j = graph.index.receivers, graph.index.senders
    harmonics = o3.SphericalHarmonics(irreps(settings.l_max, True), True, "component")
    now, later = graph.vectors.norm(dim=1), graph.equilibrium_distances
    radial = [bessel(r, settings.radial_functions, settings.radial_cutoff) for r in (later, now)]
    edge = torch.cat([(later - now).unsqueeze(1), *radial], 1)
    direction = harmonics(-graph.vectors)
    length = graph.displacements.norm(dim=1, keepdim=True)
    numbers = length if graph.energies is None else torch.cat([graph.energies[:, None], length], 1)
    numbers = (numbers - network.inputs.mean[graph.types]) / network.inputs.std[graph.types]
    kinds = one_hot(graph.types, network.inputs.species).to(numbers)
    first = h = network.embed(torch.cat([kinds, numbers], 1))
    tensor = harmonics(graph.displacements)
    for layer, part in zip(network.layers, parts, strict=True):
        weights, scalars, gate = None, [], [edge]
        if layer.lift is not None:
            weights = silu(layer.weigh(silu(layer.lift(torch.cat([h[i], h[j], edge], 1)))))
            message = part.scale(weights, direction)
            product = part.product(tensor, mean_at(message, graph))
            tensor = part.mix(product, layer.couple.weight)
            scalars = [product[:, : settings.l_max + 1]]
            if settings.scalarisation == "full":
                gate.append(part.project(message, tensor[j]))
            gate.append(part.norm(tensor[i] - tensor[j]))
        h = layer.merge(torch.cat([h, *scalars], 1))
        alpha = layer.gate(torch.cat(gate, 1)).sigmoid()
        h = h + mean_at(alpha * silu(layer.value(h[j])), graph)
        h = graph_norm(layer.norm, h, graph, settings.feature_norm == "running")
        if layer.tensor_norm is not None:
            tensor = plain_tensor_norm(layer.tensor_norm, tensor, irreps(settings.l_max, True))
    nodes = silu(network.combine(torch.cat([first, h], 1)))
    nodes = mean_at(network.readout(torch.cat([nodes[i], nodes[j] - nodes[i]], 1)), graph)
    nodes = graph_norm(network.norm, network.hidden(nodes), graph, True).relu()
    outputs = network.heads(nodes).unflatten(1, (-1, network.outputs))
    return outputs[torch.arange(graph.size), graph.types]


def plain_printed_eignn(network, graph: GraphBatch) -> Tensor:
    """The network of models/eignn/printed.py, the products of tensors by e3nn."""
    settings, (i, j) = network.settings, (graph.index.receivers, graph.index.senders)
    degree = settings.l_max
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        kind = o3.Irreps([(1, (k, 1)) for k in range(degree + 1)])
        low = [ir for _, ir in kind if ir.l < max(1, degree)]
        product = o3.FullTensorProduct(kind, kind, filter_ir_out=low)
        scalars = o3.ElementwiseTensorProduct(kind, kind, ["0e"])
    finally:
        torch.set_default_dtype(before)

    def to_nodes(edges: Tensor) -> Tensor:
        return edges.new_zeros(graph.size, edges.shape[1]).index_add(0, i, edges)

    def radial(r: Tensor) -> Tensor:
        x = (r / settings.radial_cutoff).clamp(max=1)
        fade = 1 - 28 * x**6 + 48 * x**7 - 21 * x**8
        return bessel(r, settings.radial_functions, settings.radial_cutoff) * fade.unsqueeze(1)

    harmonics = o3.SphericalHarmonics(irreps(degree, True), True, "component")
    edge = torch.cat([radial(graph.equilibrium_distances), radial(graph.vectors.norm(dim=1))], 1)
    direction, tensor = harmonics(-graph.vectors), harmonics(graph.displacements)
    length = graph.displacements.norm(dim=1, keepdim=True)
    numbers = torch.cat([graph.energies[:, None], length], 1)
    numbers = (numbers - network.inputs.mean[graph.types]) / network.inputs.std[graph.types]
    kinds = one_hot(graph.types, network.inputs.species).to(numbers)
    h = network.embed(torch.cat([kinds, numbers], 1))
    slices = kind.slices()
    for layer in network.layers:
        joined, gate = [h], [edge]
        if layer.weigh is not None:
            weights = layer.weigh(torch.cat([h[i], edge, h[j]], 1)).sigmoid()
            message = torch.cat(
                [weights[:, k : k + 1] * direction[:, s] for k, s in enumerate(slices)], 1
            )
            products = product(to_nodes(message), tensor)
            parts = products.split(
                [ir.dim for mul, ir in product.irreps_out for _ in range(mul)], 1
            )
            degrees = [ir.l for mul, ir in product.irreps_out for _ in range(mul)]
            mixed = [torch.zeros(graph.size, 2 * k + 1).double() for k in range(degree + 1)]
            for weight, part, k in zip(layer.couple.weight, parts, degrees, strict=True):
                mixed[k] = mixed[k] + weight * part
            tensor, joined = torch.cat(mixed, 1), [products[:, : degree + 1], h]
            apart = tensor[i] - tensor[j]
            gate = [scalars(apart, apart), edge]
            if settings.scalarisation == "full":
                gate = [scalars(tensor[i], message), *gate]
        update = layer.merge(torch.cat(joined, 1))
        h = update + to_nodes(layer.gate(torch.cat(gate, 1)) * layer.value(update[j]))
        h = graph_norm(layer.norm, h, graph, settings.feature_norm == "running")
        if layer.weigh is not None:
            parts = []
            for k, s in enumerate(slices):
                square = tensor[:, s].square().sum(1).mean() / (2 * k + 1)
                parts.append(layer.tensor_norm.weight[k] * tensor[:, s] / (square + 1e-5).sqrt())
            tensor = torch.cat(parts, 1)
    return network.readout(to_nodes(network.around(torch.cat([h[i], h[i] - h[j]], 1))))


def plain_tensor_norm(norm, tensor: Tensor, kind: o3.Irreps) -> Tensor:
    columns = []
    for k, where in enumerate(kind.slices()):
        part = tensor[:, where] - (norm.running_mean[0] if k == 0 else 0)
        part = part * norm.weight[0, k] / (norm.running_var[0, k] + 1e-5).sqrt()
        columns.append(part + (norm.bias[0] if k == 0 else 0))
    return torch.cat(columns, 1)


def e3nn_product(degree: int) -> o3.TensorProduct:
    """All parity-conserving paths between single channels, each with a weight a row."""
    kind, before = irreps(degree, True), torch.get_default_dtype()
    paths = [(*path, "uuu", True) for path in coupling_paths(degree, parity=True)]
    torch.set_default_dtype(torch.float64)
    try:
        return o3.TensorProduct(kind, kind, kind, paths, shared_weights=False)
    finally:
        torch.set_default_dtype(before)


def plain_convolution(layer, features: Tensor, radial: Tensor, harmonics: Tensor, graph, product):
    """Tensor products on the edges, one row an edge and channel, then a scatter."""
    index, (size, channels, width) = graph.index, features.shape
    weights = torch.einsum("ek,pkc->ecp", radial, layer.radial).flatten(0, 1)
    theirs = features[index.senders].flatten(0, 1)
    messages = product(theirs, harmonics.repeat_interleave(channels, 0), weights)
    zeros = features.new_zeros(size, channels, width)
    return zeros.index_add(0, index.receivers, messages.unflatten(0, (-1, channels)))


def plain_se3(network, graph: GraphBatch, product: o3.TensorProduct) -> Tensor:
    """The network of models/se3_gnn.py in evaluation mode."""
    settings = network.settings
    degree, cutoff = settings.l_max, settings.radial_cutoff
    kind, slices = irreps(degree, True), irreps(degree, True).slices()
    r = graph.vectors.norm(dim=1)
    x = (r / cutoff).clamp(max=1)
    fade = 1 - 28 * x**6 + 48 * x**7 - 21 * x**8
    radial = bessel(r, settings.radial_functions, cutoff) * fade.unsqueeze(1)
    harmonics = o3.SphericalHarmonics(kind, True, "component")(-graph.vectors)
    numbers = graph.vectors.new_zeros(graph.size, 0)
    if graph.energies is not None:
        numbers = (graph.energies[:, None] - network.inputs.mean[graph.types]) / (
            network.inputs.std[graph.types]
        )
    kinds = one_hot(graph.types, network.inputs.species).to(harmonics)
    scalars = network.embed(torch.cat([kinds, numbers], 1))
    features = scalars.new_zeros(*scalars.shape, (degree + 1) ** 2)
    features[..., 0] = scalars
    seen = [scalars]
    for layer in network.layers:
        received = plain_convolution(layer, features, radial, harmonics, graph, product)
        update = []
        for k, where in enumerate(slices):
            mixed = torch.einsum("dc,ncm->ndm", layer.neighbours.weight[k], received[..., where])
            mixed = mixed + torch.einsum("dc,ncm->ndm", layer.own.weight[k], features[..., where])
            norm = layer.norm
            mixed = mixed - (norm.running_mean if k == 0 else 0)
            mixed = mixed * (norm.weight[:, k] / (norm.running_var[:, k] + 1e-5).sqrt())[:, None]
            if k == 0:
                lone = mixed[..., 0] + norm.bias[:, 0]
                mixed = silu(lone).unsqueeze(2)
            elif layer.gate is None:
                mixed = torch.zeros_like(mixed)
            else:
                gates = layer.gate(lone).sigmoid().unflatten(1, (settings.channels, degree))
                mixed = mixed * gates[..., k - 1 : k]
            update.append(mixed)
        features = features + torch.cat(update, 2)
        seen.append(features[..., 0])
    outputs = network.heads(torch.cat(seen, 1)).unflatten(1, (-1, network.outputs))
    return outputs[torch.arange(graph.size), graph.types]


def plain_tensor_convolution(
    features: Tensor, kernel: Tensor, geometry: ConvolutionGeometry
) -> Tensor:
    """:func:`tensor_convolution` with products on edges."""
    index, (channels, _, size) = geometry.index, kernel.shape
    theirs = features[index.senders]
    products = geometry.basis[:, None, :, None] * theirs[:, :, None, :]  # (E, C, K M, M)
    messages = torch.einsum("ecx,cxm->ecm", products.flatten(2), kernel)
    zeros = features.new_zeros(len(features), channels, size)
    return zeros.index_add(0, index.receivers, messages)
