"""Names and sizes of the species, said once for scores, files and figures."""

from __future__ import annotations

from string import ascii_uppercase

import numpy as np
from numpy.typing import NDArray

#: sigma_AA, sigma_BB, sigma_CC of the Kob-Andersen mixture and its ternary 2D variant
#: (Jung et al., PRL 130, 238202 (2023)), in sigma_AA.
DIAMETERS = (1.0, 0.88, 0.94)


def species_name(species: int) -> str:
    """Letter of a species: 0 -> A, 1 -> B, ...; past Z its number."""
    return ascii_uppercase[species] if species < len(ascii_uppercase) else str(species)


def diameters(types: NDArray[np.int8]) -> NDArray[np.float64]:
    """Size to draw each particle with, in sigma; 1 for species without a known size."""
    count = max(int(types.max(initial=0)) + 1, len(DIAMETERS))
    table = np.ones(count)
    table[: len(DIAMETERS)] = DIAMETERS
    return table[types]
