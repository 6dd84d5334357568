"""Hypothesis without deadlines: the first call of a library pays for its import."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
