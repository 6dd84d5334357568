r"""Pair potentials written as sums of powers of the distance.

Every potential of this library has the form

.. math:: u_{ab}(r) = \sum_k c_{ab,k}\, r^{n_k} \quad (r < r_{c,ab}), \qquad 0 \text{ beyond,}

with integer exponents :math:`n_k`. One representation then serves numpy, the Monte Carlo kernel
and the molecular-dynamics engine, and none can drift from the others.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from glasscast.config import Settings

#: Exponent -> coefficient of one pair of species.
Terms = dict[int, float]


class _Form(Settings):
    def terms(self, epsilon: float, sigma: float, cutoff: float) -> Terms:
        """Coefficients of the powers of r for one pair of species."""
        raise NotImplementedError


class LennardJonesCut(_Form):
    r"""Plain Lennard-Jones, cut without a shift (as in Bapst et al. 2020).

    .. math:: u(r) = 4\epsilon [(\sigma/r)^{12} - (\sigma/r)^6]

    Energy jumps at the cutoff, so energy conservation is limited and minimisation stalls where
    pairs sit at the cutoff.
    """

    form: Literal["lj-cut"] = "lj-cut"

    def terms(self, epsilon: float, sigma: float, cutoff: float) -> Terms:
        """Two powers, -12 and -6."""
        return {-12: 4 * epsilon * sigma**12, -6: -4 * epsilon * sigma**6}


class LennardJonesForceShifted(LennardJonesCut):
    r"""Lennard-Jones whose energy and force both vanish at the cutoff.

    .. math:: U(r) = u(r) - u(r_c) - (r - r_c)\, u'(r_c)

    Eq. 8 of Shiba et al., J. Chem. Phys. 158, 084503 (2023).
    """

    form: Literal["lj-force-shifted"] = "lj-force-shifted"  # type: ignore[assignment]

    def terms(self, epsilon: float, sigma: float, cutoff: float) -> Terms:
        """Lennard-Jones and the line that removes energy and force at the cutoff."""
        plain = super().terms(epsilon, sigma, cutoff)
        energy = sum(c * cutoff**n for n, c in plain.items())
        slope = sum(c * n * cutoff ** (n - 1) for n, c in plain.items())
        return plain | {0: -energy + cutoff * slope, 1: -slope}


class LennardJonesPolynomial(LennardJonesCut):
    r"""Lennard-Jones plus an even polynomial, smooth to second order at the cutoff.

    .. math:: u(r) = 4\epsilon [x^{-12} - x^{-6} + C_0 + C_2 x^2 + C_4 x^4], \quad x = r/\sigma

    The constants make energy, force and stiffness vanish at :math:`x_c = r_c/\sigma`. For
    :math:`x_c = 2.5` they are those of the GlassBench two-dimensional mixture (Jung et al.,
    Phys. Rev. Lett. 130, 238202 (2023)): 0.0404902, -0.0097016, 0.0006201.
    """

    form: Literal["lj-polynomial"] = "lj-polynomial"  # type: ignore[assignment]

    @staticmethod
    def constants(x: float) -> tuple[float, float, float]:
        """C0, C2 and C4 for a reduced cutoff x."""
        value = x**-12 - x**-6
        slope = -12 * x**-13 + 6 * x**-7
        curvature = 156 * x**-14 - 42 * x**-8
        c4 = (slope / x - curvature) / (8 * x**2)
        c2 = -(slope + 4 * c4 * x**3) / (2 * x)
        return -(value + c2 * x**2 + c4 * x**4), c2, c4

    def terms(self, epsilon: float, sigma: float, cutoff: float) -> Terms:
        """Lennard-Jones and the powers 0, 2 and 4."""
        c0, c2, c4 = self.constants(cutoff / sigma)
        return super().terms(epsilon, sigma, cutoff) | {
            0: 4 * epsilon * c0,
            2: 4 * epsilon * c2 / sigma**2,
            4: 4 * epsilon * c4 / sigma**4,
        }


class Mie(_Form):
    r"""Mie potential, shifted to zero energy at the cutoff.

    .. math:: u(r) = C\epsilon [(\sigma/r)^n - (\sigma/r)^m] - \text{(value at the cutoff)},
        \quad C = \frac{n}{n - m} \left(\frac nm\right)^{m/(n - m)}

    With n = 50, m = 49 and the cutoff at the minimum :math:`r_c = (n/m)^{1/(n-m)}\sigma` this is
    the pseudo hard sphere of Jover et al., J. Chem. Phys. 137, 144505 (2012).
    """

    form: Literal["mie"] = "mie"
    repulsive: int = Field(gt=0, le=60, description="exponent n")
    attractive: int = Field(gt=0, le=60, description="exponent m < n")

    def terms(self, epsilon: float, sigma: float, cutoff: float) -> Terms:
        """Two powers and the constant that removes the energy at the cutoff."""
        n, m = self.repulsive, self.attractive
        strength = n / (n - m) * (n / m) ** (m / (n - m)) * epsilon
        shift = strength * ((sigma / cutoff) ** n - (sigma / cutoff) ** m)
        return {-n: strength * sigma**n, -m: -strength * sigma**m, 0: -shift}


#: Any of the potentials, chosen by its ``form``.
Potential = Annotated[
    LennardJonesCut | LennardJonesForceShifted | LennardJonesPolynomial | Mie,
    Field(discriminator="form"),
]
