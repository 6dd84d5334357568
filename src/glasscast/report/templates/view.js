// Reads the data block, fills the plot, follows the controls. No text from outside enters the
// page other than as text nodes and plotly labels, whose markup plotly itself restricts.
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
    // Nobody's data leave the page: plotly's buttons that send them to a server are off.
    Plotly.react("view", traces(), layout(), {
      responsive: true, displaylogo: false, showSendToCloud: false, showEditInChartStudio: false,
      modeBarButtonsToRemove: ["sendDataToCloud", "editInChartStudio"],
    });
  }
  for (const control of [time, kind, species, share]) { control.addEventListener("input", draw); }
  dark.addEventListener("change", draw);
  draw();
})();
