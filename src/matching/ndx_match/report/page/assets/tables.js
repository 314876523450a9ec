// What was put in, and how it was matched.

function detailsSection(store) {
  const { plane } = store.state;
  const heads = ["", "Session", "Date", "ROIs", "Matched", "Image", "Depth", "Status", "File"];
  const rows = plane.sessions.map((session, k) => [String(k + 1), session.name, session.date, session.nTakingPart === session.nRois ? String(session.nRois) : `${session.nTakingPart} of ${session.nRois}`,
    String(session.nMatched), `${session.shape[0]} × ${session.shape[1]}`, session.depth === null ? "" : `${session.depth} µm`, session.status, session.file]);
  const pairs = plane.pairs.map((pair) => [plane.sessions[pair.fixed].name, plane.sessions[pair.moving].name, levelText(pair), pair.score === null ? shown(pair.ssim, 3) : `${shown(pair.score, 0)} (chance ${shown(pair.chanceScore, 0)})`,
    `${of(store.state).shared[pair.fixed][pair.moving]}${pair.chanceMatches === null ? "" : ` (chance ${shown(pair.chanceMatches, 0)})`}`, shown(pair.fraction)]);
  const quality = plane.pairs.some((pair) => pair.score !== null) ? "z" : "SSIM";
  return section("details", "Sessions and method", "",
    tableOf("Sessions", heads, rows),
    el("details", { open: pairs.length <= 15 }, el("summary", {}, `Table of the pairs (${pairs.length})`), tableOf("Pairs", ["Fixed", "Moving", "Alignment", quality, "Matches", "Fraction matched"], pairs)),
    el("details", {}, el("summary", {}, `Method ${plane.method}: parameters`), list(plane.parameters)),
    el("details", {}, el("summary", {}, "Libraries"), list(plane.libraries)),
    el("details", {}, el("summary", {}, "Which ROIs took part, and how masks were read"), list(Object.fromEntries(plane.sessions.map((session, k) => [`${k + 1} · ${session.name}`, [session.selection, session.orientation].filter(Boolean).join("; ")])))));
}

function tableOf(caption, heads, rows) {
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption }, el("table", {}, el("caption", { class: "unseen" }, caption),
    el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((text) => el("td", {}, text)))))));
}

const list = (entries) => el("dl", { class: "plain" }, ...Object.entries(entries).flatMap(([name, value]) => fact(name, value)));
