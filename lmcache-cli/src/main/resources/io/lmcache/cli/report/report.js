(() => {
  "use strict";
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const places = [...document.querySelectorAll(".chart")];
  // Told apart without colours, too.
  const dashes = [[], [8, 4], [2, 3], [10, 3, 2, 3], [4, 4], [14, 4], [1, 4], [6, 2, 2, 2]];
  const paperWidth = 660;
  let drawn = [];

  const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const number = value => value == null ? "–"
    : Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 1 ? value.toFixed(2) : value.toPrecision(3);

  // Ticks of one axis have as many decimals as their distance needs.
  function ticks(splits) {
    const distance = splits.length > 1 ? splits[1] - splits[0] : 1;
    const decimals = Math.max(0, Math.min(6, Math.ceil(-Math.log10(distance) - 1e-9)));
    return splits.map(value => value.toFixed(decimals));
  }

  function series(one, index, isOnlyBar) {
    const stroke = colour("--s" + index % 8);
    const look = { label: one.name, stroke, value: (u, value) => number(value) };
    if (one.kind === "BAR") {
      return { ...look, fill: stroke + (isOnlyBar ? "aa" : "77"), points: { show: false },
        paths: uPlot.paths.bars({ size: [0.6, 60] }) };
    }
    if (one.kind === "MARK") {
      return { ...look, paths: () => null, points: { show: true, size: 12, width: 2, fill: colour("--paper") } };
    }
    return { ...look, width: 2, dash: dashes[index % dashes.length], points: { show: one.y.length < 30, size: 6 } };
  }

  function draw(chart, place, width) {
    const last = chart.x.length - 1;
    const axis = { stroke: colour("--ink"), grid: { stroke: colour("--grid"), width: 1 },
      ticks: { stroke: colour("--grid"), width: 1 }, font: "12px system-ui, sans-serif",
      labelFont: "13px system-ui, sans-serif" };
    const longest = Math.max(...chart.x.map(text => text.length));
    const step = Math.max(1, Math.ceil(chart.x.length * (longest * 8 + 14) / Math.max(1, width - 80)));
    const bars = chart.series.filter(one => one.kind === "BAR").length;
    return new uPlot({
      width, height: Math.round(Math.max(260, Math.min(380, width * 0.5))),
      scales: {
        x: { time: false, range: () => [-0.5, last + 0.5] },
        y: { range: (u, min, max) => [Math.min(0, min || 0), (max || 1) * 1.05] },
      },
      axes: [
        { ...axis, label: chart.xLabel, splits: () => chart.x.map((_, i) => i).filter(i => i % step === 0),
          values: (u, splits) => splits.map(i => chart.x[i]) },
        { ...axis, label: chart.yLabel, size: 64, values: (u, splits) => ticks(splits) },
      ],
      series: [
        { label: chart.xLabel, value: (u, i) => i == null ? "–" : chart.x[i] },
        ...chart.series.map((one, i) => series(one, i, bars === 1)),
      ],
      cursor: { drag: { x: false, y: false } },
      legend: { markers: { width: 3, dash: (u, i) => ["solid", "dashed", "dotted", "double"][(i - 1) % 4] } },
    }, [chart.x.map((_, i) => i), ...chart.series.map(one => one.y)], place);
  }

  function drawAll(width) {
    drawn.forEach(plot => plot.destroy());
    drawn = charts.map((chart, i) => draw(chart, places[i], width || places[i].clientWidth));
    document.body.dataset.drawn = drawn.length;
  }

  addEventListener("beforeprint", () => {
    document.documentElement.classList.add("paper");
    drawAll(paperWidth);
  });
  addEventListener("afterprint", () => {
    document.documentElement.classList.remove("paper");
    drawAll();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll());
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) {
      width = innerWidth;
      drawAll();
    }
  });
  drawAll();
})();
