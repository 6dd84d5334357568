"""One configuration to turn around in the browser, coloured by forecast or measurement."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.liquid.interactions import species_name
from glasscast.models.forecast import ModelForecast
from glasscast.report.measured import FloatArray, measured_values, rank_within_species
from glasscast.report.style import drawn_diameters, format_time, target_label

#: Width of the box on the screen, in pixels, that particle sizes are reckoned from.
_BOX_PIXELS = {2: 500.0, 3: 105.0}

#: Reads the data block, fills the plot, follows the controls. No text from outside enters the
#: page other than as text nodes and plotly labels, whose markup plotly itself restricts.
SCRIPT = r"""
(function () {
  const data = JSON.parse(document.getElementById("view-data").textContent);
  const time = document.getElementById("view-time");
  const kind = document.getElementById("view-kind");
  const species = document.getElementById("view-species");
  const share = document.getElementById("view-share");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  function traces() {
    const field = data.fields.find(f => f.time === +time.value && f.kind === kind.value);
    const least = 1 - share.value / 100;
    const chosen = data.species.filter(s => species.value === "all" || species.value === s.name);
    const parts = [];
    for (const s of chosen) {
      parts.push([s, s.members.filter(i => field.rank[i] !== null && field.rank[i] >= least)]);
      const unknown = s.members.filter(i => field.rank[i] === null);
      if (unknown.length && +share.value === 100) { parts.push([s, unknown]); }
    }
    const shown = parts.map(function ([s, keep]) {
      const known = keep.length === 0 || field.rank[keep[0]] !== null;
      const at = axis => keep.map(i => data.positions[axis][i]);
      const marker = {
        size: s.size, color: known ? keep.map(i => field.rank[i]) : "#b4b4b8",
        line: {width: 0}
      };
      if (known) { marker.coloraxis = "coloraxis"; }
      const trace = {
        name: s.name, x: at(0), y: at(1), mode: "markers", marker: marker,
        customdata: keep.map(i => [i, field.value[i]]),
        hovertemplate: s.name + " particle %{customdata[0]}<br>" + (known ? data.label +
          " %{customdata[1]:.4g}<br>rank %{marker.color:.3f}" : "no value") + "<extra></extra>"
      };
      if (data.dimension === 3) { trace.type = "scatter3d"; trace.z = at(2); }
      else { trace.type = "scatter"; }
      return trace;
    });
    return shown.concat([Object.assign({}, data.frame, {
      line: {color: dark.matches ? "#aaa" : "#444", width: 2}})]);
  }
  function layout() {
    const ink = dark.matches ? "#e6e6e6" : "#1d1d1f";
    const axis = title => ({title: {text: title}, showbackground: false, color: ink,
                            showgrid: false, zeroline: false});
    const base = {
      uirevision: "keep", margin: {l: 0, r: 0, t: 8, b: 0}, font: {color: ink},
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      showlegend: false, modebar: {bgcolor: "rgba(0,0,0,0)", color: ink},
      coloraxis: {cmin: 0, cmax: 1, colorscale: "Viridis",
                  colorbar: {title: {text: "rank within<br>species"}, thickness: 14, len: 0.7}}
    };
    if (data.dimension === 3) {
      base.scene = {xaxis: axis("x (σ)"), yaxis: axis("y (σ)"), zaxis: axis("z (σ)"),
                    aspectmode: "data", camera: {center: {x: 0, y: 0, z: -0.12},
                                                  eye: {x: 1.45, y: 1.3, z: 0.85}}};
    } else {
      base.margin = {l: 50, r: 0, t: 8, b: 45};
      base.xaxis = axis("x (σ)");
      base.yaxis = Object.assign(axis("y (σ)"), {scaleanchor: "x"});
    }
    return base;
  }
  function draw() {
    document.getElementById("view-share-label").textContent = share.value + " %";
    Plotly.react("view", traces(), layout(), {responsive: true, displaylogo: false});
  }
  for (const control of [time, kind, species, share]) { control.addEventListener("input", draw); }
  dark.addEventListener("change", draw);
  draw();
})();
"""


def view_data(forecast: ModelForecast, truth: Configuration) -> str:
    """Everything the view shows, as JSON that is safe inside a ``<script>`` element.

    Colour is the rank within the species; hovering shows the value.

    Returns
    -------
    str without ``<``, ``>`` or ``&``, so that no text in it can end the element.
    """
    configuration = forecast.configuration
    pixels = _BOX_PIXELS[configuration.dimension] / float(configuration.box.max())
    sizes = drawn_diameters(configuration)
    species = [
        (kind, np.flatnonzero(configuration.types == kind)) for kind in configuration.species
    ]
    content = {
        "dimension": configuration.dimension,
        "label": target_label(forecast.target),
        "positions": [_short(axis) for axis in configuration.positions.T],
        "species": [
            {
                "name": species_name(kind),
                "size": pixels * float(sizes[members[0]]),
                "members": members.tolist(),
            }
            for kind, members in species
        ],
        "fields": list(_fields(forecast, truth)),
        "frame": _frame(configuration.box),
    }
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def view_choices(forecast: ModelForecast, truth: Configuration) -> tuple[list[str], list[str]]:
    """List times, and kinds among ``predicted`` and ``true``, that the view offers.

    ``true`` is offered only when it is known at every time.
    """
    known = all(measured_values(forecast, truth, t) is not None for t in forecast.times)
    kinds = ["predicted", "true"] if known else ["predicted"]
    return [format_time(t) for t in forecast.times], kinds


def _fields(forecast: ModelForecast, truth: Configuration) -> Any:
    types = forecast.configuration.types
    kinds = view_choices(forecast, truth)[1]
    for row, time in enumerate(forecast.times):
        for kind in kinds:
            values = np.asarray(forecast.values[row], dtype=np.float64)
            if kind == "true":
                measured = measured_values(forecast, truth, time)
                assert measured is not None  # view_choices made sure
                values = measured
            ranks = rank_within_species(values, types)
            yield {"time": row, "kind": kind, "value": _short(values), "rank": _short(ranks)}


def _short(values: FloatArray) -> list[float | None]:
    """Four significant digits are enough to look at; None where there is no number."""
    return [float(f"{v:.4g}") if np.isfinite(v) else None for v in values]


def _frame(box: NDArray[np.float64]) -> dict[str, Any]:
    """Edges of the box as one line with gaps."""
    dimension = len(box)
    corners = np.array(np.meshgrid(*[[0, 1]] * dimension, indexing="ij")).reshape(dimension, -1).T
    lines: list[list[float | None]] = [[] for _ in box]
    for a in corners:
        for axis in range(dimension):
            if a[axis] == 0:
                b = a.copy()
                b[axis] = 1
                for k, line in enumerate(lines):
                    line += [float(a[k] * box[k]), float(b[k] * box[k]), None]
    kind = "scatter3d" if dimension == 3 else "scatter"
    frame: dict[str, Any] = dict(zip("xyz", lines, strict=False))
    return frame | {"type": kind, "mode": "lines", "hoverinfo": "skip", "showlegend": False}
