// Charts arrive with names for colours and times in UTC; here they get the theme's colours and the reader's zone.
"use strict";
(function () {
  const T = window.turtle;
  const offset = (ms) => -new Date(ms).getTimezoneOffset() * 60000;
  // as text: plotly reads numbers differently in different places
  const stamp = (ms) => new Date(ms + offset(ms)).toISOString().slice(0, 23).replace("T", " ");
  const seen = (hex, alpha) => {
    const n = parseInt(hex.slice(1), 16);
    return "rgba(" + [n >> 16, (n >> 8) & 255, n & 255, alpha].join(",") + ")";
  };
  // white or near black, whichever is easier to read on a colour
  const written = (hex) => {
    const n = parseInt(hex.slice(1), 16), part = (at) => { const v = ((n >> at) & 255) / 255; return v <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4); };
    return 0.2126 * part(16) + 0.7152 * part(8) + 0.0722 * part(0) > 0.2 ? "#06131a" : "#ffffff";
  };
  const points = (trace) => {
    const data = trace.z || trace.y;
    if (!data || !data.bdata) return Array.isArray(data) ? data.length : 0;
    const count = Math.floor((data.bdata.length * 3) / 4 / 4);
    return data.shape ? Number(data.shape.split(",")[1]) : count;
  };
  // bars from a moment on: their lengths are milliseconds, and what is said of them may name the moment
  function spans(trace) {
    const from = trace.base;
    trace.x = trace.x.map((length, i) => length + offset(from[i] + length) - offset(from[i]));
    trace.customdata = trace.base = from.map(stamp);
  }
  function place(trace) {
    if (Array.isArray(trace.base) && typeof trace.base[0] === "number") { spans(trace); return; }
    if (typeof trace.x0 !== "number" || !trace.dx) return;
    const n = points(trace), last = trace.x0 + trace.dx * Math.max(n - 1, 0);
    if (offset(trace.x0) === offset(last)) { trace.x0 = stamp(trace.x0); return; }
    // the clocks change within the chart: every point by itself
    trace.x = Array.from({ length: n }, (_, i) => stamp(trace.x0 + i * trace.dx));
    delete trace.x0; delete trace.dx;
  }
  function colour(trace) {
    const meta = trace.meta || {};
    if (meta.scale && trace.type === "bar") { trace.marker.colorscale = [[0, seen(T.css(meta.scale), 0.35)], [1, T.css(meta.scale)]]; return; }
    if (meta.scale) { trace.colorscale = [[0, seen(T.css(meta.scale), 0.05)], [1, T.css(meta.scale)]]; return; }
    const names = Array.isArray(meta.color) ? meta.color : null;
    if (names && (trace.type === "pie" || trace.type === "treemap")) {
      // lines in the colour of the card part the slices; what is written on one is as dark or light as it needs
      trace.marker = Object.assign({}, trace.marker, { colors: names.map(T.css), line: { width: trace.type === "pie" ? 1.5 : 1, color: T.css("surface") } });
      trace.textfont = { color: names.map((name) => (name === "surface" ? T.css("muted") : written(T.css(name)))) };
      if (trace.type === "treemap") trace.root = { color: "rgba(0,0,0,0)" };
      return;
    }
    if (names) { trace.marker = Object.assign({}, trace.marker, { color: names.map(T.css) }); return; }
    const hex = T.css(meta.color || "s1") || "#888888";
    if (trace.type === "bar" || trace.type === "pie") { trace.marker = Object.assign({ line: { width: 0 } }, trace.marker, { color: hex }); return; }
    trace.line = Object.assign({}, trace.line, { color: hex });
    if (trace.marker) trace.marker = Object.assign({}, trace.marker, { color: hex });
    if (trace.fill || trace.stackgroup) trace.fillcolor = seen(hex, meta.fill || 0.16);
  }
  function axis(found) {
    const shown = Object.assign({ gridcolor: T.css("border"), zerolinecolor: T.css("alloc"), linecolor: T.css("border"), tickcolor: T.css("border"), zerolinewidth: 1 }, found);
    return shown;
  }
  function frame(layout) {
    const look = Object.assign({}, layout);
    Object.keys(look).filter((key) => /^[xy]axis/.test(key)).forEach((key) => { look[key] = axis(look[key]); });
    const x = look.xaxis;
    if (x && x.type === "date") {
      if (T.phone()) x.nticks = Math.min(x.nticks || 4, 4);
      if (x.range) x.range = x.range.map((ms) => (typeof ms === "number" ? stamp(ms) : ms));
      x.uirevision = String(x.range);
      x.tickformatstops = [{ dtickrange: [null, 86399999], value: "%H:%M" }, { dtickrange: [86400000, 2591999999], value: "%-d %b" }, { dtickrange: ["M1", null], value: "%b %Y" }];
      x.hoverformat = "%a %-d %b %H:%M:%S";
      x.unifiedhovertitle = { text: "%{x|%a %-d %b %H:%M}" };
    }
    (look.shapes || []).forEach((shape) => ["x0", "x1"].forEach((key) => { if (typeof shape[key] === "number" && shape.xref !== "paper") shape[key] = stamp(shape[key]); if (shape.meta && shape.meta.color) { shape.line = Object.assign({}, shape.line, { color: T.css(shape.meta.color) }); shape.fillcolor = seen(T.css(shape.meta.color), 0.1); } }));
    (look.annotations || []).forEach((note) => { if (typeof note.x === "number" && note.xref !== "paper") note.x = stamp(note.x); });
    const font = { family: "Inter, system-ui, sans-serif", size: 12, color: T.css("muted") };
    return Object.assign(look, {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font, uirevision: "kept", autosize: true,
      height: look.height || (T.phone() ? 200 : 240), modebar: { remove: [] },
      legend: Object.assign({ font: Object.assign({}, font), itemwidth: 30 }, look.legend),
      hoverlabel: { bgcolor: T.css("surface"), bordercolor: T.css("border"), font: Object.assign({}, font, { color: T.css("ink") }), namelength: 40 },
    });
  }
  // Plotly makes room for a legend from what it measured first, which is wrong once a card has another width: count its rows here.
  const ruler = document.createElement("canvas").getContext("2d");
  // a chart alone in its row grows with its legend, so a phone can name as many as a wide screen does
  const ROW = 19, MARK = 45, MOST = () => (T.phone() ? 7 : 4);
  const columnsOf = (grid) => (grid ? getComputedStyle(grid).gridTemplateColumns.split(" ").length : 1);
  // what stands beside the y axis takes room from the legend
  function aside(look) {
    const y = (look && look.yaxis) || {}, words = y.ticktext || (y.ticksuffix ? ["000" + y.ticksuffix] : []);
    return Math.max(46, ...words.map((one) => ruler.measureText(one).width + 16));
  }
  // the card a figure is drawn in, if it has a row of its own; asked for before anything is waited for
  function rowOfItsOwn() {
    const told = (window.dash_clientside.callback_context || {}).outputs_list, id = told && (Array.isArray(told) ? told[0] : told).id;
    const name = id && typeof id === "object" ? "{" + Object.keys(id).sort().map((key) => JSON.stringify(key) + ":" + JSON.stringify(id[key])).join(",") + "}" : id;
    const host = name && document.getElementById(name);
    return Boolean(host && host.closest(".tt-wide"));
  }
  function room(look, alone) {
    const grid = document.querySelector(".tt-grid"), plot = document.querySelector(".tt-plot");
    const columns = alone ? 1 : columnsOf(grid);
    const width = grid ? (grid.clientWidth - 12 * (columns - 1)) / columns : plot ? plot.clientWidth + 32 : 360;
    return Math.max(width - 32 - aside(look) - 10, 160);
  }
  function legendRows(widths, space) {
    if (widths.reduce((sum, width) => sum + width, 0) <= space) return 1;
    // what does not fit into one row stands in columns as wide as the widest name
    return Math.ceil(widths.length / Math.max(Math.floor(space / Math.max(...widths)), 1));
  }
  function legend(drawn, alone) {
    const look = drawn.layout;
    if (!look.showlegend || (look.legend || {}).orientation !== "h") return;
    const named = drawn.data.filter((trace) => trace.showlegend !== false && trace.name);
    const text = document.createElement("textarea");
    ruler.font = "12px Inter, system-ui, sans-serif";
    const space = room(look, alone);
    const widths = named.map((trace) => { text.innerHTML = trace.name; return ruler.measureText(text.value).width + MARK; });
    let count = named.length;
    while (count > 1 && legendRows(widths.slice(0, count), space) > MOST()) count -= 1;
    named.slice(count).forEach((trace) => { trace.showlegend = false; });
    const rows = legendRows(widths.slice(0, count), space);
    const margin = look.margin = Object.assign({}, look.margin, { t: 12 + rows * ROW });
    if (columnsOf(document.querySelector(".tt-grid")) === 1) look.height += (rows - 1) * ROW; // beside each other all are of one height
    Object.assign(look.legend, { yref: "container", y: 1, yanchor: "top", maxheight: margin.t + 20 });
  }
  // A ring's legend stands beside it; on a phone long names would leave no ring, so it goes below and gets its own room.
  function below(drawn) {
    const ring = drawn.data.find((trace) => trace.type === "pie"), look = drawn.layout;
    if (!ring || !look.showlegend || !T.phone()) return;
    const text = document.createElement("textarea");
    ruler.font = "12px Inter, system-ui, sans-serif";
    const widths = ring.labels.map((label) => { text.innerHTML = label; return ruler.measureText(text.value).width + MARK; });
    const foot = 16 + ROW * legendRows(widths, room());
    look.margin = Object.assign({}, look.margin, { b: foot, autoexpand: false });
    look.height = 200 + foot;
    Object.assign(look.legend, { orientation: "h", x: 0, yref: "container", y: 0, yanchor: "bottom" });
  }
  const fonts = document.fonts && document.fonts.load ? document.fonts.load("500 12px Inter").catch(() => null) : Promise.resolve();
  async function paint(figure) {
    const none = window.dash_clientside.no_update;
    if (!figure || !figure.data) return [none, none];
    const alone = rowOfItsOwn();
    await fonts; // the legend is measured with the font it is drawn in
    const drawn = { data: structuredClone(figure.data), layout: frame(structuredClone(figure.layout || {})) };
    drawn.data.forEach((trace) => { place(trace); colour(trace); });
    legend(drawn, alone);
    below(drawn);
    T.settle();
    return [drawn, "tt-plot"];
  }
  window.dash_clientside = Object.assign({}, window.dash_clientside, { turtle: Object.assign({}, (window.dash_clientside || {}).turtle, { paint }) });

  // One cursor for all charts of the page, and zooming one zooms the page.
  const plots = () => Array.from(document.querySelectorAll(".tt-plot:not(.tt-waiting) .js-plotly-plot"));
  function cursors(from, x) {
    plots().forEach((plot) => {
      const box = plot._fullLayout, host = plot.parentElement;
      let mark = host.querySelector(":scope > .tt-cursor");
      if (x === null || plot === from || !box || !box.xaxis || box.xaxis.type !== "date") { if (mark) mark.remove(); return; }
      const at = box.xaxis.d2p(x);
      if (!mark) { mark = document.createElement("div"); mark.className = "tt-cursor"; host.style.position = "relative"; host.appendChild(mark); }
      mark.hidden = at < 0 || at > box.xaxis._length;
      Object.assign(mark.style, { left: box._size.l + at + "px", top: box._size.t + "px", height: box.yaxis._length + "px" });
    });
  }
  // Where a click on a point leads: one address for the trace, one for each point, or names below one address
  function target(point) {
    const href = ((point.data || {}).meta || {}).href, at = point.pointNumber;
    if (!href || typeof href === "string") return href || "";
    const names = Array.isArray(href) ? href : href.names;
    const row = Array.isArray(at) ? names[at[0]] : names[at];
    const found = Array.isArray(row) ? row[Array.isArray(at) ? at[1] : 0] : row;
    if (!found) return "";
    return Array.isArray(href) ? found : href.base + encodeURIComponent(found);
  }
  // Hovering tells all series of a moment; a click means the one it is nearest to, in a stack the area it is in
  function meant(plot, event) {
    const points = (event.points || []).filter(target);
    if (points.length < 2 || !event.event) return points[0];
    const box = plot.getBoundingClientRect(), full = plot._fullLayout, y = event.event.clientY - box.top - full._size.t;
    const tall = (point) => { const drawn = plot.calcdata && plot.calcdata[point.curveNumber], one = drawn && drawn[point.pointNumber]; return point.yaxis.c2p(one && one.s !== undefined && one.y !== undefined ? one.y : point.y); };
    const far = points.map((point) => [tall(point) - y, point]);
    const stacked = points.every((point) => point.data.stackgroup), above = far.filter(([gap]) => gap <= 0);
    const near = stacked && above.length ? above.sort((a, b) => b[0] - a[0]) : far.sort((a, b) => Math.abs(a[0]) - Math.abs(b[0]));
    return near[0][1];
  }
  function bind(plot) {
    plot.dataset.tt = "1";
    let waiting = false;
    plot.on("plotly_hover", (event) => plot.classList.toggle("tt-leads", (event.points || []).some(target)));
    plot.on("plotly_unhover", () => plot.classList.remove("tt-leads"));
    plot.on("plotly_click", (event) => {
      const point = meant(plot, event);
      if (!point) return;
      const href = T.carried(target(point)), press = event.event || {};
      if (press.ctrlKey || press.metaKey) window.open(href, "_blank", "noopener"); else T.open(href);
    });
    plot.on("plotly_hover", (event) => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; cursors(plot, event.xvals ? event.xvals[0] : event.points[0].x); });
    });
    plot.on("plotly_unhover", () => requestAnimationFrame(() => cursors(null, null)));
    plot.on("plotly_relayout", (event) => {
      const low = event["xaxis.range[0]"], high = event["xaxis.range[1]"];
      if (low === undefined || high === undefined || plot._fullLayout.xaxis.type !== "date") return;
      T.zoom(local(low), local(high));
    });
    plot.on("plotly_doubleclick", () => T.stepBack());
  }
  // what plotly calls a time is the reader's clock: read it as such
  function local(text) {
    const d = typeof text === "number" ? new Date(text) : new Date(String(text).replace(" ", "T").slice(0, 23) + "Z");
    return new Date(d.getUTCFullYear(), d.getUTCMonth(), d.getUTCDate(), d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds());
  }
  T.leadsTo = target;
  T.onDom.push(() => plots().filter((plot) => plot.on && !plot.dataset.tt).forEach(bind));
})();
