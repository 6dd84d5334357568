r"""Directions of motion: the tendency of a particle, and whether equilibrium positions know it.

The tendency of particle i is its mean displacement over the isoconfigurational ensemble,

.. math:: \mathbf d_i(t) = \langle \mathbf r_i(t) - \mathbf r_i(0) \rangle,

whose length lies between 0 (all directions alike) and the propensity (all runs the same way).

References
----------
Jiang, Tian, Li, Hu, arXiv:2407.06111 (2024), section 5.2 and figure 9.
"""

from __future__ import annotations

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.errors import ShapeError
from glasscast.liquid.box import FloatArray


def alignment(configuration: Configuration, structure: str) -> FloatArray:
    r"""Cosine of the angle between tendency and displacement to the equilibrium position.

    .. math:: \cos\theta_i(t) = \frac{\mathbf d_i(t) \cdot \mathbf u_i}{|\mathbf d_i(t)|
        |\mathbf u_i|}

    Returns
    -------
    (T, N) float64; NaN where either vector is zero. Independent directions give a mean of 0, and
    in three dimensions a flat distribution.

    Raises
    ------
    ShapeError : if the configuration lacks the tendency or the equilibrium positions.
    """
    tendency = _tendency(configuration)
    target = configuration.displacement_to(structure)
    lengths = np.linalg.norm(tendency, axis=-1) * np.linalg.norm(target, axis=-1)
    cosine = np.full(lengths.shape, np.nan)
    np.divide(np.sum(tendency * target, axis=-1), lengths, out=cosine, where=lengths > 0)
    return np.clip(cosine, -1.0, 1.0)


def directedness(configuration: Configuration) -> FloatArray:
    r"""Length of the tendency over the propensity, :math:`|\mathbf d_i| / S_i`.

    1 if a particle goes the same way in every run. R runs in independent directions leave about
    :math:`R^{-1/2}`.

    Returns
    -------
    (T, N) float64; NaN where the propensity is 0.

    Raises
    ------
    ShapeError : if the configuration lacks tendency or propensity.
    """
    length = np.linalg.norm(_tendency(configuration), axis=-1)
    if configuration.propensity is None:
        raise ShapeError(f"{configuration.name}: has no 'propensity'")
    share = np.full(length.shape, np.nan)
    np.divide(length, configuration.propensity, out=share, where=configuration.propensity > 0)
    return share


def _tendency(configuration: Configuration) -> FloatArray:
    if configuration.tendency is None:
        raise ShapeError(f"{configuration.name}: has no 'tendency'; it needs trajectories")
    return np.asarray(configuration.tendency, dtype=np.float64)
