"""Tables as figures: the numbers of the paper beside ours."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from glasscast.report.style import new_figure

_LINE = 0.24  # inches


def table_figure(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    marked: Sequence[tuple[int, int]] = (),
    second: Sequence[tuple[int, int]] = (),
    widths: Sequence[float] | None = None,
    width: float = 7.0,
    note: str = "",
) -> Figure:
    """Draw a table.

    Parameters
    ----------
    heads : of the columns.
    rows : cells.
    marked, second : (row, column) of the cells in bold, and of those in italics.
    widths : share of each column.
    width : in inches.
    note : line below the table.
    """
    figure = new_figure(width, _LINE * (len(rows) + 2.2) + (0.25 if note else 0.0))
    axes = figure.subplots()
    axes.set_axis_off()
    drawn = axes.table(
        cellText=[list(row) for row in rows],
        colLabels=list(heads),
        colWidths=None if widths is None else list(widths),
        loc="upper center",
        cellLoc="center",
        edges="horizontal",
        bbox=Bbox.from_bounds(0.0, 0.12 if note else 0.0, 1.0, 0.88 if note else 1.0),
    )
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(7.5)
    for (row, column), cell in drawn.get_celld().items():
        cell.set_linewidth(0.5)
        if row == 0 or (row - 1, column) in set(marked):
            cell.set_text_props(weight="bold")
        elif (row - 1, column) in set(second):
            cell.set_text_props(style="italic")
        if column == 0:
            cell.set_text_props(ha="left")
            cell.PAD = 0.02
    if note:
        axes.text(0.0, 0.02, note, fontsize=7, transform=axes.transAxes, va="bottom")
    return figure
