"""What tells whether a liquid is in equilibrium: scattering, displacement, bond order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glasscast.liquid.neighbours import find_neighbours

FloatArray = NDArray[np.float64]


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
    from sphericart import SphericalHarmonics

    harmonics = SphericalHarmonics(order).compute(np.ascontiguousarray(vectors))
    mean = harmonics[:, order**2 :].mean(axis=0)
    return float(np.sqrt(4 * np.pi / (2 * order + 1) * np.sum(mean**2)))
