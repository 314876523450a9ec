// Charts as SVG, with texts that describe them.

const SIZE = { width: 360, height: 200, left: 52, right: 10, top: 10, bottom: 36 };

function chart(label, x, y, marks, size = SIZE) {
  const { width, height, left, right, top, bottom } = size;
  const [across, up] = [width - left - right, height - top - bottom];
  const px = (value) => left + ((value - x.low) / (x.high - x.low || 1)) * across;
  const py = (value) => top + up - ((value - y.low) / (y.high - y.low || 1)) * up;
  const axes = svg("g", { class: "axes" },
    svg("line", { x1: left, x2: width - right, y1: top + up, y2: top + up }),
    ...ticks(x.low, x.high).map((value) => svg("text", { x: px(value), y: height - bottom + 15, "text-anchor": "middle" }, tickText(value))),
    ...ticks(y.low, y.high).map((value) => svg("g", {},
      svg("line", { class: "grid", x1: left, x2: width - right, y1: py(value), y2: py(value) }),
      svg("text", { x: left - 6, y: py(value) + 4, "text-anchor": "end" }, tickText(value)))),
    svg("text", { x: left + across / 2, y: height - 4, "text-anchor": "middle", class: "title" }, x.title),
    svg("text", { x: 11, y: top + up / 2, "text-anchor": "middle", class: "title", transform: `rotate(-90 11 ${top + up / 2})` }, y.title));
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, class: "chart" }, axes, marks(px, py));
}

function ticks(low, high, wanted = 5) {
  const raw = (high - low || 1) / wanted, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((value) => value >= raw);
  const found = [];
  for (let value = Math.ceil(low / step - 1e-9) * step; value <= high + step * 1e-6; value += step) found.push(Math.abs(value) < 1e-12 ? 0 : value);
  return found;
}
const tickText = (value) => (Math.abs(value) >= 10000 ? `${Number((value / 1000).toPrecision(4))}k` : String(Number(value.toPrecision(6))));

// Two histograms over each other, each as fractions of its group, because one may be hundreds of times as large.
function histogram({ name, lowest, highest, counts }) {
  const groups = Object.entries(counts).map(([group, values]) => ({ group, values, total: values.reduce((a, b) => a + b, 0) }));
  const parts = ({ values, total }) => values.map((value) => (total ? value / total : 0));
  const tallest = Math.max(0.01, ...groups.flatMap(parts)), width = (highest - lowest) / groups[0].values.length;
  const mode = ({ values, total }) => (total ? `, most often about ${tickText(lowest + (values.indexOf(Math.max(...values)) + 0.5) * width)}` : "");
  const label = `${name}: ${groups.map((each) => `${each.total} ${each.group}${mode(each)}`).join("; ")}.`;
  const drawn = chart(label, { low: lowest, high: highest, title: name }, { low: 0, high: tallest, title: "Part of the group" }, (px, py) =>
    svg("g", {}, ...groups.map((each, k) => {
      let d = `M${px(lowest)},${py(0)}`;
      parts(each).forEach((value, bin) => { d += `V${py(value)}H${px(lowest + (bin + 1) * width)}`; });
      return svg("path", { d: `${d}V${py(0)}Z`, class: `group${k}` });
    }).reverse()));
  return el("figure", {}, el("figcaption", { class: "legend" }, ...groups.map(({ group, total }, k) =>
    el("span", {}, el("i", { class: `key${k}` }), `${group} (${total.toLocaleString("en")})`))), drawn);
}

// A matrix of coloured squares, one for every two sessions. `at(i, j)` gives {value 0..1 or null, text, title, className, action}.
function matrix(label, plane, at) {
  const n = plane.sessions.length, cell = n <= 12 ? 40 : Math.max(9, Math.round(480 / n)), margin = n <= 12 ? 24 : 18;
  const every = Math.ceil(n / 25), side = margin + n * cell;
  const squares = [], texts = [];
  for (let i = 0; i < n; i++) {
    if (i % every === 0) {
      texts.push(svg("text", { x: margin + (i + 0.5) * cell, y: margin - 6, "text-anchor": "middle" }, String(i + 1)));
      texts.push(svg("text", { x: margin - 5, y: margin + (i + 0.5) * cell + 3.5, "text-anchor": "end" }, String(i + 1)));
    }
    for (let j = 0; j < n; j++) {
      const entry = at(i, j);
      if (!entry) continue;
      const gap = n <= 25 ? 1 : 0.5;
      const square = svg("rect", { x: margin + j * cell + gap / 2, y: margin + i * cell + gap / 2, width: cell - gap, height: cell - gap,
        class: entry.className ?? "", style: entry.value === null ? null : `fill: ${ramp(entry.value)}`, onclick: entry.action }, svg("title", {}, entry.title));
      squares.push(square);
      if (n <= 12 && entry.text) texts.push(svg("text", { class: `value${entry.value > 0.5 ? " on-dark" : ""} ${entry.className ?? ""}`, x: margin + (j + 0.5) * cell,
        y: margin + (i + 0.5) * cell + 4, "text-anchor": "middle" }, entry.text));
    }
  }
  return svg("svg", { viewBox: `0 0 ${side} ${side}`, role: "img", "aria-label": label, class: "matrix", style: `max-width: ${side * 1.25}px` }, ...squares, ...texts);
}

// From pale to dark blue, which can be distinguished without colour vision and in print.
function ramp(value) {
  const t = clamp(value, 0, 1), mix = (a, b) => Math.round(a + (b - a) * t);
  return `rgb(${mix(235, 8)}, ${mix(243, 72)}, ${mix(251, 142)})`;
}
