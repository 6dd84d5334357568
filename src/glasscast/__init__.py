"""Forecast how a glass-forming liquid will move from one snapshot of its structure."""

from importlib.metadata import version

__version__ = version("glasscast")
