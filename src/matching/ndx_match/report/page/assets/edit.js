// Decisions of a person: how they change the assignment of ROIs to cells, and the list that is saved. The rules are those
// of `ndx_match.curation`, which applies the list: a cell never has two ROIs of one session; after a split, the part with
// more ROIs keeps the id. Cells that no longer exist stay in the array, without ROIs, so that positions in it stay valid.

const REVIEW = { none: 0, accepted: 1, changed: 2, uncertain: 3 };
const REVIEW_WORDS = ["", "accepted", "changed by hand", "uncertain"];
const COLUMNS = ["decision", "kind", "plane", "cell_id", "other_cell_id", "session_name", "roi_id", "moving_session_name", "matrix", "reviewer", "reviewed_on", "review_comment"];

const sizeOf = (rows) => rows.reduce((n, row) => n + (row >= 0), 0);

// Each function takes the state and an action, and returns { refused }, or the changes and the decision.
const CORRECTIONS = {
  split(state, { cell, sessions }) {
    const { plane } = state, rows = state.cells[cell], leaving = sessions.filter((k) => rows[k] >= 0), size = sizeOf(rows);
    if (!leaving.length) return { refused: "First mark the ROIs that leave the cell: by the boxes below the pictures, or the keys 1 to 9." };
    if (leaving.length === size) return { refused: "All ROIs of the cell are marked; leave one." };
    const part = (inside) => rows.map((row, k) => (leaving.includes(k) === inside ? row : -1));
    const [kept, other] = 2 * leaving.length > size ? [part(true), part(false)] : [part(false), part(true)];
    const cells = state.cells.slice(), added = cells.length;
    cells[cell] = kept;
    cells.push(other);
    newCell(plane, added);
    const rois = leaving.map((k) => [k, rows[k]]);
    return { cells, reviews: reviewed(state, [cell, added], REVIEW.changed), words: `Cell ${plane.cellIds[cell]} split: the other part is cell ${plane.cellIds[added]}`,
      decision: { kind: rois.length === 1 ? "remove" : "split", cell: plane.cellIds[cell], other: plane.cellIds[added], rois } };
  },
  join(state, { cell, other }) {
    const { plane } = state, [one, two] = [state.cells[cell], state.cells[other]], ids = [plane.cellIds[cell], plane.cellIds[other]];
    if (cell === other) return { refused: "Go to another cell to join it with." };
    const both = one.findIndex((row, k) => row >= 0 && two[k] >= 0);
    if (both >= 0) return { refused: `Cells ${ids[0]} and ${ids[1]} both have an ROI in ${plane.sessions[both].name}.` };
    const order = sizeOf(one) - sizeOf(two) || ids[1] - ids[0], [kept, gone] = order > 0 ? [cell, other] : [other, cell];
    const cells = state.cells.slice();
    cells[kept] = one.map((row, k) => Math.max(row, two[k]));
    cells[gone] = one.map(() => -1);
    return { cells, reviews: reviewed(state, [kept], REVIEW.changed), cell: kept, words: `Cells ${ids[0]} and ${ids[1]} joined as ${plane.cellIds[kept]}`,
      decision: { kind: "join", cell: plane.cellIds[kept], other: plane.cellIds[gone], rois: [] } };
  },
  move(state, { cell, session, target }) {
    const { plane } = state, row = state.cells[cell][session], name = plane.sessions[session].name;
    if (cell === target) return { refused: "Go to the cell to which the ROI goes." };
    if (state.cells[target][session] >= 0) return { refused: `Cell ${plane.cellIds[target]} has another ROI in ${name}.` };
    const cells = state.cells.slice(), put = (at, value) => (cells[at] = cells[at].map((each, k) => (k === session ? value : each)));
    put(cell, -1);
    put(target, row);
    return { cells, reviews: reviewed(state, [cell, target], REVIEW.changed), cell: target, words: `ROI ${plane.sessions[session].roiIds[row]} of ${name} moved to cell ${plane.cellIds[target]}`,
      decision: { kind: "move", cell: plane.cellIds[target], other: null, rois: [[session, row]] } };
  },
  accept: (state, { cell }) => judged(state, cell, "accept", state.reviews[cell] === REVIEW.changed || changedHere(state, cell) ? REVIEW.changed : REVIEW.accepted),
  uncertain: (state, { cell }) => judged(state, cell, "uncertain", REVIEW.uncertain),
  align(state, { pair, matrix }) {
    const { fixed, moving } = state.plane.pairs[pair], names = [fixed, moving].map((k) => state.plane.sessions[k].name);
    return { hand: { ...state.hand, [pair]: matrix }, words: `${names.join(" and ")} aligned by hand; their cells are matched again when this is saved`,
      decision: { kind: "align", cell: null, other: null, rois: [], sessions: names, matrix } };
  },
};

function judged(state, cell, kind, code) {
  const { plane } = state, rois = state.cells[cell].flatMap((row, k) => (row >= 0 ? [[k, row]] : []));
  return { reviews: reviewed(state, [cell], code), words: `Cell ${plane.cellIds[cell]} ${kind === "accept" ? "accepted" : "uncertain"}`,
    decision: { kind, cell: plane.cellIds[cell], other: null, rois } };
}

function reviewed(state, cells, code) {
  const reviews = state.reviews.slice();
  for (const cell of cells) reviews[cell] = code;
  return reviews;
}

// A new cell, with an id that was never used.
function newCell(plane, at) {
  plane.cellIds[at] = plane.firstNewId + (at - plane.cells.length) * plane.idStep;
  plane.sure[at] = null;
  plane.reviews[at] = REVIEW.none;
  plane.colours[at] = plane.colours[(7 * at) % plane.cells.length];
  plane.presence[at] = plane.sessions.map(() => 0);
}

const changedHere = (state, cell) => state.cells[cell] !== state.plane.cells[cell];
const sureOf = (cells, plane, cell) => (cells[cell] === plane.cells[cell] ? plane.sure[cell] : null);

// Why a cell has no ROI in a session, or that it has one.
function presenceOf(state, cell, k) {
  if (state.cells[cell][k] >= 0) return 1;
  const code = state.plane.presence[cell][k];
  return code === 1 ? 0 : code;
}
const presenceText = (plane, code) => plane.presenceLabels[code] ?? (code === 1 ? "present" : "not detected");

// The decisions as CSV, one row for each ROI that a decision names.
function decisionsAsCsv(states, reviewer) {
  const quoted = (value) => (/[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const lines = [COLUMNS.join(",")];
  let number = 0;
  for (const { plane, decisions } of states)
    for (const each of decisions) {
      const rois = each.rois.length ? each.rois.map(([k, row]) => [plane.sessions[k].name, plane.sessions[k].roiIds[row]]) : [[each.sessions?.[0] ?? "", ""]];
      for (const [name, roi] of rois)
        lines.push([number, each.kind, plane.name, each.cell ?? "", each.other ?? "", name, roi, each.sessions?.[1] ?? "", each.matrix?.join(" ") ?? "", reviewer, each.on, each.comment]
          .map((value) => quoted(String(value))).join(","));
      number += 1;
    }
  return `${lines.join("\n")}\n`;
}

// The affine map between two sets of points by least squares, as a matrix; null if the points lie on one line.
function affineOf(points, targets) {
  const normal = new Array(9).fill(0), [right, below] = [[0, 0, 0], [0, 0, 0]];
  points.forEach(([x, y], n) => {
    const row = [x, y, 1];
    row.forEach((a, i) => {
      row.forEach((b, j) => { normal[3 * i + j] += a * b; });
      right[i] += a * targets[n][0];
      below[i] += a * targets[n][1];
    });
  });
  const back = inverse(normal), solved = (values) => [0, 1, 2].map((i) => back[3 * i] * values[0] + back[3 * i + 1] * values[1] + back[3 * i + 2] * values[2]);
  const matrix = [...solved(right), ...solved(below), 0, 0, 1];
  const area = Math.abs(matrix[0] * matrix[4] - matrix[1] * matrix[3]);
  return matrix.every(Number.isFinite) && area > 0.05 && area < 20 ? matrix : null;
}
