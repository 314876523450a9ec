// The alignment of two sessions: the overlay of their images, the numbers, and the deformation.

const LOOKS = { overlay: "Overlay", wipe: "Slider", blink: "Blink", fixed: "Fixed", moving: "Moving, aligned" };
const EXAGGERATION = 5; // of arrows that show the deformation

function pairsSection(store) {
  const { plane } = store.state;
  if (!plane.pairs.length) return section("pairs", "Alignment of the sessions", "The match file holds no alignments.");
  const options = Object.fromEntries(plane.pairs.map((pair, k) => [k, pairName(plane, pair)]));
  const chosen = choice("Pair", options, String(store.state.pair), (value) => store.dispatch({ type: "pair", pair: Number(value) }));
  const look = segments("Show", "look", LOOKS, store.state.look, (value) => store.dispatch({ type: "set", look: value }));
  const wipe = el("input", { type: "range", min: 0, max: 100, value: store.state.wipe, "aria-label": "Position of the slider", oninput: () => store.dispatch({ type: "set", wipe: Number(wipe.value) }) });
  const wipeRow = el("div", { class: "wipe" }, wipe);
  const facts = el("div", { class: "facts" });
  const map = el("div", {});
  const viewer = pairViewer(store);
  const show = (state, changed = () => true) => {
    if (changed("look")) { look.set(state.look); wipeRow.hidden = state.look !== "wipe"; }
    if (changed("pair", "cells", "hand")) {
      chosen.select.value = String(state.pair);
      replaceChildren(facts, ...pairFacts(state));
      replaceChildren(map, pairMap(store));
    }
  };
  store.subscribe(show);
  show(store.state);
  return section("pairs", "Alignment of the sessions",
    "The image of the moving session, mapped by its alignment into the frame of the fixed session. In the overlay, the fixed image is magenta and the moving image green; where they agree, the overlay is grey to white.",
    el("div", { class: "controls" },
      el("span", { class: "steps" },
        button("‹", () => store.dispatch({ type: "stepPair", by: -1 }), { "aria-label": "Previous pair", title: "Previous pair (P)" }), chosen.element,
        button("›", () => store.dispatch({ type: "stepPair", by: 1 }), { "aria-label": "Next pair", title: "Next pair (N)" })),
      look.element, tick("ROIs", store.state.outlines, (value) => store.dispatch({ type: "set", outlines: value })),
      tick("Deformation", store.state.arrows, (value) => store.dispatch({ type: "set", arrows: value }))),
    el("div", { class: "pair-layout" }, el("div", {}, viewer, wipeRow), el("div", {}, facts, map)), landmarks(store));
}

// Apply the alignments by hand to their pairs; all other pairs are as in the file.
function realign(plane, hand) {
  plane.pairs.forEach((pair, k) => {
    pair.before ??= { matrix: pair.matrix, grid: pair.grid, registered: pair.registered, byHand: pair.byHand, level: pair.level };
    Object.assign(pair, pair.before, hand[k] ? { matrix: hand[k], grid: null, registered: true, byHand: true, level: "good" } : {});
  });
  plane.maps = new Map();
}

const pairName = (plane, pair) => `${pair.level === "failed" ? "✕ " : ""}${pair.fixed + 1} · ${plane.sessions[pair.fixed].short} – ${pair.moving + 1} · ${plane.sessions[pair.moving].short}`;

function pairViewer(store) {
  const { plane } = store.state;
  const images = new Map();
  let phase = 0;
  const prepare = (pair) => {
    if (images.has(pair)) return;
    if (images.size > 12) images.clear();
    images.set(pair, null);
    loadPair(plane, pair).then((made) => { images.set(pair, made); painted.redraw(); });
  };
  const painted = paintedCanvas((context, width, height) => {
    const { state } = store, pair = plane.pairs[state.pair], session = plane.sessions[pair.fixed], scale = width / session.shape[1];
    context.fillStyle = "#101418";
    context.fillRect(0, 0, width, height);
    const ready = images.get(pair);
    if (!ready) return;
    const draw = (image) => image && context.drawImage(image, 0, 0, width, height);
    const look = state.look === "blink" ? (phase ? "moving" : "fixed") : state.look;
    if (look === "wipe") {
      draw(ready.fixed);
      const x = (width * state.wipe) / 100;
      context.save();
      context.beginPath();
      context.rect(x, 0, width - x, height);
      context.clip();
      draw(ready.moving);
      context.restore();
      context.fillStyle = "#fff";
      context.fillRect(x - 1, 0, 2, height);
    } else draw(ready[look]);
    context.scale(scale, scale);
    if (state.outlines) {
      const clipTo = (from, to, paint) => {
        context.save();
        context.beginPath();
        context.rect(from, 0, to - from, session.shape[0]);
        context.clip();
        paint();
        context.restore();
      };
      const edge = look === "wipe" ? (session.shape[1] * state.wipe) / 100 : look === "moving" ? 0 : session.shape[1];
      const both = look === "overlay";
      if (both || edge > 0) clipTo(0, both ? session.shape[1] : edge, () => strokeAll(context, session.rois.map((roi, row) => roi && session.path(row)), both ? "#ff9df5" : "#fff", 1 / scale));
      if (both || edge < session.shape[1]) clipTo(both ? 0 : edge, session.shape[1], () => strokeAll(context, ready.paths, both ? "#8dff9b" : "#fff", 1 / scale));
    }
    if (state.arrows) paintArrows(context, plane, pair, 1 / scale);
  }, { role: "img", class: "pair" });
  const { canvas } = painted;
  const describe = (state) => {
    const pair = plane.pairs[state.pair], [height, width] = plane.sessions[pair.fixed].shape;
    canvas.style.aspectRatio = `${width} / ${height}`;
    canvas.style.setProperty("--shape", width / height);
    canvas.setAttribute("aria-label", `${LOOKS[state.look]} of ${plane.sessions[pair.fixed].name} (fixed) and ${plane.sessions[pair.moving].name} (moving). ${levelText(pair)}`);
    canvas.classList.toggle("failed", pair.level === "failed");
  };
  canvas.addEventListener("pointermove", (event) => {
    if (store.state.look !== "wipe") return;
    const box = canvas.getBoundingClientRect();
    store.dispatch({ type: "set", wipe: clamp(((event.clientX - box.left) / box.width) * 100, 0, 100) });
  });
  store.subscribe((state, changed) => {
    if (changed("hand")) images.clear();
    if (changed("pair", "hand")) prepare(plane.pairs[state.pair]);
    if (changed("pair", "look", "hand")) describe(state);
    if (changed("pair", "look", "wipe", "outlines", "arrows", "cells")) painted.redraw();
  });
  describe(store.state);
  prepare(plane.pairs[store.state.pair]);
  setInterval(() => {
    if (store.state.look !== "blink" || !painted.visible) return;
    phase = 1 - phase;
    painted.redraw();
  }, 600);
  return canvas;
}

// Both images in the fixed frame, their overlay, and the outlines of the moving ROIs mapped into this frame.
async function loadPair(plane, pair) {
  const [session, other] = [plane.sessions[pair.fixed], plane.sessions[pair.moving]];
  const [fixed, moving] = await Promise.all([greyOf(session), greyOf(other)]);
  const { width, height } = fixed, map = pair.matrix ? toMoving(plane, pair) : null;
  const seen = new Uint8ClampedArray(width * height);
  const [sx, sy] = [session.shape[1] / width, session.shape[0] / height], [mx, my] = [moving.width / other.shape[1], moving.height / other.shape[0]];
  if (map)
    for (let row = 0, k = 0; row < height; row++)
      for (let col = 0; col < width; col++, k++) {
        const [x, y] = map((col + 0.5) * sx, (row + 0.5) * sy);
        seen[k] = bilinear(moving, x * mx - 0.5, y * my - 0.5);
      }
  const back = map && toFixed(plane, pair);
  return {
    fixed: toCanvas(width, height, (k) => [fixed.data[k], fixed.data[k], fixed.data[k]]),
    moving: toCanvas(width, height, (k) => [seen[k], seen[k], seen[k]]),
    overlay: toCanvas(width, height, (k) => [fixed.data[k], seen[k], fixed.data[k]]),
    paths: back ? other.rois.map((roi) => roi && pathOf(roi.parts.map((points) => carried(points, back)))) : [],
  };
}

function bilinear({ width, height, data }, x, y) {
  if (!(x >= -0.5 && y >= -0.5 && x <= width - 0.5 && y <= height - 0.5)) return 0;
  const left = clamp(Math.floor(x), 0, Math.max(width - 2, 0)), top = clamp(Math.floor(y), 0, Math.max(height - 2, 0));
  const a = clamp(x - left, 0, 1), b = clamp(y - top, 0, 1), k = top * width + left;
  const right = width > 1 ? 1 : 0, below = height > 1 ? width : 0;
  return (data[k] * (1 - a) + data[k + right] * a) * (1 - b) + (data[k + below] * (1 - a) + data[k + below + right] * a) * b;
}

function toCanvas(width, height, colour) {
  const canvas = el("canvas", { width, height }), context = canvas.getContext("2d"), image = context.createImageData(width, height);
  for (let k = 0; k < width * height; k++) {
    const [r, g, b] = colour(k);
    image.data[4 * k] = r; image.data[4 * k + 1] = g; image.data[4 * k + 2] = b; image.data[4 * k + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function strokeAll(context, paths, style, pixel) {
  context.strokeStyle = style;
  context.lineWidth = pixel;
  context.globalAlpha = 0.8;
  for (const path of paths) if (path) context.stroke(path);
  context.globalAlpha = 1;
}

function paintArrows(context, plane, pair, pixel) {
  if (!pair.grid) return;
  const [height, width] = plane.sessions[pair.fixed].shape, n = pair.gridSize;
  context.strokeStyle = context.fillStyle = "#ffd166";
  context.lineWidth = 1.6 * pixel;
  for (let row = 0; row < n; row++)
    for (let col = 0; col < n; col++) {
      const x = (col * (width - 1)) / (n - 1) + 0.5, y = (row * (height - 1)) / (n - 1) + 0.5, k = 2 * (row * n + col);
      const [dx, dy] = [EXAGGERATION * pair.grid[k], EXAGGERATION * pair.grid[k + 1]];
      context.beginPath();
      context.arc(x, y, 1.6 * pixel, 0, 2 * Math.PI);
      context.fill();
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(x + dx, y + dy);
      context.stroke();
    }
}

function levelText(pair) {
  if (!pair.registered) return `Not aligned: ${pair.reason || "no reason given"}.`;
  if (pair.level === "failed") return "Probably aligned wrongly: hardly more matches than a wrong alignment gives.";
  if (pair.level === "doubtful") return `Aligned by way of other sessions; ${pair.reason}.`;
  if (pair.byHand) return "Aligned by hand.";
  return pair.composed ? "Aligned by way of other sessions." : "Aligned.";
}

function pairFacts(state) {
  const { plane } = state, pair = plane.pairs[state.pair], matches = of(state).shared[pair.fixed][pair.moving];
  const rows = [];
  if (pair.score !== null) rows.push(bar("z score", pair.score, pair.chanceScore, "best of alignments that must be wrong", 0));
  if (pair.chanceMatches !== null) rows.push(bar("Accepted pairs", pair.accepted, pair.chanceMatches, "with a wrong alignment", 0));
  if (pair.ssim !== null && pair.score === null) rows.push(fact("Structural similarity", shown(pair.ssim, 3)));
  rows.push(fact("Matches", `${count(matches, "cell")} with an ROI in both${pair.fraction === null ? "" : `; fraction matched ${shown(pair.fraction)}`}`));
  rows.push(fact("Transform", pair.transform));
  rows.push(fact("Deformation", pair.grid ? `up to ${shown(pair.largestDisplacement, 1)} px (arrows are drawn ${EXAGGERATION} times as long)` : "none"));
  if (pair.steps) rows.push(fact("Found by", pair.steps));
  return [el("p", { class: `level ${pair.level}` }, el("span", { class: "mark", "aria-hidden": "true" }), levelText(pair)), el("dl", {}, ...rows.flat())];
}

const fact = (name, value) => [el("dt", {}, name), el("dd", {}, value)];

// A number as a bar, with a line for the number that chance gives.
function bar(name, value, chance, meaning, digits) {
  const most = Math.max(value, chance ?? 0, 1e-9) * 1.05, part = (number) => `${(100 * clamp(number / most, 0, 1)).toFixed(1)}%`;
  const text = `${shown(value, digits)}${chance === null ? "" : `, against ${shown(chance, digits)} by chance`}`;
  return [el("dt", {}, name), el("dd", {}, text, el("div", { class: "bar", title: chance === null ? "" : `The line is ${shown(chance, digits)}: ${meaning}` },
    el("span", { style: `width: ${part(value)}` }), chance === null ? null : el("i", { style: `left: ${part(chance)}` })))];
}

// Every pair as a square to click: the farther its alignment is above chance, the darker the blue; crossed if it failed.
function pairMap(store) {
  const { state } = store, { plane } = state, index = new Map(plane.pairs.map((pair, k) => [pair.fixed * plane.sessions.length + pair.moving, k]));
  if (plane.pairs.length < 2) return null;
  const drawn = matrix("Fraction of ROIs matched in every pair of sessions; a cross marks those that are not aligned.", plane, (i, j) => {
    const k = index.get(i * plane.sessions.length + j);
    if (k === undefined) return null;
    const pair = plane.pairs[k];
    return { value: pair.level === "failed" ? null : pair.fraction ?? 0, text: pair.level === "failed" ? "✕" : shown(pair.fraction),
      className: `${pair.level}${k === state.pair ? " chosen" : ""} clickable`, title: `${pairName(plane, pair)}: ${levelText(pair)} Fraction matched ${shown(pair.fraction)}`,
      action: () => store.dispatch({ type: "pair", pair: k }) };
  });
  const failed = plane.pairs.filter((pair) => pair.level === "failed").length;
  return el("figure", {}, el("figcaption", {}, `Fraction of ROIs matched in each pair (row fixed, column moving); click to see it.${failed ? ` ${count(failed, "pair")} marked red: not aligned, or probably wrongly.` : ""}`), drawn);
}
