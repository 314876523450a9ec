// Points of one session in another. Arrays of points are x, y, x, y, ...; matrices map fixed to moving pixels.
// Coordinates count from the corner of the first pixel; those of registrations from its centre, half a pixel less.

function displacementAt(pair, shape, x, y) {
  const n = pair.gridSize - 1;
  const u = clamp((x * n) / Math.max(shape[1] - 1, 1), 0, n), v = clamp((y * n) / Math.max(shape[0] - 1, 1), 0, n);
  const col = Math.min(u | 0, n - 1), row = Math.min(v | 0, n - 1), a = u - col, b = v - row;
  const grid = pair.grid, at = 2 * (row * (n + 1) + col), below = at + 2 * (n + 1);
  const mix = (k) => (grid[at + k] * (1 - a) + grid[at + 2 + k] * a) * (1 - b) + (grid[below + k] * (1 - a) + grid[below + 2 + k] * a) * b;
  return [mix(0), mix(1)];
}

function applyMatrix(m, x, y) {
  const w = m[6] * x + m[7] * y + m[8];
  return [(m[0] * x + m[1] * y + m[2]) / w, (m[3] * x + m[4] * y + m[5]) / w];
}

function inverse(m) {
  const [a, b, c, d, e, f, g, h, i] = m;
  const adjugate = [e * i - f * h, c * h - b * i, b * f - c * e, f * g - d * i, a * i - c * g, c * d - a * f, d * h - e * g, b * g - a * h, a * e - b * d];
  const determinant = a * adjugate[0] + b * adjugate[3] + c * adjugate[6];
  return adjugate.map((value) => value / determinant);
}

// A function of (x, y) from the fixed session of a pair to the moving one.
function toMoving(plane, pair) {
  const shape = plane.sessions[pair.fixed].shape;
  return (x, y) => {
    const [mx, my] = applyMatrix(pair.matrix, x - 0.5, y - 0.5);
    if (!pair.grid) return [mx + 0.5, my + 0.5];
    const [dx, dy] = displacementAt(pair, shape, x - 0.5, y - 0.5);
    return [mx + dx + 0.5, my + dy + 0.5];
  };
}

// And back, by iteration, which converges because deformations change by far less than a pixel per pixel.
function toFixed(plane, pair) {
  const shape = plane.sessions[pair.fixed].shape, back = inverse(pair.matrix);
  return (x, y) => {
    let [fx, fy] = applyMatrix(back, x - 0.5, y - 0.5);
    if (pair.grid)
      for (let k = 0; k < 5; k++) {
        const [dx, dy] = displacementAt(pair, shape, fx, fy);
        [fx, fy] = applyMatrix(back, x - 0.5 - dx, y - 0.5 - dy);
      }
    return [fx + 0.5, fy + 0.5];
  };
}

// A function of (x, y) from one session to another through the fewest alignments; null if none connect them.
function mapBetween(plane, from, to) {
  plane.maps ??= new Map();
  const key = from * plane.sessions.length + to;
  if (!plane.maps.has(key)) plane.maps.set(key, findMap(plane, from, to));
  return plane.maps.get(key);
}

function findMap(plane, from, to) {
  const reached = new Map([[from, (x, y) => [x, y]]]);
  let edge = [from];
  while (edge.length && !reached.has(to)) {
    const next = [];
    for (const session of edge)
      for (const pair of plane.pairs) {
        if (!pair.registered || !pair.matrix) continue;
        const [forward, other] = pair.fixed === session ? [true, pair.moving] : pair.moving === session ? [false, pair.fixed] : [null, null];
        if (forward === null || reached.has(other)) continue;
        const before = reached.get(session), step = forward ? toMoving(plane, pair) : toFixed(plane, pair);
        reached.set(other, session === from ? step : (x, y) => step(...before(x, y)));
        next.push(other);
      }
    edge = next;
  }
  return reached.get(to) ?? null;
}

// Where a cell lies, or should lie, in a session: the mean position of its mapped ROIs; null if none can be mapped.
function placeOf(state, cell, session) {
  const { plane, cells } = state, row = cells[cell][session];
  if (row >= 0) return plane.sessions[session].rois[row]?.centre ?? null;
  let [x, y, n] = [0, 0, 0];
  cells[cell].forEach((other, k) => {
    const roi = other >= 0 ? plane.sessions[k].rois[other] : null, map = roi && mapBetween(plane, k, session);
    if (!map) return;
    const place = map(...roi.centre);
    x += place[0]; y += place[1]; n += 1;
  });
  return n ? [x / n, y / n] : null;
}

function insidePolygon(points, x, y) {
  let inside = false;
  for (let k = 0, j = points.length - 2; k < points.length; j = k, k += 2)
    if (points[k + 1] > y !== points[j + 1] > y &&
        x < ((points[j] - points[k]) * (y - points[k + 1])) / (points[j + 1] - points[k + 1]) + points[k]) inside = !inside;
  return inside;
}

// The `roi_row` at a point of a session: the smallest ROI that contains it, or else the nearest one within reach, or -1.
function roiAt(session, x, y, reach) {
  let best = -1, least = Infinity;
  session.rois.forEach((roi, row) => {
    if (!roi || x < roi.left - reach || x > roi.right + reach || y < roi.top - reach || y > roi.bottom + reach) return;
    const inside = roi.parts.some((points) => insidePolygon(points, x, y));
    const distance = inside ? roi.extent * 1e-6 : Math.hypot(x - roi.centre[0], y - roi.centre[1]) - roi.extent / 2;
    if (distance <= reach && distance < least) { least = distance; best = row; }
  });
  return best;
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
