"""Functional forms of pair potentials, as the ``potential`` of a liquid's file names them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from glasscast.config import Settings
from glasscast.liquid.power_sums import Terms


class PowerForm(Settings):
    """A form that is a sum of powers of the distance.

    Attributes
    ----------
    pair_keys : what a pair of species must give.
    """

    pair_keys: ClassVar[tuple[str, ...]] = ("epsilon", "sigma", "cutoff")

    def terms(self, epsilon: float, sigma: float, cutoff: float) -> Terms:
        """Coefficients of the powers of r for one pair of species."""
        raise NotImplementedError

    @property
    def core(self) -> float:
        """Share of sigma to which no two particles come in a sound simulation."""
        return 0.5


class LennardJonesCut(PowerForm):
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
        return smoothing(x**-12 - x**-6, -12 * x**-13 + 6 * x**-7, 156 * x**-14 - 42 * x**-8, x)

    def terms(self, epsilon: float, sigma: float, cutoff: float) -> Terms:
        """Lennard-Jones and the powers 0, 2 and 4."""
        c0, c2, c4 = self.constants(cutoff / sigma)
        return super().terms(epsilon, sigma, cutoff) | {
            0: 4 * epsilon * c0,
            2: 4 * epsilon * c2 / sigma**2,
            4: 4 * epsilon * c4 / sigma**4,
        }


class Mie(PowerForm):
    r"""Mie potential, shifted to zero energy at the cutoff.

    .. math:: u(r) = C\epsilon [(\sigma/r)^n - (\sigma/r)^m] - \text{(value at the cutoff)},
        \quad C = \frac{n}{n - m} \left(\frac nm\right)^{m/(n - m)}

    With n = 50, m = 49 and the cutoff at the minimum :math:`r_c = (n/m)^{1/(n-m)}\sigma` this is
    the pseudo hard sphere of Jover et al., J. Chem. Phys. 137, 144505 (2012).
    """

    form: Literal["mie"] = "mie"
    repulsive: int = Field(gt=0, le=60, description="exponent n")
    attractive: int = Field(gt=0, le=60, description="exponent m < n")

    @model_validator(mode="after")
    def _repulsive_inside(self) -> Self:
        if self.repulsive <= self.attractive:
            raise ValueError("the repulsive exponent must exceed the attractive one")
        return self

    def terms(self, epsilon: float, sigma: float, cutoff: float) -> Terms:
        """Two powers and the constant that removes the energy at the cutoff."""
        n, m = self.repulsive, self.attractive
        strength = n / (n - m) * (n / m) ** (m / (n - m)) * epsilon
        shift = strength * ((sigma / cutoff) ** n - (sigma / cutoff) ** m)
        return {-n: strength * sigma**n, -m: -strength * sigma**m, 0: -shift}


class InversePower(PowerForm):
    r"""Purely repulsive power: soft spheres.

    .. math:: u(r) = \epsilon [x^{-n} + C_0 + C_2 x^2 + C_4 x^4], \quad x = r/\sigma

    The constants make energy, force and stiffness vanish at the cutoff (``cut: polynomial``), as
    for the polydisperse soft spheres, n = 12 and :math:`x_c = 1.25`, of Ninarello, Berthier and
    Coslovich, Phys. Rev. X 7, 021039 (2017), eqs. 1-2; or C0 alone removes the energy and the
    force jumps (``cut: shifted``).
    """

    form: Literal["inverse-power"] = "inverse-power"
    exponent: int = Field(ge=1, le=60, description="n")
    cut: Literal["polynomial", "shifted"] = "polynomial"

    @property
    def core(self) -> float:
        """Where the energy is a thousand epsilon, at most half of sigma."""
        return float(min(0.5, 1e3 ** (-1 / self.exponent)))

    def terms(self, epsilon: float, sigma: float, cutoff: float) -> Terms:
        """Return the power and what removes it at the cutoff."""
        n, x = self.exponent, cutoff / sigma
        if self.cut == "shifted":
            return {-n: epsilon * sigma**n, 0: -epsilon * x**-n}
        c0, c2, c4 = smoothing(x**-n, -n * x ** (-n - 1), n * (n + 1) * x ** (-n - 2), x)
        return {
            -n: epsilon * sigma**n,
            0: epsilon * c0,
            2: epsilon * c2 / sigma**2,
            4: epsilon * c4 / sigma**4,
        }


class Harmonic(PowerForm):
    r"""Soft repulsive spheres, which may overlap; nothing beyond the diameter.

    .. math:: u(r) = \frac{\epsilon}{2} (1 - r/\sigma)^2 \quad (r < \sigma)

    O'Hern, Langer, Liu and Nagel, Phys. Rev. Lett. 88, 075507 (2002), eq. 1 with alpha = 2. The
    force is continuous, the stiffness jumps at the contact.
    """

    pair_keys: ClassVar[tuple[str, ...]] = ("epsilon", "sigma")
    form: Literal["harmonic"] = "harmonic"

    @property
    def core(self) -> float:
        """None: full overlap costs half an epsilon."""
        return 0.0

    def terms(self, epsilon: float, sigma: float, cutoff: float) -> Terms:
        """Return the square written out."""
        return {0: epsilon / 2, 1: -epsilon / sigma, 2: epsilon / (2 * sigma**2)}


def smoothing(value: float, slope: float, curvature: float, x: float) -> tuple[float, float, float]:
    """C0, C2 and C4 of the even polynomial that takes away a function with its slope and curvature.

    Parameters
    ----------
    value, slope, curvature : of the function at x.
    """
    c4 = (slope / x - curvature) / (8 * x**2)
    c2 = -(slope + 4 * c4 * x**3) / (2 * x)
    return -(value + c2 * x**2 + c4 * x**4), c2, c4


class Tabulated(Settings):
    """Rows of distance, energy and force for each pair; see :mod:`glasscast.liquid.tables`."""

    pair_keys: ClassVar[tuple[str, ...]] = ("sigma", "table")
    form: Literal["table"] = "table"


#: Any of the potentials, chosen by its ``form``.
Potential = Annotated[
    LennardJonesCut
    | LennardJonesForceShifted
    | LennardJonesPolynomial
    | Mie
    | InversePower
    | Harmonic
    | Tabulated,
    Field(discriminator="form"),
]
