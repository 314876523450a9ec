// Cells: the fields of all sessions, and one cell at a time in all sessions.

function cellsSection(store) {
  const { plane } = store.state;
  return section("cells", "Cells",
    "Each cell has one colour in all sessions; white outlines are cells of only one session. Click a cell, or step with the arrow keys.",
    ...cellsAndFields(store), presence(store));
}

function cellText(state, cell) {
  const { plane } = state, n = of(state).sizes[cell], sure = sureOf(state.cells, plane, cell);
  const words = [`Cell ${plane.cellIds[cell]}`, `in ${n} of ${count(plane.sessions.length, "session")}`];
  if (n > 1) words.push(sure === null ? `${plane.sureness} unknown` : `${plane.sureness} ${shown(sure)}`);
  if (state.reviews[cell]) words.push(REVIEW_WORDS[state.reviews[cell]] ?? "reviewed");
  return words.join(", ");
}

function cellsAndFields(store) {
  const { plane } = store.state, n = plane.sessions.length;
  const start = n <= 2 ? 520 : n === 3 ? 370 : n <= 6 ? 340 : n <= 20 ? 230 : 170;
  const grid = el("div", { class: "fields", style: `--tile: ${start}px` }, ...plane.sessions.map((_, k) => field(store, k)));
  const size = el("input", { type: "range", min: 110, max: 900, step: 10, value: start, oninput: () => grid.style.setProperty("--tile", `${size.value}px`) });
  return [navigator(store, el("label", {}, "Size of the fields ", size)), grid];
}

function navigator(store, size) {
  const { plane } = store.state;
  const filter = choice("Cells", FILTERS, store.state.filter, (value) => { store.dispatch({ type: "set", filter: value, cell: null }); store.dispatch({ type: "step", by: 1 }); });
  const order = choice("Order", ORDERS, store.state.order, (value) => { store.dispatch({ type: "set", order: value, cell: null }); store.dispatch({ type: "step", by: 1 }); });
  const search = el("input", { type: "search", id: "cell-id", placeholder: "id", size: 5, inputmode: "numeric", onchange: () => {
    const found = plane.cellIds.indexOf(Number(search.value));
    search.setCustomValidity(found < 0 && search.value ? "No cell has this id." : "");
    search.reportValidity();
    if (search.value && found >= 0) store.dispatch({ type: "select", cell: found });
  } });
  const place = el("output", { class: "place" });
  const title = el("h3", { class: "cell-title" });
  const rivals = el("p", { class: "rivals" });
  const strip = el("ol", { class: "strip", tabindex: 0, style: `--crop: ${plane.sessions.length <= 6 ? 128 : 104}px`, "aria-label": "The selected cell in every session" });
  const element = el("div", { class: "follow" },
    el("div", { class: "controls" },
      el("span", { class: "steps" },
        button("‹", () => store.dispatch({ type: "step", by: -1 }), { "aria-label": "Previous cell", title: "Previous cell (←)" }), place,
        button("›", () => store.dispatch({ type: "step", by: 1 }), { "aria-label": "Next cell", title: "Next cell (→)" })),
      filter.element, order.element, el("label", {}, "Go to ", search), size),
    el("div", { class: "cell-line" }, title, rivals), strip, editor(store));

  const crops = plane.sessions.map((session, k) => crop(store, k));
  strip.append(...crops.map(({ element }) => element));
  const show = (state, changed = () => true) => {
    if (!changed("cell", "cells", "filter", "order", "reviews", "marked")) return;
    const list = listOf(state), at = list.indexOf(state.cell);
    place.textContent = list.length ? `${at < 0 ? "–" : at + 1} of ${list.length}` : "none";
    element.classList.toggle("none", state.cell === null);
    replaceChildren(title, state.cell === null ? "No cell selected" : [el("i", { class: "swatch", style: `background: ${plane.colours[state.cell]}` }), cellText(state, state.cell)]);
    replaceChildren(rivals, state.cell === null ? "" : rivalsOf(store, state));
    for (const each of crops) each.show(state);
    if (state.cell !== null) document.getElementById("announce").textContent = cellText(state, state.cell);
  };
  store.subscribe(show);
  show(store.state);
  return element;
}

// The other cells that an ROI of the selected cell would fit too.
function rivalsOf(store, state) {
  const { plane, cells, cell } = state, best = new Map();
  cells[cell].forEach((row, k) => {
    if (row < 0) return;
    const rival = plane.sessions[k].rival[row], measure = plane.sessions[k].rivalMeasure[row];
    if (rival >= 0 && measure >= RIVAL && measure > (best.get(rival) ?? 0)) best.set(rival, measure);
  });
  if (!best.size) return "";
  const first = [...best].sort((a, b) => b[1] - a[1]).slice(0, 3);
  return ["Could also be ", ...first.map(([rival, measure], k) => [k ? ", " : "",
    button(`cell ${plane.cellIds[rival]}`, () => store.dispatch({ type: "select", cell: rival }), { class: "link" }), ` (${plane.measure} ${shown(measure)})`]).flat()];
}

// The neighbourhood of the selected cell in one session.
function crop(store, k) {
  const { plane } = store.state, session = plane.sessions[k];
  const span = Math.max(24, 3.5 * plane.typicalExtent);
  const painted = paintedCanvas((context, width, height, again) => {
    const { state } = store;
    context.fillStyle = "#101418";
    context.fillRect(0, 0, width, height);
    const place = state.cell === null ? null : placeOf(state, state.cell, k);
    if (!place) return;
    const row = state.cells[state.cell][k];
    const wide = Math.max(span, row >= 0 ? 1.6 * session.rois[row].extent : 0), scale = width / wide;
    context.scale(scale, scale);
    context.translate(wide / 2 - place[0], wide / 2 - place[1]);
    context.imageSmoothingQuality = "high";
    context.save();
    paintImage(context, session, again);
    paintRois(context, state, k, 1 / scale, { fill: 0, width: 1, near: place, reach: wide / 2 });
    context.restore();
    paintCell(context, state, k, state.cell, 1 / scale, { width: 2.2 });
  }, { role: "img" });
  const name = el("span", { class: "name", title: session.name }, `${k + 1} · ${session.date || session.short}`);
  const note = el("span", { class: "note" }), roi = el("span", { class: "note" });
  const mark = el("input", { type: "checkbox", "aria-label": `Mark the ROI in ${session.name}`, title: k < 9 ? `Mark the ROI (${k + 1})` : "Mark the ROI", onchange: () => store.dispatch({ type: "mark", session: k }) });
  const element = el("li", {}, painted.canvas, name, note, el("label", { class: "mark-roi" }, mark, roi));
  const show = (state) => {
    const { cell } = state;
    const row = cell === null ? -1 : state.cells[cell][k];
    note.textContent = cell === null ? "" : row < 0 ? presenceText(plane, presenceOf(state, cell, k))
      : changedHere(state, cell) ? "" : session.support[row] === null ? "" : `${plane.measure === "probability" ? "p" : plane.measure} ${shown(session.support[row])}`;
    roi.textContent = row < 0 ? "" : `ROI ${session.roiIds[row]}`;
    mark.hidden = row < 0;
    mark.checked = state.marked.has(k);
    element.classList.toggle("marked", mark.checked);
    element.classList.toggle("absent", row < 0);
    painted.canvas.setAttribute("aria-label", `${session.name}: ${[roi.textContent, note.textContent].filter(Boolean).join(", ")}`);
    painted.redraw();
  };
  return { element, show };
}

function field(store, k) {
  const { plane } = store.state, session = plane.sessions[k], [height, width] = session.shape;
  const unit = (shownWidth) => shownWidth / width;
  const base = paintedCanvas((context, shownWidth, shownHeight, again) => {
    const scale = unit(shownWidth);
    context.scale(scale, scale);
    paintImage(context, session, again);
    paintRois(context, store.state, k, 1 / scale, { width: clamp(scale * 1.2, 0.7, 1.8) });
  }, { role: "img", "aria-label": `Field of ${session.name}: ${count(session.nTakingPart, "ROI")}, ${session.nMatched} in cells that were followed.` });
  const top = paintedCanvas((context, shownWidth) => {
    const { state } = store, scale = unit(shownWidth);
    context.scale(scale, scale);
    if (state.cell !== null) {
      context.fillStyle = "rgba(0, 0, 0, 0.25)";
      context.fillRect(0, 0, width, height);
      paintCell(context, state, k, state.cell, 1 / scale, { ring: 11 });
    }
    if (state.hovered !== null && state.hovered !== state.cell) paintCell(context, state, k, state.hovered, 1 / scale, { width: 1.8 });
  }, { class: "top", "aria-hidden": "true" });
  const tip = el("div", { class: "tip", hidden: true });
  const cellAt = (event) => {
    const box = top.canvas.getBoundingClientRect(), scale = unit(box.width);
    const row = roiAt(session, (event.clientX - box.left) / scale, (event.clientY - box.top) / scale, 4 / scale);
    return row < 0 ? null : [of(store.state).cellOf[k][row], row];
  };
  top.canvas.addEventListener("pointermove", (event) => {
    const found = cellAt(event), cell = found && found[0] >= 0 ? found[0] : null;
    tip.hidden = cell === null;
    top.canvas.style.cursor = cell === null ? "" : "pointer";
    if (cell !== null) {
      const box = top.canvas.getBoundingClientRect();
      tip.textContent = `${cellText(store.state, cell)}; ROI ${session.roiIds[found[1]]}`;
      tip.style.left = `${clamp(event.clientX - box.left, 0, box.width - 60)}px`;
      tip.style.top = `${event.clientY - box.top + 16}px`;
    }
    if (cell !== store.state.hovered) store.dispatch({ type: "hover", cell });
  });
  top.canvas.addEventListener("pointerleave", () => { tip.hidden = true; store.dispatch({ type: "hover", cell: null }); });
  top.canvas.addEventListener("click", (event) => {
    const found = cellAt(event);
    store.dispatch({ type: "select", cell: found && found[0] >= 0 && found[0] !== store.state.cell ? found[0] : null });
  });
  store.subscribe((state, changed) => {
    if (changed("cells")) base.redraw();
    if (changed("cell", "hovered", "cells")) top.redraw();
  });
  return el("figure", { class: `field${session.matched ? "" : " aside"}` },
    el("figcaption", { title: session.name }, el("b", {}, `${k + 1} · ${session.short}`), ` ${session.date}`, el("br"),
      el("span", { class: "note" }, session.matched ? `${session.nMatched} of ${session.nTakingPart} ROIs matched` : session.status)),
    el("div", { class: "stack", style: `aspect-ratio: ${width} / ${height}` }, base.canvas, top.canvas, tip));
}

// A row for each session and a column for each listed cell.
function presence(store) {
  const { plane } = store.state, n = plane.sessions.length;
  const order = memoised((cells) => {
    const { sizes } = of(store.state), first = (cell) => cells[cell].findIndex((row) => row >= 0);
    return cells.map((_, cell) => cell).filter((cell) => sizes[cell] > 1).sort((a, b) => sizes[b] - sizes[a] || first(a) - first(b));
  });
  const rowHeight = clamp(Math.round(260 / n), 5, 22);
  const shades = () => ({ 0: colourOf("absent"), 2: colourOf("outside"), 3: colourOf("ambiguous"), 4: colourOf("outside"), 5: colourOf("outside") });
  const painted = paintedCanvas((context, width, height) => {
    const { state } = store, cells = order(state.cells), step = width / Math.max(cells.length, 1), colours = shades();
    cells.forEach((cell, x) => state.cells[cell].forEach((row, k) => {
      context.fillStyle = row >= 0 ? colourOf.present : colours[presenceOf(state, cell, k)] ?? colours[0];
      context.fillRect(x * step, k * rowHeight, Math.max(step, 0.6), rowHeight - (n <= 25 ? 1 : 0));
    }));
    const at = cells.indexOf(state.cell);
    if (at >= 0) {
      context.strokeStyle = colourOf("text");
      context.lineWidth = 2;
      context.strokeRect(at * step - 2, 1, step + 4, n * rowHeight - 2);
    }
  }, { role: "img", class: "presence", style: `height: ${n * rowHeight}px`, "aria-label": presenceLabel(store.state) });
  colourOf.present = colourOf("accent");
  const cellAt = (event) => {
    const box = painted.canvas.getBoundingClientRect(), cells = order(store.state.cells);
    return cells[Math.floor(((event.clientX - box.left) / box.width) * cells.length)] ?? null;
  };
  painted.canvas.addEventListener("click", (event) => store.dispatch({ type: "select", cell: cellAt(event) }));
  painted.canvas.addEventListener("pointermove", (event) => {
    const cell = cellAt(event), box = painted.canvas.getBoundingClientRect();
    const k = clamp(Math.floor((event.clientY - box.top) / rowHeight), 0, n - 1);
    if (cell !== null) painted.canvas.title = `${cellText(store.state, cell)}; ${plane.sessions[k].name}: ${presenceText(plane, presenceOf(store.state, cell, k))}`;
  });
  store.subscribe((state, changed) => { if (changed("cells", "cell")) painted.redraw(); });
  const codes = Object.keys(plane.presenceLabels).map(Number);
  return el("figure", { class: "presence-figure" },
    el("h3", {}, "In which sessions each cell was seen"),
    el("figcaption", { class: "legend" }, ...codes.map((code) => el("span", {}, el("i", { class: `presence${code}` }), plane.presenceLabels[code]))),
    el("div", { class: "presence-rows" },
      el("div", { class: "row-names", "aria-hidden": "true" }, ...plane.sessions.map((session, k) => el("span", { style: `height: ${rowHeight}px`, title: session.name },
        rowHeight >= 12 || k % Math.ceil(12 / rowHeight) === 0 ? `${k + 1} · ${session.date || session.short}` : ""))),
      painted.canvas),
    el("p", { class: "note" }, `Each column is a cell that was followed, and each row a session. ${presenceLabel(store.state)}`));
}

function presenceLabel(state) {
  const { sizes } = of(state), n = state.plane.sessions.length, numbers = [];
  for (let size = n; size > 1; size--) {
    const cells = sizes.filter((each) => each === size).length;
    if (cells) numbers.push(`${count(cells, "cell")} in ${size}`);
  }
  return numbers.length ? `${numbers.slice(0, 8).join(", ")}${numbers.length > 8 ? ", ..." : ""} of ${n} sessions.` : "No cell was seen in two sessions.";
}
