"""Correlations of a liquid: scattering, displacement, bond order, g(r) and S(k)."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from glasscast.liquid.box import FloatArray, check_cutoff, wrap
from glasscast.liquid.harmonics import real_harmonics
from glasscast.liquid.neighbours import find_neighbours

_BLOCK = 4096  # particles whose phases are held at once


def self_intermediate_scattering(displacements: FloatArray, wavenumber: float) -> FloatArray:
    r"""Self part of the intermediate scattering function, averaged over axes and particles.

    .. math:: F_s(k, t) = \frac{1}{N} \sum_j \frac1d \sum_\alpha \cos(k\, \Delta r_{j\alpha}(t))

    Parameters
    ----------
    displacements : (..., N, d) unwrapped, in sigma; one species (species A in the papers).
    wavenumber : k in 1/sigma; the papers use 2 pi.

    Returns
    -------
    (...) float64.

    References
    ----------
    Shiba et al., J. Chem. Phys. 158, 084503 (2023), eq. 9; the axes stand for the directions.
    """
    return np.asarray(np.cos(wavenumber * displacements).mean(axis=(-1, -2)))


def mean_squared_displacement(displacements: FloatArray) -> FloatArray:
    r"""Mean-square displacement :math:`\langle |\Delta r|^2 \rangle`, averaged over particles.

    Parameters
    ----------
    displacements : (..., N, d) unwrapped, in sigma.

    Returns
    -------
    (...) float64, in sigma squared.
    """
    return np.asarray(np.mean(np.sum(displacements**2, axis=-1), axis=-1))


def crossing_time(times: FloatArray, values: FloatArray, level: float = np.exp(-1)) -> float:
    """First time where a decaying function falls to a level, linear in log t; NaN if never."""
    below = np.flatnonzero(np.asarray(values) <= level)
    if len(below) == 0 or below[0] == 0:
        return float("nan")
    k = int(below[0])
    share = (values[k - 1] - level) / (values[k - 1] - values[k])
    return float(np.exp(np.log(times[k - 1]) + share * np.log(times[k] / times[k - 1])))


def bond_order(
    positions: FloatArray, box: FloatArray, order: int = 6, radius: float = 1.4
) -> float:
    r"""Global bond-orientational order: near 0 in a liquid, 0.57 in fcc (3D), 1 in hexagonal (2D).

    .. math:: Q_6 = \Big[ \frac{4\pi}{13} \sum_m \Big| \frac{1}{N_b} \sum_{bonds}
        Y_{6m}(\hat r) \Big|^2 \Big]^{1/2} \quad (3D), \qquad
        \Psi_6 = \Big| \frac{1}{N_b} \sum_{bonds} e^{6 i \theta} \Big| \quad (2D)

    By the addition theorem the sum over m is a double sum of Legendre polynomials; here it is
    evaluated with real spherical harmonics.

    Parameters
    ----------
    positions : (N, d); box : (d,).
    order : l.
    radius : pairs closer than this are bonds.

    Returns
    -------
    float; NaN without bonds.
    """
    vectors = find_neighbours(positions, box, radius).vectors
    if len(vectors) == 0:
        return float("nan")
    if positions.shape[1] == 2:
        angles = np.arctan2(vectors[:, 1], vectors[:, 0])
        return float(np.abs(np.exp(1j * order * angles).mean()))
    mean = real_harmonics(vectors, order)[:, order**2 :].mean(axis=0)
    return float(np.sqrt(4 * np.pi / (2 * order + 1) * np.sum(mean**2)))


def radial_distributions(
    positions: FloatArray, types: NDArray[np.int8], box: FloatArray, edges: FloatArray
) -> dict[tuple[int, int], FloatArray]:
    r"""Partial radial distribution functions: 1 for an ideal gas.

    .. math:: g_{ab}(r) = \frac{V}{N_a (N_b - \delta_{ab})}
        \frac{\langle n_{ab}(r) \rangle}{v_{shell}(r)}

    with :math:`n_{ab}` the ordered pairs in a shell. A particle is not its own neighbour.

    Parameters
    ----------
    positions : (N, d); types : (N,); box : (d,).
    edges : (B + 1,) of the shells, in sigma, increasing from 0; the last at most half the shortest
        side.

    Returns
    -------
    species (a, b), a <= b -> (B,) g; NaN where there is no such pair at all.

    Raises
    ------
    ShapeError : if the box is smaller than twice the last edge.
    """
    check_cutoff(float(edges[-1]), box)
    ball = np.pi * edges**2 if len(box) == 2 else 4 / 3 * np.pi * edges**3
    shares = np.diff(ball) / np.prod(box)
    species = np.unique(types).tolist()
    trees = {a: cKDTree(wrap(positions[types == a], box), boxsize=box) for a in species}
    found = {}
    for a, b in combinations_with_replacement(species, 2):
        within = trees[a].count_neighbors(trees[b], edges)  # for a = b each particle itself as well
        possible = trees[a].n * (trees[b].n - (a == b))
        empty = np.full(len(shares), np.nan)
        found[a, b] = np.diff(within) / (shares * possible) if possible else empty
    return found


def structure_factors(
    positions: FloatArray, types: NDArray[np.int8], box: FloatArray, edges: FloatArray
) -> dict[tuple[int, int], FloatArray]:
    r"""Partial static structure factors, each a mean over the wave vectors of a shell.

    .. math:: S_{ab}(k) = \frac{1}{\sqrt{N_a N_b}} \Big\langle \sum_{i \in a} \sum_{j \in b}
        \cos \mathbf k \cdot (\mathbf r_i - \mathbf r_j) \Big\rangle

    so that an ideal gas has 1 for like species and 0 for unlike. The total is
    :math:`\sum_{ab} \sqrt{N_a N_b}\, S_{ab} / N` over ordered pairs.

    Parameters
    ----------
    positions : (N, d); types : (N,); box : (d,).
    edges : (B + 1,) of the shells of wavenumber, in 1/sigma, increasing from 0.

    Returns
    -------
    species (a, b), a <= b -> (B,) S; NaN where a shell has no wave vector of the box.

    References
    ----------
    Ashcroft and Langreth, Phys. Rev. 156, 685 (1967).
    """
    units = 2 * np.pi / box
    reach = np.floor(edges[-1] / units).astype(int)
    # Wave vectors k and -k scatter alike: the first axis needs no negative ones, the others count
    # twice.
    waves = [np.arange(-n if axis else 0, n + 1) * units[axis] for axis, n in enumerate(reach)]
    squares = np.zeros([len(k) for k in waves])
    for axis, k in enumerate(waves):
        squares += (k**2).reshape([-1 if other == axis else 1 for other in range(len(box))])
    lengths = np.sqrt(squares)
    kept = (lengths > 0) & (lengths < edges[-1])
    lengths, weights = lengths[kept], np.where(np.nonzero(kept)[0] > 0, 2.0, 1.0)
    number, _ = np.histogram(lengths, edges, weights=weights)
    species = np.unique(types).tolist()
    densities = {a: _density_waves(positions[types == a], waves)[kept] for a in species}
    found = {}
    for a, b in combinations_with_replacement(species, 2):
        products = (densities[a] * densities[b].conj()).real
        total, _ = np.histogram(lengths, edges, weights=weights * products)
        count = np.sqrt(np.sum(types == a) * np.sum(types == b))
        found[a, b] = np.divide(
            total, number * count, out=np.full(len(number), np.nan), where=number > 0
        )
    return found


def _density_waves(positions: FloatArray, waves: list[FloatArray]) -> NDArray[np.complex128]:
    """Sum of exp(i k r) over particles, for every wave vector on a grid of wavenumbers an axis.

    The exponential is a product over axes, so each axis' are computed once and the sum is a matrix
    product.
    """
    density = np.zeros([len(k) for k in waves], dtype=np.complex128)
    for begin in range(0, len(positions), _BLOCK):
        block = positions[begin : begin + _BLOCK]
        first, *middle, last = (
            np.exp(1j * k[:, None] * x) for k, x in zip(waves, block.T, strict=True)
        )
        for row, phase in enumerate(first):
            if middle:
                density[row] += (middle[0] * phase) @ last.T
            else:
                density[row] += last @ phase
    return density
