// What a person sees and decides, apart from how it is drawn. A view asks for `store.state`, sends actions and is told of
// changes. `state.cells` is the assignment of ROIs to cells (a `roi_row` for each cell and session, -1 without): a decision
// of a person is an action that returns another `cells`, and every view follows.

const FILTERS = {
  followed: "in two or more sessions",
  all: "in all sessions",
  unsure: "the least sure tenth",
  rivals: "with a rival",
  once: "in one session",
  unreviewed: "not reviewed",
};
const ORDERS = { sure: "least sure first", sessions: "most sessions first", id: "by cell id" };
const RIVAL = 0.5; // of the measure of pairs, from which another cell is a rival

const ACTIONS = {
  select: (state, { cell }) => at(state, cell),
  hover: (state, { cell }) => ({ ...state, hovered: cell }),
  step: (state, { by }) => {
    const listed = listOf(state);
    if (!listed.length) return state;
    const place = listed.indexOf(state.cell);
    const next = place < 0 ? (by > 0 ? 0 : listed.length - 1) : (place + by + listed.length) % listed.length;
    return at(state, listed[next]);
  },
  set: (state, { type, ...values }) => ({ ...state, ...values }),
  pair: (state, { pair }) => ({ ...state, pair }),
  stepPair: (state, { by }) => {
    const n = state.plane.pairs.length;
    return n ? { ...state, pair: (state.pair + by + n) % n } : state;
  },
  mark: (state, { session }) => {
    if (state.cell === null || !(state.cells[state.cell][session] >= 0)) return state;
    const marked = new Set(state.marked);
    if (!marked.delete(session)) marked.add(session);
    return { ...state, marked, said: "" };
  },
  decide: (state, { kind, on, comment, ...wanted }) => {
    const { refused, words, decision, ...changes } = CORRECTIONS[kind](state, wanted);
    if (refused) return { ...state, said: refused };
    const { cells, reviews, hand, decisions, cell } = state;
    return { ...state, ...changes, decisions: [...decisions, { ...decision, on, comment }], history: [...state.history, { cells, reviews, hand, decisions, cell }],
      held: null, marked: new Set(), said: `${words}.` };
  },
  undo: (state) => (state.history.length ? { ...state, ...state.history.at(-1), history: state.history.slice(0, -1), held: null, marked: new Set(), said: "Undone." } : state),
  saved: (state) => ({ ...state, decisions: [], history: [] }),
  toggleSession: (state, { session }) => {
    const hidden = new Set(state.hidden);
    if (!hidden.delete(session)) hidden.add(session);
    return { ...state, hidden };
  },
};

// Another cell is selected: what was marked in the one before is not, what is held still is.
const at = (state, cell) => (cell === state.cell ? state : { ...state, cell, marked: new Set(), said: state.held ? state.said : "" });

function createStore(plane) {
  const worst = plane.pairs.findIndex((pair) => pair.level === "failed");
  let state = {
    plane, cells: plane.cells, cell: null, hovered: null, filter: "followed", order: "sure", tile: null,
    pair: Math.max(worst, 0), look: "overlay", wipe: 50, outlines: true, arrows: false,
    hidden: new Set(), colouring: "session", backdrop: true,
    reviews: plane.reviews.slice(), hand: {}, decisions: [], history: [], marked: new Set(), held: null, said: "",
  };
  let listeners = [];
  return {
    get state() { return state; },
    subscribe(listener) { listeners.push(listener); },
    forgetListeners() { listeners = []; },
    dispatch(action) {
      const before = state;
      state = ACTIONS[action.type](state, action);
      if (state === before) return;
      const changed = (...names) => names.some((name) => state[name] !== before[name]);
      for (const listener of listeners) listener(state, changed);
    },
  };
}

// What follows from the assignment, computed once for each.
const derived = memoised((cells, plane) => {
  const sizes = cells.map((rows) => rows.reduce((n, row) => n + (row >= 0), 0));
  const cellOf = plane.sessions.map((session) => new Int32Array(session.nRois).fill(-1));
  cells.forEach((rows, cell) => rows.forEach((row, k) => { if (row >= 0) cellOf[k][row] = cell; }));
  const shared = plane.sessions.map(() => new Int32Array(plane.sessions.length));
  for (const rows of cells)
    rows.forEach((one, i) => { if (one >= 0) rows.forEach((other, j) => { if (other >= 0) shared[i][j] += 1; }); });
  return { sizes, cellOf, shared };
});
const of = (state) => derived(state.cells, state.plane);

// The cells that the filter leaves, in order.
const listed = memoised((cells, plane, filter, order, reviews) => {
  const { sizes } = derived(cells, plane);
  const sure = (cell) => sureOf(cells, plane, cell) ?? 2;
  const bySureness = (a, b) => sure(a) - sure(b) || sizes[b] - sizes[a] || plane.cellIds[a] - plane.cellIds[b];
  const followed = cells.map((_, cell) => cell).filter((cell) => sizes[cell] > 1);
  const chosen = {
    followed: () => followed,
    all: () => followed.filter((cell) => sizes[cell] === plane.sessions.length),
    unsure: () => followed.sort(bySureness).slice(0, Math.ceil(followed.length / 10)),
    rivals: () => followed.filter((cell) => cells[cell].some((row, k) => row >= 0 && plane.sessions[k].rivalMeasure[row] >= RIVAL)),
    once: () => cells.map((_, cell) => cell).filter((cell) => sizes[cell] === 1),
    unreviewed: () => followed.filter((cell) => !reviews[cell]),
  }[filter]();
  return chosen.sort({
    sure: bySureness,
    sessions: (a, b) => sizes[b] - sizes[a] || bySureness(a, b),
    id: (a, b) => plane.cellIds[a] - plane.cellIds[b],
  }[order]);
});
const listOf = (state) => listed(state.cells, state.plane, state.filter, state.order, state.filter === "unreviewed" ? state.reviews : null);

function memoised(make) {
  let last = null, result;
  return (...values) => {
    if (!last || values.some((value, k) => value !== last[k])) { result = make(...values); last = values; }
    return result;
  };
}
