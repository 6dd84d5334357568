"""Names of the species, said once for scores, files and figures."""

from __future__ import annotations

from string import ascii_uppercase


def species_name(species: int) -> str:
    """Letter of a species: 0 -> A, 1 -> B, ...; past Z its number."""
    return ascii_uppercase[species] if species < len(ascii_uppercase) else str(species)
