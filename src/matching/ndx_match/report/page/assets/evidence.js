// How well accepted and rejected pairs are separated, and how many cells are found again over days.

function evidenceSection(store) {
  const { plane } = store.state;
  if (!plane.distributions.length) return section("evidence", "Evidence", "The match file holds no candidate pairs of ROIs.");
  return section("evidence", "Evidence",
    "The candidate pairs of ROIs in the match file (pairs with a probability below 0.001 are not stored), and the distances of each ROI from the nearest and second nearest ROI of another session. If two groups are well separated, there is little doubt.",
    el("div", { class: "charts" }, ...plane.distributions.map(histogram)));
}

function timeSection(store) {
  const place = el("div", { class: "charts wide" });
  const show = (state, changed = () => true) => { if (changed("cells")) replaceChildren(place, survival(state), sizesChart(state), fractions(state)); };
  store.subscribe(show);
  show(store.state);
  return section("time", "Over the sessions", "", place);
}

function survival(state) {
  const { plane } = state, { shared } = of(state), dated = plane.sessions.every((session) => session.day !== null), points = [];
  plane.sessions.forEach((one, i) => plane.sessions.forEach((other, j) => {
    if (i === j || !shared[i][i] || !one.matched || !other.matched) return;
    const apart = dated ? other.day - one.day : j - i;
    if (apart > 0 || (apart === 0 && i < j)) points.push([apart, shared[i][j] / shared[i][i], i, j]);
  }));
  if (!points.length) return null;
  const high = Math.max(1, ...points.map(([x]) => x)), middle = medians(points);
  const label = `Part of a session's cells that is found again later: ${middle.map(([x, y]) => `${tickText(Number(x.toFixed(1)))} ${dated ? "days" : "sessions"}: ${shown(y)}`).slice(0, 12).join("; ")}.`;
  return el("figure", {}, el("figcaption", {}, "Cells found again, as a fraction of the cells of the earlier session (line: median)"),
    chart(label, { low: 0, high, title: dated ? "Days between two sessions" : "Sessions between" }, { low: 0, high: 1, title: "Part found again" }, (px, py) => svg("g", {},
      svg("polyline", { class: "line", points: middle.map(([x, y]) => `${px(x)},${py(y)}`).join(" ") }),
      ...points.map(([x, y, i, j]) => svg("circle", { class: "dot", cx: px(x), cy: py(y), r: points.length > 300 ? 2 : 3.5 },
        svg("title", {}, `${plane.sessions[i].name} and ${plane.sessions[j].name}: ${shown(y)}`))))));
}

// The median in each of a few groups of equal distance.
function medians(points) {
  const groups = new Map(), step = Math.max(...points.map(([x]) => x)) / 12 || 1;
  for (const [x, y] of points) {
    const key = Math.round(x / step);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push([x, y]);
  }
  const median = (values) => { const sorted = [...values].sort((a, b) => a - b); return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2; };
  return [...groups].sort((a, b) => a[0] - b[0]).map(([, group]) => [median(group.map(([x]) => x)), median(group.map(([, y]) => y))]);
}

function sizesChart(state) {
  const { sizes } = of(state), n = state.plane.sessions.length, counts = new Array(n).fill(0);
  for (const size of sizes) if (size) counts[size - 1] += 1;
  const label = `Cells by the number of sessions in which they were seen: ${counts.map((value, k) => `${value} in ${k + 1}`).join(", ")}.`;
  return el("figure", {}, el("figcaption", {}, "Cells by the number of sessions in which they were seen"),
    chart(label, { low: 0.5, high: n + 0.5, title: "Sessions" }, { low: 0, high: Math.max(1, ...counts) * 1.1, title: "Cells" }, (px, py) => svg("g", {},
      ...counts.flatMap((value, k) => {
        const [left, right] = [px(k + 0.6), px(k + 1.4)];
        return [svg("rect", { class: k ? "bar1" : "bar0", x: left, y: py(value), width: right - left, height: py(0) - py(value) }, svg("title", {}, `${count(value, "cell")} in ${count(k + 1, "session")}`)),
          n <= 12 ? svg("text", { class: "value", x: (left + right) / 2, y: py(value) - 4, "text-anchor": "middle" }, String(value)) : null];
      }))));
}

function fractions(state) {
  const { plane } = state, { shared } = of(state);
  return el("figure", {}, el("figcaption", {}, "Cells in both sessions, as a fraction of the cells in either"),
    matrix("Part of the cells that every two sessions share.", plane, (i, j) => {
      if (i === j) return { value: null, text: String(shared[i][i]), title: `${plane.sessions[i].name}: ${count(shared[i][i], "cell")}`, className: "diagonal" };
      const either = shared[i][i] + shared[j][j] - shared[i][j], value = either ? shared[i][j] / either : null;
      return { value, text: shown(value), title: `${plane.sessions[i].name} and ${plane.sessions[j].name}: ${count(shared[i][j], "cell")} in both, ${shown(value)}` };
    }), el("p", { class: "note" }, "On the diagonal the cells of each session; numbers are those of the sessions in the table below."));
}
