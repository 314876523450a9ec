// The content of the match file, unpacked; it does not change while the page is open.

async function readContent(element) {
  const text = atob(element.textContent);
  const bytes = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(unpacked).text());
}

function makePlane(content) {
  const plane = { ...content, sessions: content.sessions.map(makeSession), pairs: content.pairs.map(makePair) };
  const sizes = plane.sessions.flatMap((session) => session.rois.filter((roi) => roi).map((roi) => roi.extent));
  sizes.sort((a, b) => a - b);
  plane.typicalExtent = sizes.length ? sizes[sizes.length >> 1] : 10;
  return plane;
}

function makeSession(session) {
  const made = { ...session, rois: session.outlines.map(makeRoi), picture: null };
  delete made.outlines;
  made.path = cached((row) => pathOf(made.rois[row].parts));
  return made;
}

// An outline is stored as a first point and steps. Its points are centres of pixels, so half a pixel is added.
function makeRoi(parts) {
  if (!parts.length) return null;
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  const polygons = parts.map((steps) => {
    const points = new Float32Array(steps.length);
    let [x, y] = [0.5, 0.5];
    for (let k = 0; k < steps.length; k += 2) {
      points[k] = x += steps[k];
      points[k + 1] = y += steps[k + 1];
      left = Math.min(left, x); right = Math.max(right, x);
      top = Math.min(top, y); bottom = Math.max(bottom, y);
    }
    return points;
  });
  return { parts: polygons, left, top, right, bottom, centre: [(left + right) / 2, (top + bottom) / 2],
    extent: Math.max(right - left, bottom - top) + 1 };
}

function pathOf(parts) {
  const path = new Path2D();
  for (const points of parts) {
    path.moveTo(points[0], points[1]);
    for (let k = 2; k < points.length; k += 2) path.lineTo(points[k], points[k + 1]);
    path.closePath();
  }
  return path;
}

function makePair(pair) {
  const made = { ...pair, grid: null };
  if (pair.displacement) {
    made.grid = Float32Array.from(pair.displacement, (value) => value * pair.displacementStep);
    made.gridSize = Math.round(Math.sqrt(pair.displacement.length / 2));
  }
  delete made.displacement;
  return made;
}

function cached(make) {
  const kept = new Map();
  return (key) => {
    if (!kept.has(key)) kept.set(key, make(key));
    return kept.get(key);
  };
}

// The image of a session; null if it has none.
function pictureOf(session) {
  if (!session.image) return Promise.resolve(null);
  if (!session.picture) {
    const image = new Image();
    image.src = session.image;
    session.picture = image.decode().then(() => (session.loaded = image), () => null);
  }
  return session.picture;
}

// The grey values of the image, in the size of the stored picture.
const greyOf = cached(async (session) => {
  const image = await pictureOf(session);
  const [height, width] = session.shape.map((n) => Math.max(1, Math.round(n * session.imageScale)));
  if (!image) return { width, height, data: new Uint8ClampedArray(width * height) };
  const canvas = el("canvas", { width: image.width, height: image.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, image.width, image.height).data;
  const data = new Uint8ClampedArray(image.width * image.height);
  for (let k = 0; k < data.length; k++) data[k] = pixels[4 * k];
  return { width: image.width, height: image.height, data };
});
