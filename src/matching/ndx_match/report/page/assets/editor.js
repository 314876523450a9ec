// The tools with which a person corrects cells: buttons and keys, and the saving of decisions.

const EDIT_KEYS = [
  ["A", "accept the cell, and go to the next"], ["U", "call the cell uncertain, and go to the next"], ["1 to 9", "mark the cell's ROI in a session"],
  ["X", "split the marked ROIs off the cell; a single ROI is removed from it"], ["G", "hold the cell; pressed again on another cell, join the two"],
  ["M", "hold the marked ROI; pressed again on another cell, move it there"], ["Z", "undo"], ["W", "save"], ["L", "align the pair of sessions by hand"],
];
const stores = new Map(); // one store per plane, so that its decisions are kept while another plane is shown
let service = null; // the service that saves, if the page is served
const author = { name: "", comment: "" };

function editor(store) {
  const { plane } = store.state;
  const tools = {
    accept: button("Accept", () => edit(store, "a"), { title: "The cell is right (A)" }),
    uncertain: button("Uncertain", () => edit(store, "u"), { title: "Cannot tell (U)" }),
    split: button("Split off", () => edit(store, "x"), { title: "Make the marked ROIs a separate cell (X)" }),
    join: button("Join with …", () => edit(store, "g"), { title: "One cell with another (G)" }),
    move: button("Move to …", () => edit(store, "m"), { title: "The marked ROI belongs to another cell (M)" }),
    undo: button("Undo", () => edit(store, "z"), { title: "Take the last decision back (Z)" }),
    save: button(service ? "Save" : "Save decisions", () => edit(store, "w"), { title: service ? `Write ${service.output} (W)` : "As a list that `ndx-match curate` applies (W)", class: "save" }),
  };
  const message = el("output", { class: "said", role: "status" });
  const name = el("input", { type: "search", size: 14, value: author.name, autocomplete: "off", oninput: () => { author.name = name.value; } });
  const comment = el("input", { type: "search", size: 22, value: author.comment, placeholder: "of the next decision", autocomplete: "off", oninput: () => { author.comment = comment.value; } });
  const row = el("div", { class: "controls editor", role: "toolbar", "aria-label": "Correct the cell" }, ...Object.values(tools),
    el("label", {}, "Reviewer ", name), el("label", {}, "Comment ", comment), message);
  const show = (state, changed = () => true) => {
    const { held, marked, cell, decisions } = state, chosen = cell !== null, n = chosen ? of(state).sizes[cell] : 0;
    tools.accept.disabled = tools.uncertain.disabled = !chosen;
    tools.split.disabled = !chosen || !marked.size || marked.size >= n;
    tools.split.textContent = marked.size === 1 ? "Remove ROI" : "Split off";
    tools.join.disabled = !chosen;
    tools.move.disabled = !chosen || (held?.kind !== "move" && marked.size !== 1);
    tools.join.textContent = held?.kind === "join" ? `Join with cell ${plane.cellIds[held.cell]}` : "Join with …";
    tools.move.textContent = held?.kind === "move" ? `Move ROI of cell ${plane.cellIds[held.cell]} here` : "Move to …";
    tools.undo.disabled = !state.history.length;
    tools.save.disabled = !unsaved();
    if (changed("decisions")) comment.value = author.comment;
    message.textContent = state.said || (decisions.length ? count(decisions.length, "decision") : "");
  };
  store.subscribe((state, changed) => { if (changed("cell", "cells", "held", "marked", "decisions", "said", "reviews", "hand")) show(state, changed); });
  show(store.state);
  return service ? row : el("details", {}, el("summary", {}, "Correct cells"), row);
}

const unsaved = () => [...stores.values()].some((store) => store.state.decisions.length > 0);

// The action of a key, which buttons use too; returns whether there is such a key.
function edit(store, key) {
  const { state } = store, { cell, held, marked } = state;
  const decide = (action) => decideOn(store, action);
  const next = (kind) => {
    const list = listOf(state), following = list[list.indexOf(cell) + 1] ?? list[0] ?? cell; // before it may leave the list
    decide({ kind, cell });
    const { said } = store.state;
    store.dispatch({ type: "select", cell: following });
    store.dispatch({ type: "set", said });
  };
  const hold = (kind, session) => store.dispatch({ type: "set", held: { kind, cell, session }, said: `Select the other cell and press the same button or key again; Esc cancels` });
  const actions = {
    a: () => next("accept"),
    u: () => next("uncertain"),
    x: () => decide({ kind: "split", cell, sessions: [...marked] }),
    g: () => (held?.kind === "join" ? decide({ kind: "join", cell: held.cell, other: cell }) : hold("join")),
    m: () => (held?.kind === "move" ? decide({ kind: "move", cell: held.cell, session: held.session, target: cell })
      : marked.size === 1 ? hold("move", [...marked][0]) : store.dispatch({ type: "set", said: "First mark one ROI: by the box below its picture, or a key 1 to 9." })),
  };
  if (key >= "1" && key <= "9") actions[key] = () => store.dispatch({ type: "mark", session: Number(key) - 1 });
  const always = { z: () => store.dispatch({ type: "undo" }), w: () => save(store), l: () => openLandmarks() };
  const action = always[key] ?? (cell === null ? null : actions[key]);
  if (!action) return false;
  action();
  return true;
}

// Make a decision with the comment; if it is accepted, the comment is cleared.
function decideOn(store, action) {
  const { comment } = author, before = store.state.decisions;
  author.comment = "";
  store.dispatch({ type: "decide", on: new Date().toISOString(), comment, ...action });
  if (store.state.decisions === before) author.comment = comment;
}

async function save(store) {
  const csv = decisionsAsCsv([...stores.values()].map((each) => each.state), author.name);
  const say = (said) => store.dispatch({ type: "set", said });
  if (!unsaved()) return say("There is nothing to save.");
  if (!service) {
    const link = el("a", { download: "decisions.csv", href: `data:text/csv;charset=utf-8,${encodeURIComponent(csv)}` });
    link.click();
    return say("Saved as decisions.csv; apply it with: ndx-match curate MATCHES.NWB decisions.csv -o NEW.NWB");
  }
  say("Saving …");
  try {
    const answer = await fetch("/save", { method: "POST", headers: { "Content-Type": "text/csv", "X-Review-Token": service.token }, body: csv });
    const { error, leftOut } = await answer.json();
    if (!answer.ok) return say(error);
    for (const each of stores.values()) each.dispatch({ type: "saved" });
    sessionStorage.setItem("said", [`Saved as ${service.output}.`, ...leftOut].join(" "));
    sessionStorage.setItem("author", author.name);
    location.reload();
  } catch (error) {
    say("The command that serves this page does not answer, so that nothing was saved; start `ndx-match review` again. The decisions stay on this page: copy them from the list below.");
    document.querySelector("main").prepend(el("section", {}, el("h2", {}, "Decisions that are not saved"), el("pre", {}, csv)));
  }
}

window.addEventListener("beforeunload", (event) => { if (service && unsaved()) event.preventDefault(); });
