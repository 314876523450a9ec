// The outlines of all sessions in the frame of one of them.

function frameSection(store) {
  const { plane } = store.state;
  const reference = referenceOf(plane);
  const session = plane.sessions[reference], [height, width] = session.shape;
  const maps = plane.sessions.map((each, k) => (each.matched ? mapBetween(plane, k, reference) : k === reference ? mapBetween(plane, k, k) : null));
  const colours = plane.sessions.map((_, k) => sessionColour(k, plane.sessions.length));
  const paths = cached((k) => plane.sessions[k].rois.map((roi) => roi && maps[k] && pathOf(roi.parts.map((points) => carried(points, maps[k])))));
  const view = { zoom: 1, x: width / 2, y: height / 2 };

  const transform = (shownWidth, shownHeight) => {
    const scale = (shownWidth / width) * view.zoom;
    view.x = clamp(view.x, shownWidth / 2 / scale, width - shownWidth / 2 / scale);
    view.y = clamp(view.y, shownHeight / 2 / scale, height - shownHeight / 2 / scale);
    return { scale, left: shownWidth / 2 - view.x * scale, top: shownHeight / 2 - view.y * scale };
  };
  const painted = paintedCanvas((context, shownWidth, shownHeight, again) => {
    const { state } = store, { scale, left, top } = transform(shownWidth, shownHeight);
    context.fillStyle = "#101418";
    context.fillRect(0, 0, shownWidth, shownHeight);
    context.translate(left, top);
    context.scale(scale, scale);
    if (state.backdrop) {
      context.globalAlpha = 0.55;
      paintImage(context, session, again);
      context.globalAlpha = 1;
    }
    const { cellOf, sizes } = of(state);
    context.lineWidth = clamp(0.5 * view.zoom, 0.8, 1.6) / scale;
    context.globalAlpha = plane.sessions.length > 10 ? 0.6 : 0.9;
    plane.sessions.forEach((each, k) => {
      if (!maps[k] || state.hidden.has(k)) return;
      paths(k).forEach((path, row) => {
        const cell = cellOf[k][row];
        if (!path || cell < 0) return;
        const followed = sizes[cell] > 1;
        context.strokeStyle = state.colouring === "session" ? colours[k] : followed ? plane.colours[cell] : "rgba(255,255,255,0.6)";
        context.stroke(path);
      });
    });
    context.globalAlpha = 1;
    if (state.cell !== null) {
      state.cells[state.cell].forEach((row, k) => {
        if (row < 0 || !maps[k] || state.hidden.has(k) || !paths(k)[row]) return;
        for (const [style, lineWidth] of [["#000", 5], [state.colouring === "session" ? colours[k] : "#fff", 2.5]]) {
          context.strokeStyle = style;
          context.lineWidth = lineWidth / scale;
          context.stroke(paths(k)[row]);
        }
      });
      const place = placeOf(state, state.cell, reference);
      if (place) {
        context.strokeStyle = "#fff";
        context.lineWidth = 1.5 / scale;
        context.beginPath();
        context.arc(...place, plane.typicalExtent * 1.2, 0, 2 * Math.PI);
        context.stroke();
      }
    }
  }, { role: "img", tabindex: 0, class: "frame", style: `aspect-ratio: ${width} / ${height}; --shape: ${width / height}`,
    "aria-label": `Outlines of ${maps.filter(Boolean).length} sessions in the frame of ${session.name}. Plus and minus zoom, arrow keys move.` });
  const { canvas } = painted;
  const zoomTo = (zoom) => { view.zoom = clamp(zoom, 1, 16); painted.redraw(); };
  const moveBy = (dx, dy) => { const { scale } = transform(canvas.clientWidth, canvas.clientHeight); view.x -= dx / scale; view.y -= dy / scale; painted.redraw(); };
  let held = null;
  canvas.addEventListener("pointerdown", (event) => { held = { x: event.clientX, y: event.clientY, moved: false }; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", (event) => {
    if (!held) return;
    const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
    if (!held.moved && Math.hypot(dx, dy) < 4) return;
    held = { x: event.clientX, y: event.clientY, moved: true };
    moveBy(dx, dy);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (held && !held.moved) {
      const box = canvas.getBoundingClientRect(), { scale, left, top } = transform(box.width, box.height);
      store.dispatch({ type: "select", cell: nearestCell(store.state, maps, (event.clientX - box.left - left) / scale, (event.clientY - box.top - top) / scale) });
    }
    held = null;
  });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== canvas) return;
    event.preventDefault();
    zoomTo(view.zoom * (event.deltaY < 0 ? 1.2 : 1 / 1.2));
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
    if (event.key === "+" || event.key === "=") zoomTo(view.zoom * 1.4);
    else if (event.key === "-") zoomTo(view.zoom / 1.4);
    else if (event.key === "0") zoomTo(1);
    else if (moves[event.key]) moveBy(...moves[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  store.subscribe((state, changed) => { if (changed("cells", "cell", "hidden", "colouring", "backdrop")) painted.redraw(); });

  const colouring = segments("Colour", "colouring", { session: "by session", cell: "by cell" }, store.state.colouring, (value) => store.dispatch({ type: "set", colouring: value }));
  const all = (hide) => () => { store.dispatch({ type: "set", hidden: new Set(hide ? plane.sessions.keys() : []) }); for (const box of list.querySelectorAll("input:not(:disabled)")) box.checked = !hide; };
  const list = el("div", { class: "session-list" }, ...plane.sessions.map((each, k) => {
    const box = el("input", { type: "checkbox", checked: Boolean(maps[k]), disabled: !maps[k], onchange: () => store.dispatch({ type: "toggleSession", session: k }) });
    return el("label", { class: "tick", title: maps[k] ? each.name : `${each.name}: not aligned with the others` }, box, el("i", { class: "swatch", style: `background: ${colours[k]}` }),
      el("span", {}, `${k + 1} · ${each.short} ${each.date}`, k === reference ? el("em", {}, " (frame)") : null));
  }));
  return section("frame", "All sessions in one frame",
    `The outlines of all sessions, mapped by their alignments into the frame of ${session.name}. If the sessions are aligned well, the outlines of each cell lie on each other.`,
    el("div", { class: "frame-layout" },
      el("div", {}, canvas, el("div", { class: "controls" },
        button("+", () => zoomTo(view.zoom * 1.4), { "aria-label": "Zoom in" }), button("−", () => zoomTo(view.zoom / 1.4), { "aria-label": "Zoom out" }),
        button("Whole field", () => zoomTo(1)), colouring.element, tick("Image", true, (value) => store.dispatch({ type: "set", backdrop: value })))),
      el("div", {}, list, el("div", { class: "controls" }, button("All", all(false)), button("None", all(true))))));
}

// The session from which most others can be reached by one alignment.
function referenceOf(plane) {
  const links = plane.sessions.map((_, k) => plane.pairs.filter((pair) => pair.registered && (pair.fixed === k || pair.moving === k)).length);
  return links.indexOf(Math.max(...links));
}

function carried(points, map) {
  const made = new Float32Array(points.length);
  for (let k = 0; k < points.length; k += 2) [made[k], made[k + 1]] = map(points[k], points[k + 1]);
  return made;
}

function nearestCell(state, maps, x, y) {
  let best = null, least = state.plane.typicalExtent;
  const { cellOf } = of(state);
  state.plane.sessions.forEach((session, k) => {
    if (!maps[k] || state.hidden.has(k)) return;
    session.rois.forEach((roi, row) => {
      if (!roi || cellOf[k][row] < 0) return;
      const [cx, cy] = maps[k](...roi.centre), distance = Math.hypot(cx - x, cy - y);
      if (distance < least) { least = distance; best = cellOf[k][row]; }
    });
  });
  return best;
}

// From dark violet over blue and green to yellow, like viridis, but light enough for a dark background.
const VIRIDIS = [[122, 92, 219], [64, 134, 222], [32, 178, 170], [94, 201, 98], [253, 231, 37]];
function sessionColour(k, n) {
  if (n <= 3) return ["#56b4e9", "#f0e442", "#e67fb8"][k];
  const t = (k / (n - 1)) * (VIRIDIS.length - 1), low = Math.min(t | 0, VIRIDIS.length - 2), a = t - low;
  return `rgb(${VIRIDIS[low].map((value, c) => Math.round(value * (1 - a) + VIRIDIS[low + 1][c] * a)).join(", ")})`;
}
