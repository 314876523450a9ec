// The page: its sections for the chosen plane, and the keys.

const KEYS = [
  ["→ or J", "next cell"], ["← or K", "previous cell"], ["/", "go to a cell by its id"], ["Esc", "select no cell"],
  ["N, P", "next, previous pair of sessions"], ["O, S, B", "overlay, slider, blinking images of the pair"], ["R", "ROIs on the images of the pair"],
  ["+, −, 0, arrows", "in the common frame: zoom, whole field, move"], ["?", "this help"],
];
const helped = [...KEYS.slice(0, -1), ...EDIT_KEYS, KEYS.at(-1)];
let current = null;

function showPlane(plane, number) {
  if (!stores.has(plane)) stores.set(plane, createStore(plane));
  const store = stores.get(plane);
  if (service) store.dispatch({ type: "set", filter: "unreviewed" });
  store.forgetListeners();
  store.subscribe((state, changed) => { if (changed("hand")) realign(plane, state.hand); }); // before all that draw
  realign(plane, store.state.hand);
  current = store;
  document.querySelector("main").replaceChildren(cellsSection(store), pairsSection(store), frameSection(store), evidenceSection(store), timeSection(store), detailsSection(store));
  for (const glance of document.querySelectorAll(".glance")) glance.hidden = Number(glance.dataset.plane) !== number;
  if (store.state.cell === null) store.dispatch({ type: "step", by: 1 });
}

function navigation(planes) {
  const nav = document.querySelector("nav");
  if (planes.length > 1) {
    const chosen = choice("Plane", Object.fromEntries(planes.map((plane, k) => [k, plane.name])), "0", (value) => showPlane(planes[value], Number(value)));
    nav.append(chosen.element);
  }
  const parts = { cells: "Cells", pairs: "Alignment", frame: "One frame", evidence: "Evidence", time: "Over the sessions", details: "Method" };
  nav.append(...Object.entries(parts).map(([id, text]) => el("a", { href: `#${id}` }, text)), button("Keys", () => help.showModal(), { title: "Keys (?)" }));
  const help = document.getElementById("help");
  help.append(el("h2", { id: "help-title" }, "Keys"), el("dl", { class: "plain" }, ...helped.flatMap(([key, action]) => fact(key, action))), el("form", { method: "dialog" }, el("button", {}, "Close")));
}

document.addEventListener("keydown", (event) => {
  if (!current || event.ctrlKey || event.metaKey || event.altKey || document.getElementById("help").open) return;
  if (event.target.matches("input[type=search], select, textarea")) return;
  if (event.target.matches("input:not([type=checkbox])") && event.key.startsWith("Arrow")) return;
  const set = (values) => current.dispatch({ type: "set", ...values });
  const actions = {
    ArrowRight: () => current.dispatch({ type: "step", by: 1 }), j: () => current.dispatch({ type: "step", by: 1 }),
    ArrowLeft: () => current.dispatch({ type: "step", by: -1 }), k: () => current.dispatch({ type: "step", by: -1 }),
    n: () => current.dispatch({ type: "stepPair", by: 1 }), p: () => current.dispatch({ type: "stepPair", by: -1 }),
    o: () => set({ look: "overlay" }), s: () => set({ look: "wipe" }), b: () => set({ look: "blink" }), r: () => set({ outlines: !current.state.outlines }),
    Escape: () => { if (current.state.held) set({ held: null, said: "" }); else current.dispatch({ type: "select", cell: null }); }, "/": () => document.getElementById("cell-id").focus(), "?": () => document.getElementById("help").showModal(),
  };
  const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (action) action();
  else if (event.key.length > 1 || !edit(current, event.key.toLowerCase())) return;
  event.preventDefault();
});
window.addEventListener("beforeprint", () => { for (const painted of paintedCanvases()) if (painted.stale) painted.now(); });

async function start() {
  if (typeof DecompressionStream === "undefined") {
    document.querySelector("main").append(el("p", { class: "note" }, "This browser is too old to draw the pictures of this page; use one of 2023 or later."));
    return;
  }
  const content = await readContent(document.getElementById("content"));
  const planes = content.planes.map(makePlane);
  const lastId = Math.max(...planes.map((plane) => plane.lastId));
  planes.forEach((plane, k) => Object.assign(plane, { firstNewId: lastId + 1 + k, idStep: planes.length })); // no id in two planes
  service = content.service;
  if (service) author.name = sessionStorage.getItem("author") ?? service.reviewer;
  navigation(planes);
  showPlane(planes[0], 0);
  const said = service && sessionStorage.getItem("said");
  if (said) { current.dispatch({ type: "set", said }); sessionStorage.removeItem("said"); }
  document.body.dataset.ready = "yes";
}
requestAnimationFrame(() => setTimeout(start, 0)); // after the summary is seen
