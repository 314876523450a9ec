// Canvases with the size at which they are shown, and the painting of a session's field on them.

// A canvas that is painted when it becomes visible, and again when its size or its content changes.
function paintedCanvas(paint, attributes = {}) {
  const canvas = el("canvas", attributes);
  const painted = { canvas, visible: false, stale: true };
  painted.redraw = () => {
    painted.stale = true;
    if (painted.visible && !painted.asked) {
      painted.asked = true;
      requestAnimationFrame(() => { painted.asked = false; painted.now(); });
    }
  };
  painted.now = () => {
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width || !height) return;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    painted.stale = false;
    paint(context, width, height, painted.redraw);
  };
  watched.set(canvas, painted);
  sight.observe(canvas);
  sizes.observe(canvas);
  return painted;
}

const watched = new WeakMap();
const paintedCanvases = () => [...document.querySelectorAll("canvas")].map((canvas) => watched.get(canvas)).filter(Boolean);
const sight = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const painted = watched.get(entry.target);
    painted.visible = entry.isIntersecting;
    if (painted.visible && painted.stale) painted.now();
  }
}, { rootMargin: "300px" });
const sizes = new ResizeObserver((entries) => { for (const entry of entries) watched.get(entry.target).redraw(); });

// The image of a session, or a plain background until it is loaded.
function paintImage(context, session, again) {
  const [height, width] = session.shape;
  context.fillStyle = "#101418";
  context.fillRect(0, 0, width, height);
  if (session.loaded) context.drawImage(session.loaded, 0, 0, width, height);
  else if (session.image) pictureOf(session).then((image) => image && again());
}

// The ROIs of a session (those near a point only), each in the colour of its cell; the context's unit is a pixel of the
// session.
function paintRois(context, state, k, pixel, { fill = 0.4, width = 1.3, near = null, reach = 0 } = {}) {
  const { plane } = state, session = plane.sessions[k], { cellOf, sizes } = of(state);
  context.lineJoin = "round";
  session.rois.forEach((roi, row) => {
    const cell = cellOf[k][row];
    if (!roi || cell < 0) return;
    if (near && (roi.right < near[0] - reach || roi.left > near[0] + reach || roi.bottom < near[1] - reach || roi.top > near[1] + reach)) return;
    const path = session.path(row);
    const followed = sizes[cell] > 1;
    context.strokeStyle = followed ? plane.colours[cell] : "rgba(255, 255, 255, 0.55)";
    context.lineWidth = (followed ? width : 0.7 * width) * pixel;
    if (followed && fill) {
      context.globalAlpha = fill;
      context.fillStyle = plane.colours[cell];
      context.fill(path);
      context.globalAlpha = 1;
    }
    context.stroke(path);
  });
}

// One highlighted cell: its outline, or a dashed ring where it should be.
function paintCell(context, state, k, cell, pixel, { ring = 0, width = 2.5 } = {}) {
  const session = state.plane.sessions[k], row = state.cells[cell][k], place = placeOf(state, cell, k);
  if (!place) return;
  const colour = of(state).sizes[cell] > 1 ? state.plane.colours[cell] : "#ffffff";
  const stroke = (draw) => {
    for (const [style, lineWidth] of [["#000000", width + 2], [colour, width]]) {
      context.strokeStyle = style;
      context.lineWidth = lineWidth * pixel;
      draw();
    }
  };
  if (row >= 0) stroke(() => context.stroke(session.path(row)));
  if (ring || row < 0) {
    const radius = Math.max(ring * pixel, 0.6 * state.plane.typicalExtent);
    context.setLineDash(row < 0 ? [4 * pixel, 3 * pixel] : []);
    stroke(() => { context.beginPath(); context.arc(place[0], place[1], radius, 0, 2 * Math.PI); context.stroke(); });
    context.setLineDash([]);
  }
}
