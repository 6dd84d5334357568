"""How every figure looks: one palette, one type size.

Figures are built on ``matplotlib.figure.Figure`` itself; pyplot and its global list of open
figures are not used, so figures can be made in any thread and are freed like other objects.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from glasscast.datasets.stages import By

#: Okabe and Ito's colours that stay apart for every common form of colour blindness.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
LINES = ("-", (0, (6, 1.5)), "-.")
#: Mobility, slow to fast; error, too slow to too fast.
MOBILITY_MAP, ERROR_MAP = "viridis", "RdBu_r"
GREY = "#666666"
LEGEND_COLUMNS = 4

_RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.unicode_minus": True,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "errorbar.capsize": 2,
    "xtick.direction": "out",
    "ytick.direction": "out",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "pdf.fonttype": 42,  # text in a PDF stays text that an editor can change
    "svg.fonttype": "none",
}

#: Axis label of each target.
LABELS = {
    "propensity": "propensity (σ)",
    "bond_change": "pair-distance change (σ)",
    "bond_breaking": "bonds kept",
    "neighbour_relative": "neighbour-relative displacement (σ)",
    "nonaffine": "non-affine displacement (σ)",
}
TIME_LABEL = "t (LJ units)"
#: Axis of times, or of the values of stages.
ROW_LABELS: dict[By, str] = {
    "time": TIME_LABEL,
    "scattering": "$F_s(q, t)$",
    "tau_alpha": r"$t / \tau_\alpha$",
    "number": "stage",
}
_WORDS = {"bond_change": "pair-distance change"}


P = ParamSpec("P")
R = TypeVar("R")


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Draw under this module's settings and leave matplotlib's own as they were."""

    @wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with mpl.rc_context(_RC):
            return draw(*args, **kwargs)

    return wrapper


def new_figure(width: float, height: float) -> Figure:
    """Empty figure, size in inches, that lays itself out."""
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(wspace=0.04))
    FigureCanvasAgg(figure)
    return figure


def series_style(k: int) -> dict[str, Any]:
    """Colour, marker and line of the k-th of many series; the first 21 differ in two of them."""
    cycle, place = divmod(k, len(PALETTE))
    return {
        "color": PALETTE[place],
        "marker": MARKERS[(place + 2 * cycle) % len(MARKERS)],
        "ls": LINES[cycle % len(LINES)],
    }


def published_style(k: int) -> dict[str, Any]:
    """Grey, dotted, hollow: the k-th of the curves of others, told apart by their markers."""
    return {
        "color": GREY,
        "marker": MARKERS[k % len(MARKERS)],
        "ls": ":",
        "lw": 1,
        "ms": 4,
        "fillstyle": "none",
    }


def row_height(entries: int) -> float:
    """Height of a row of panels, in inches, above a legend of so many entries."""
    return 3.2 + 0.2 * -(-entries // LEGEND_COLUMNS)


def legend_below(figure: Figure, *panels: Axes) -> None:
    """Legend of some panels below all, each label once, if there is something to tell."""
    named: dict[str, Artist] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    if named:
        columns = min(LEGEND_COLUMNS, len(named))
        figure.legend(list(named.values()), list(named), loc="outside lower center", ncols=columns)


def target_label(target: str) -> str:
    """Axis label of a target, with its unit."""
    return LABELS.get(target, target)


def target_words(target: str) -> str:
    """Name of a target in running text."""
    return _WORDS.get(target, target.replace("_", " "))


def group_words(species: str) -> str:
    """Name of what a score is of: particles of a species, or pairs of two."""
    return f"{species} pairs" if "-" in species else f"{species} particles"


def escape_mathtext(text: str) -> str:
    """Text from outside as plain text: a dollar sign would start a formula, or fail as one."""
    return text.replace("$", r"\$")


def format_time(time: float) -> str:
    """Time for titles, without exponents below a million."""
    return f"{time:.6g}"


def finish_log_axis(axes: Axes, low: float, high: float) -> None:
    """Logarithmic time axis with some room at both ends and minor ticks left unlabelled."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    margin = (high / low) ** 0.06
    axes.set_xlim(low / margin / 1.1, high * margin * 1.1)
    axes.xaxis.set_major_locator(LogLocator(base=10, numticks=8))
    axes.xaxis.set_minor_formatter(NullFormatter())


def finish_row_axis(axes: Axes, by: By, low: float, high: float) -> None:
    """Axis of times, or of the values of stages, from left to right in order of time."""
    axes.set_xlabel(ROW_LABELS[by])
    if by in ("time", "tau_alpha"):
        finish_log_axis(axes, low, high)
    else:
        room = 0.06 * (high - low) or 0.5
        ends = low - room, high + room
        axes.set_xlim(*(ends[::-1] if by == "scattering" else ends))
