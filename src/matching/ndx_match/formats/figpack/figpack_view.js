/* The matched cells of one imaging plane, as a figure of figpack: the image of each session with outlines of ROIs. */

const LEAST_WIDTH = 220; // of the image of a session, in pixels
const GAP = 8;
const UNMATCHED = "#c8c8c8";

const loadContent = async (zarrGroup) => {
  const bytes = await zarrGroup.getDatasetData("content", {});
  return JSON.parse(new TextDecoder("utf-8").decode(new Uint8Array(bytes)));
};

/* An outline consists of its first point and the steps from each point to the next. */
const outlinePath = (parts) => {
  const path = new Path2D();
  for (const steps of parts) {
    let x = 0;
    let y = 0;
    for (let k = 0; k < steps.length; k += 2) {
      x += steps[k];
      y += steps[k + 1];
      if (k) path.lineTo(x + 0.5, y + 0.5);
      else path.moveTo(x + 0.5, y + 0.5);
    }
    path.closePath();
  }
  return path;
};

const loadImage = (source) =>
  new Promise((resolve) => {
    if (!source) return resolve(null);
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => resolve(null);
    image.src = source;
  });

const element = (name, style, parent) => {
  const made = document.createElement(name);
  Object.assign(made.style, style);
  parent.appendChild(made);
  return made;
};

class MatchedCells {
  constructor(content, images) {
    this.content = content;
    this.sizes = content.cells.map((rows) => rows.filter((row) => row >= 0).length);
    this.leastSessions = 1;
    this.chosen = -1; // cell_row
    this.pinned = false;
    this.sessions = content.sessions.map((session, k) => {
      const cellOfRoi = new Map(content.cells.map((rows, cell) => [rows[k], cell]).filter(([row]) => row >= 0));
      return {
        ...session,
        picture: images[k],
        cellOfRoi,
        paths: session.outlines.map((parts) => (parts.length ? outlinePath(parts) : null)),
      };
    });
  }

  attach(container, width, height) {
    container.innerHTML = "";
    this.root = element("div", { font: "13px system-ui, sans-serif", overflow: "auto", color: "#222" }, container);
    this.root.className = "ndx-cell-matching";
    const bar = element("div", { padding: "6px 8px", display: "flex", gap: "16px", flexWrap: "wrap" }, this.root);
    const label = element("label", {}, bar);
    label.append("Cells in at least ");
    const select = element("select", {}, label);
    this.sessions.forEach((_, k) => select.add(new Option(`${k + 1} of ${this.sessions.length}`, k + 1)));
    select.onchange = () => {
      this.leastSessions = Number(select.value);
      this.show(this.chosen);
    };
    const numbers = element("label", {}, bar);
    this.numbers = element("input", {}, numbers);
    this.numbers.type = "checkbox";
    this.numbers.onchange = () => this.draw();
    numbers.append(" ids of cells");
    this.said = element("span", { fontVariantNumeric: "tabular-nums" }, bar);
    this.said.className = "ndx-cell-matching-said";
    this.grid = element("div", { display: "flex", flexWrap: "wrap", gap: `${GAP}px`, padding: "0 8px 8px" }, this.root);
    for (const session of this.sessions) {
      const tile = element("div", {}, this.grid);
      const title = element("div", { overflow: "hidden", whiteSpace: "nowrap", textOverflow: "ellipsis" }, tile);
      title.textContent = [session.name, session.date, `${session.nTakingPart} ROIs`].filter(Boolean).join("   ");
      session.canvas = element("canvas", { display: "block", background: "#000" }, tile);
      session.title = title;
      session.canvas.onmousemove = (event) => this.pinned || this.choose(session, event);
      session.canvas.onmouseleave = () => this.pinned || this.show(-1);
      session.canvas.onclick = (event) => {
        this.pinned = false;
        this.choose(session, event);
        this.pinned = this.chosen >= 0;
      };
    }
    this.resize(width, height);
    this.show(-1);
  }

  resize(width, height) {
    Object.assign(this.root.style, { width: `${width}px`, height: `${height}px` });
    const n = this.sessions.length;
    const room = Math.max(LEAST_WIDTH, width - 40);
    let columns = Math.max(1, Math.min(n, Math.floor((room + GAP) / (LEAST_WIDTH + GAP))));
    while (columns > 1 && Math.ceil(n / (columns - 1)) === Math.ceil(n / columns)) columns -= 1;
    for (const session of this.sessions) {
      const [rows, cols] = session.shape;
      const wide = Math.floor((room + GAP) / columns - GAP);
      session.scale = (Math.min(wide, (1.2 * height * cols) / rows) / cols) * (window.devicePixelRatio || 1);
      session.canvas.width = Math.round(cols * session.scale);
      session.canvas.height = Math.round(rows * session.scale);
      session.canvas.style.width = `${session.canvas.width / (window.devicePixelRatio || 1)}px`;
      session.title.style.width = session.canvas.style.width;
    }
    this.draw();
  }

  isShown(cell) {
    return cell !== undefined && this.sizes[cell] >= this.leastSessions;
  }

  choose(session, event) {
    const context = session.canvas.getContext("2d");
    const frame = session.canvas.getBoundingClientRect();
    const x = ((event.clientX - frame.left) / frame.width) * session.shape[1];
    const y = ((event.clientY - frame.top) / frame.height) * session.shape[0];
    context.setTransform(1, 0, 0, 1, 0, 0);
    const isHit = (path, roi) => path && this.isShown(session.cellOfRoi.get(roi)) && context.isPointInPath(path, x, y);
    const roi = session.paths.findIndex(isHit);
    this.show(roi < 0 ? -1 : session.cellOfRoi.get(roi));
  }

  show(cell) {
    this.chosen = cell;
    this.draw();
    const { cells, cellIds, sure, sureness } = this.content;
    if (cell < 0) {
      const shown = this.sizes.filter((size) => size >= this.leastSessions).length;
      this.said.textContent = `${shown} cells. Point at an ROI to mark its cell; click to keep it marked.`;
      return;
    }
    const rois = this.sessions.map((session, k) => {
      const roi = cells[cell][k];
      return `${session.name}: ${roi < 0 ? "-" : session.roiIds[roi]}`;
    });
    const certain = sure[cell] === null ? "" : `, ${sureness} ${sure[cell].toFixed(2)}`;
    const found = `in ${this.sizes[cell]} of ${this.sessions.length} sessions${certain}`;
    this.said.textContent = `Cell ${cellIds[cell]}, ${found}; ROI ids ${rois.join(", ")}`;
  }

  draw() {
    for (const session of this.sessions) {
      const context = session.canvas.getContext("2d");
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, session.canvas.width, session.canvas.height);
      if (session.picture) context.drawImage(session.picture, 0, 0, session.canvas.width, session.canvas.height);
      context.setTransform(session.scale, 0, 0, session.scale, 0, 0);
      session.paths.forEach((path, roi) => {
        const cell = session.cellOfRoi.get(roi);
        if (!path || !this.isShown(cell)) return;
        const isChosen = cell === this.chosen;
        context.globalAlpha = this.chosen >= 0 && !isChosen ? 0.35 : 1;
        context.strokeStyle = context.fillStyle = this.sizes[cell] > 1 ? this.content.colours[cell] : UNMATCHED;
        context.lineWidth = (isChosen ? 3 : 1.3) / session.scale;
        context.stroke(path);
        if (isChosen) {
          context.globalAlpha = 0.4;
          context.fill(path);
        }
        if (this.numbers.checked || isChosen) {
          const [x, y] = session.outlines[roi][0];
          context.globalAlpha = 1;
          context.font = `${11 / session.scale}px system-ui, sans-serif`;
          context.fillStyle = "#fff";
          context.fillText(String(this.content.cellIds[cell]), x, y);
        }
      });
      context.globalAlpha = 1;
    }
  }
}

const render = async ({ container, zarrGroup, width, height, onResize }) => {
  try {
    const content = await loadContent(zarrGroup);
    const images = await Promise.all(content.sessions.map((session) => loadImage(session.image)));
    const view = new MatchedCells(content, images);
    view.attach(container, width, height);
    onResize((newWidth, newHeight) => view.resize(newWidth, newHeight));
  } catch (error) {
    container.textContent = `The matched cells cannot be shown (${error.message}).`;
  }
  return { destroy: () => (container.innerHTML = "") };
};

window.figpack_p1.registerFPViewComponent({ name: "ndx-cell-matching.MatchedCells", render });
window.figpack_p1.registerFPExtension({ name: "ndx-cell-matching" });
