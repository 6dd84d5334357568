"""Versions of everything that can change a number."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from glasscast import __version__

_PACKAGES = ("numpy", "scipy", "torch", "vesin", "sphericart", "matplotlib", "plotly")


def versions() -> dict[str, str]:
    """Version of this library, of Python, and of the packages that are installed."""
    found = {"glasscast": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
