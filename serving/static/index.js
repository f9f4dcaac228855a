// The page to try the service: one image at a time, its words drawn over it.

const $ = (id) => document.getElementById(id);
const sliders = ["box", "score", "nms"];
const LISTED = 300; // words in the list; more would be too much for a browser, and a reader

const state = {
  image: null, // Blob as it was given
  name: "",
  found: null, // the answer, asked for with every box, so that the box slider needs no new request
  running: null, // AbortController of the request under way
  key: sessionStorage.getItem("key") ?? "",
  recogniser: undefined, // what reads the words, null where nothing does; undefined until the service has told
};

// ---- asking

// Where something reads, only the words that are shown are asked for: reading takes time.
async function ask(format = "json") {
  const reads = format === "json" && (await recogniser());
  const query = new URLSearchParams({
    score_threshold: $("score").value,
    nms_threshold: $("nms").value,
    box_threshold: format !== "json" ? "1" : reads ? $("box").value : "0",
    format,
  });
  const headers = { "Content-Type": mediaType() };
  if (state.key) headers["X-API-Key"] = state.key;
  const answer = await fetch(`${reads ? "read" : "detect"}?${query}`, {
    method: "POST", body: state.image, headers, signal: state.running.signal,
  });
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({ detail: answer.statusText }));
  const wait = Number(answer.headers.get("Retry-After"));
  throw Object.assign(new Error(problem.detail), { status: answer.status, wait });
}

async function recogniser() {
  if (state.recogniser === undefined) {
    const told = await fetch("readyz", { signal: state.running.signal });
    if (told.ok) state.recogniser = (await told.json()).recogniser ?? null;
  }
  return state.recogniser;
}

const mediaType = () => (state.image.type.startsWith("image/") ? state.image.type : "application/octet-stream");

let waiting;

function later(seconds) {
  clearTimeout(waiting);
  waiting = setTimeout(detect, seconds * 1000);
}

async function detect() {
  clearTimeout(waiting);
  if (!state.image) return;
  state.running?.abort();
  const running = state.running = new AbortController();
  busy(true);
  try {
    state.found = await (await ask()).json();
    if (!$("image").dataset.shown) await showServersPicture();
    complain("");
    show();
  } catch (error) {
    if (error.name === "AbortError") return;
    fail(error);
  } finally {
    if (state.running === running) busy(false);
  }
}

function fail(error) {
  state.found = null;
  const known = error.status !== undefined;
  const again = error.wait ? ` Trying again in ${error.wait} s.` : "";
  complain(known ? sentence(inWords(error)) + again : "The server cannot be reached.");
  if (error.wait) later(error.wait);
  $("key-form").hidden = error.status !== 401;
  if (error.status === 401) $("key").focus();
  show();
}

// The service's words, with the page's names for things.
function inWords({ status, message }) {
  if (status === 401) return state.key ? "The service does not know this key" : "The service needs an API key";
  const label = (id) => document.querySelector(`label[for=${id}]`).textContent;
  return sliders.reduce((text, id) => text.replaceAll(`${id}_threshold`, `“${label(id)}”`), message);
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

// ---- the image

async function take(blob, name) {
  if (!blob) return;
  state.image = blob;
  state.name = name || blob.name || "image";
  state.found = null;
  complain("");
  $("key-form").hidden = true;
  await display(blob);
  show();
  await detect();
}

async function display(blob) {
  const image = $("image");
  URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(blob);
  image.alt = `The image ${state.name}`;
  const shown = await image.decode().then(() => true, () => false);
  image.dataset.shown = shown ? "yes" : "";
  $("picture").hidden = !shown;
  $("empty").hidden = shown;
}

// A browser shows fewer kinds of image than the service reads; then the service's own rendering is shown.
async function showServersPicture() {
  await display(await (await ask("image/png")).blob());
}

function reset() {
  state.running?.abort();
  Object.assign(state, { image: null, found: null });
  $("picture").hidden = true;
  $("empty").hidden = false;
  complain("");
  show();
  $("pick").focus();
}

// ---- showing

const kept = () => (state.found?.boxes ?? []).filter((box) => box.score >= Number($("box").value));

function show() {
  for (const id of sliders) $(`${id}-value`).textContent = Number($(id).value).toFixed(2);
  const boxes = kept();
  const { found } = state;
  $("again").hidden = !state.image || $("picture").hidden;
  $("download").disabled = $("curl").disabled = !found;
  $("status").textContent = found ? summary(boxes.length) : nothing();
  const { width, height } = found?.image ?? { width: 1, height: 1 };
  $("boxes").setAttribute("viewBox", `0 0 ${width} ${height}`);
  $("boxes").replaceChildren(...boxes.map(polygon));
  tag(null);
  $("list").replaceChildren(...boxes.slice(0, LISTED).map(row));
  if (boxes.length > LISTED) $("list").append(text("li", "quiet", `and ${boxes.length - LISTED} more`));
}

function nothing() {
  if (!state.image) return "Nothing yet.";
  return $("error").hidden ? "Looking…" : "No answer.";
}

function summary(count) {
  const { found } = state, { image, timings_ms: times, model } = found;
  const words = count === 1 ? "1 word" : `${count || "No"} words`;
  return `${words} in ${image.width} × ${image.height} pixels, ${Math.round(times.total)} ms (${model.runtime} ${model.precision}${found.recogniser ? `, ${found.recogniser}` : ""}).`;
}

function polygon(box, index) {
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "polygon");
  shape.setAttribute("points", box.quad.map((point) => point.join(",")).join(" "));
  shape.addEventListener("pointerenter", () => { mark(index); reveal(index); });
  shape.addEventListener("pointerleave", () => mark(-1));
  shape.addEventListener("click", () => $("list").children[index]?.querySelector("button")?.focus({ preventScroll: true }));
  return shape;
}

function row(box, index) {
  const word = document.createElement("button");
  word.type = "button";
  word.className = "word";
  const read = box.text === undefined ? [] : [text("span", "text", box.text)];
  const said = box.text ? ` “${box.text}”` : "";
  word.classList.toggle("read", read.length > 0);
  word.setAttribute("aria-label", `Word ${index + 1}${said}, score ${box.score.toFixed(2)}, at ${box.quad[0].map(Math.round).join(", ")}`);
  word.append(text("span", "number", index + 1), crop(box.quad), ...read, text("span", "score", box.score.toFixed(2)));
  word.addEventListener("pointerenter", () => mark(index));
  word.addEventListener("pointerleave", () => mark(-1));
  word.addEventListener("focus", () => mark(index));
  word.addEventListener("blur", () => mark(-1));
  const item = document.createElement("li");
  item.append(word);
  return item;
}

function text(tag, name, content) {
  const element = document.createElement(tag);
  element.className = name;
  element.textContent = content;
  return element;
}

// The word cut out and turned upright, 28 pixels high: the quad taken as a parallelogram.
function crop(quad) {
  const [[x, y], [rx, ry], , [bx, by]] = quad;
  const width = Math.hypot(rx - x, ry - y) || 1;
  const height = Math.hypot(bx - x, by - y) || 1;
  const canvas = document.createElement("canvas");
  const sharp = 2; // for screens with small pixels
  canvas.height = 28 * sharp;
  canvas.width = Math.max(8, Math.min(400, Math.round((28 * sharp * width) / height)));
  const context = canvas.getContext("2d");
  const across = canvas.width / width, down = canvas.height / height;
  const c = (rx - x) / width, s = (ry - y) / width;
  context.setTransform(c * across, -s * down, s * across, c * down, -(c * x + s * y) * across, (s * x - c * y) * down);
  context.drawImage($("image"), 0, 0, state.found.image.width, state.found.image.height);
  return canvas;
}

function mark(index) {
  for (const [i, shape] of [...$("boxes").children].entries()) shape.classList.toggle("on", i === index);
  for (const [i, word] of $("list").querySelectorAll("button").entries()) word.classList.toggle("on", i === index);
  tag(kept()[index]);
}

// The text, or the score, at a box's highest corner.
function tag(box) {
  $("tag").hidden = !box;
  if (!box) return;
  const { width, height } = state.found.image;
  const [x, y] = box.quad.reduce((high, point) => (point[1] < high[1] ? point : high));
  $("tag").textContent = box.text || box.score.toFixed(2);
  $("tag").style.left = `${(100 * Math.min(Math.max(x, 0), width * 0.95)) / width}%`;
  $("tag").style.top = `${(100 * Math.max(y, height * 0.05)) / height}%`;
}

// Scrolls the list, but not the page, to a word.
function reveal(index) {
  const list = $("list"), item = list.children[index] ?? list.lastChild;
  list.scrollTop = item.offsetTop - (list.clientHeight - item.offsetHeight) / 2;
}

function busy(on) {
  $("busy").hidden = !on;
  $("drop").setAttribute("aria-busy", on);
}

function complain(message) {
  $("error").textContent = message;
  $("error").hidden = !message;
  if (message) $("error").scrollIntoView({ block: "nearest" });
}

// ---- taking away

function download() {
  const blob = new Blob([JSON.stringify({ ...state.found, boxes: kept() }, null, 2)], { type: "application/json" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = state.name.replace(/\.[^.]*$/, "") + ".json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function copyCurl() {
  const quote = (word) => `'${word.replaceAll("'", `'\\''`)}'`;
  const query = new URLSearchParams(sliders.map((id) => [`${id}_threshold`, $(id).value]));
  const key = state.key ? " -H 'X-API-Key: YOUR_KEY'" : "";
  const command = `curl -H 'Content-Type: ${mediaType()}'${key} --data-binary ${quote("@" + state.name)} ${quote(new URL(`${state.recogniser ? "read" : "detect"}?${query}`, location.href).href)}`;
  const button = $("curl");
  await navigator.clipboard.writeText(command).then(
    () => { button.textContent = "Copied"; },
    () => { window.prompt("Copy this:", command); },
  );
  setTimeout(() => { button.textContent = "Copy as curl"; }, 1500);
}

// ---- an example that needs no file

function example() {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: 960, height: 600 });
  const context = canvas.getContext("2d");
  const sky = context.createLinearGradient(0, 0, 0, 600);
  sky.addColorStop(0, "#8fb7d9");
  sky.addColorStop(1, "#d8d3c4");
  context.fillStyle = sky;
  context.fillRect(0, 0, 960, 600);
  const sign = (x, y, width, height, turn, paint, ink, lines) => {
    context.save();
    context.translate(x, y);
    context.rotate((turn * Math.PI) / 180);
    context.fillStyle = paint;
    context.fillRect(-width / 2, -height / 2, width, height);
    context.fillStyle = ink;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const [line, size, dy] of lines) {
      context.font = `600 ${size}px sans-serif`;
      context.fillText(line, 0, dy);
    }
    context.restore();
  };
  sign(330, 170, 470, 190, -4, "#14532d", "#f4f1e6", [["HARBOUR CAFE", 54, -32], ["open daily 8 to 18", 34, 40]]);
  sign(690, 400, 380, 150, 7, "#f2c230", "#1b1b1b", [["STATION", 60, -24], ["platform 4", 36, 38]]);
  sign(250, 470, 260, 90, 0, "#ffffff", "#9a1b1b", [["NO ENTRY", 42, 0]]);
  canvas.toBlob((blob) => take(blob, "example.png"), "image/png");
}

// ---- wiring

const first = (files) => [...(files ?? [])].find((file) => file.size);

for (const id of ["pick", "photograph"]) {
  $(id).addEventListener("change", (event) => { take(first(event.target.files)); event.target.value = ""; });
}
$("example").addEventListener("click", example);
$("another").addEventListener("click", reset);
$("download").addEventListener("click", download);
$("curl").addEventListener("click", copyCurl);
$("box").addEventListener("input", () => {
  show();
  if (state.recogniser) later(0.25);
});
for (const id of ["score", "nms"]) {
  $(id).addEventListener("input", () => {
    $(`${id}-value`).textContent = Number($(id).value).toFixed(2);
    later(0.25);
  });
}
$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  state.key = $("key").value;
  sessionStorage.setItem("key", state.key);
  $("key-form").hidden = true;
  detect();
});
addEventListener("paste", (event) => {
  const file = first(event.clipboardData?.files);
  if (file) { event.preventDefault(); take(file); }
});
for (const kind of ["dragover", "drop", "dragleave"]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") take(first(event.dataTransfer.files));
  });
}
show();
