// An alignment by hand: the same places clicked in both images, or a matrix from a file.

function openLandmarks() {
  const details = document.getElementById("landmarks");
  if (!details) return;
  details.open = true;
  details.scrollIntoView({ block: "start" });
}

function landmarks(store) {
  const { plane } = store.state;
  let points = [[], []]; // of the fixed and of the moving session, (x, y) from the centre of the first pixel
  const said = el("output", { class: "said", role: "status" });
  const use = button("Use this alignment", () => { decide(affineOf(...points)); }, { disabled: true, class: "use" });
  const pairAt = () => plane.pairs[store.state.pair];
  const decide = (matrix) => {
    decideOn(store, { kind: "align", pair: store.state.pair, matrix });
    store.dispatch({ type: "set", look: "overlay" });
    said.textContent = "Taken; the overlay shows it. Save to match the cells again.";
  };
  const sides = ["fixed", "moving"].map((side, at) => {
    const painted = paintedCanvas((context, width, height, again) => {
      const session = plane.sessions[pairAt()[side]], scale = width / session.shape[1];
      context.scale(scale, scale);
      paintImage(context, session, again);
      context.lineWidth = 1.6 / scale;
      context.font = `${13 / scale}px sans-serif`;
      points[at].forEach(([x, y], n) => {
        const [px, py] = [x + 0.5, y + 0.5], arm = 7 / scale;
        context.strokeStyle = context.fillStyle = "#ffd166";
        context.beginPath();
        context.moveTo(px - arm, py); context.lineTo(px + arm, py); context.moveTo(px, py - arm); context.lineTo(px, py + arm);
        context.stroke();
        context.fillText(String(n + 1), px + arm / 2, py - arm / 2);
      });
    }, { class: `landmark ${side}`, role: "img" });
    painted.canvas.addEventListener("click", (event) => {
      const box = painted.canvas.getBoundingClientRect(), scale = box.width / plane.sessions[pairAt()[side]].shape[1];
      if (points[at].length > points[1 - at].length) points[at].pop(); // the last one again
      points[at].push([(event.clientX - box.left) / scale - 0.5, (event.clientY - box.top) / scale - 0.5]);
      show();
    });
    const caption = el("figcaption", {});
    return { painted, caption, side, element: el("figure", {}, caption, painted.canvas) };
  });
  const show = () => {
    const pair = pairAt();
    for (const { painted, caption, side } of sides) {
      const session = plane.sessions[pair[side]];
      caption.textContent = `${side === "fixed" ? "Fixed" : "Moving"}: ${session.name}`;
      painted.canvas.style.aspectRatio = `${session.shape[1]} / ${session.shape[0]}`;
      painted.canvas.setAttribute("aria-label", `Image of ${session.name}; click the same places as in the other.`);
      painted.redraw();
    }
    const [n, m] = points.map((each) => each.length), matrix = n === m && n >= 3 ? affineOf(...points) : null;
    use.disabled = !matrix;
    said.textContent = n !== m ? `Click place ${Math.max(n, m)} in the ${n > m ? "moving" : "fixed"} image too.` : n < 3 ? `${count(n, "place")} of at least 3.`
      : matrix ? `${count(n, "place")}; they fit to ${shown(residual(matrix), 1)} px.` : "These places lie on one line or do not belong together; add places, or clear them.";
  };
  const residual = (matrix) => Math.hypot(...points[0].map(([x, y], n) => { const [X, Y] = applyMatrix(matrix, x, y); return Math.hypot(X - points[1][n][0], Y - points[1][n][1]); })) / Math.sqrt(points[0].length);
  const clear = () => { points = [[], []]; show(); };
  const file = el("input", { type: "file", accept: ".txt,.csv,.json,.mat", onchange: async () => {
    const text = file.files.length ? await file.files[0].text() : "", numbers = (text.slice(0, 10000).match(/[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?/gi) ?? []).map(Number);
    file.value = "";
    if (![6, 9].includes(numbers.length)) { said.textContent = `The file must hold the 6 or 9 numbers of a matrix from the fixed to the moving image, row by row, not ${numbers.length}.`; return; }
    decide([...numbers, ...[0, 0, 1].slice(0, 9 - numbers.length)]);
  } });
  store.subscribe((state, changed) => { if (changed("pair")) clear(); });
  show();
  return el("details", { id: "landmarks", ontoggle: show }, el("summary", {}, "Align this pair by hand"),
    el("p", { class: "explanation" }, "Click three or more places, well apart, first in one image and then the same places in the other; vessels are good landmarks. Or give a file with the matrix."),
    el("div", { class: "controls" }, use, button("Clear", clear), el("label", {}, "Matrix from a file ", file), said),
    el("div", { class: "landmark-pair" }, ...sides.map(({ element }) => element)));
}
