"use strict";

const images = JSON.parse(document.getElementById("data").textContent);
const tools = document.getElementById("tools");
const wall = document.getElementById("images");
const viewer = document.getElementById("viewer");
const stage = viewer.querySelector(".stage");
const rows = viewer.querySelector("tbody");
const zoom = viewer.querySelector("[data-zoom]");
const NAMES = { hit: "hit", alarm: "false alarm", missed: "missed word", found: "found word", ignored: "don’t care", aside: "set aside" };
const DRAWN_FIRST = ["ignored", "aside", "found", "hit", "missed", "alarm"];
let shown = [];
let current = null;

const layers = () => new Set(new FormData(tools).getAll("layer"));

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function svg(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function overlay(image) {
  const drawing = svg("svg", { viewBox: `0 0 ${image.width} ${image.height}`, "aria-hidden": "true" });
  const visible = layers();
  for (const kind of DRAWN_FIRST) {
    if (!visible.has(kind)) continue;
    image.marks.forEach((mark, index) => {
      if (mark.kind !== kind) return;
      drawing.append(svg("polygon", { points: mark.quad.join(" "), class: `shade ${kind}` }));
      drawing.append(svg("polygon", { points: mark.quad.join(" "), class: kind, "data-mark": index }));
    });
  }
  return drawing;
}

function picture(image, lazy) {
  const attributes = { src: `images/${encodeURIComponent(image.file)}`, alt: "", width: image.width, height: image.height };
  if (lazy) attributes.loading = "lazy";
  return element("span", { class: "picture" }, element("img", attributes), overlay(image));
}

function number(image, kind) {
  return image.marks.filter((mark) => mark.kind === kind).length;
}

function summary(image) {
  const parts = [`image ${image.key}`, `F1 ${image.hmean.toFixed(2)}`];
  const missed = number(image, "missed");
  const alarms = number(image, "alarm");
  if (missed) parts.push(`${missed} missed`);
  if (alarms) parts.push(`${alarms} false ${alarms > 1 ? "alarms" : "alarm"}`);
  return parts.join(" · ");
}

function matches(image, having, search) {
  if (having !== "any" && !number(image, having)) return false;
  return !search || image.key === search || image.marks.some((mark) => mark.text.toLowerCase().includes(search));
}

function refresh() {
  const chosen = new FormData(tools);
  const search = chosen.get("search").trim().toLowerCase();
  shown = images.filter((image) => matches(image, chosen.get("having"), search));
  if (chosen.get("order") === "number") shown.sort((a, b) => a.key - b.key);
  if (chosen.get("order") === "hmean") shown.sort((a, b) => a.hmean - b.hmean);
  document.getElementById("count").textContent = `${shown.length} of ${images.length}`;
  wall.replaceChildren(...shown.map((image) => {
    const card = element("button", { type: "button", id: `image-${image.key}` }, picture(image, true));
    card.append(element("span", { class: "caption" }, summary(image)));
    card.addEventListener("click", () => open(image));
    return card;
  }));
  if (!shown.length) wall.append(element("p", {}, images.length ? "No image is like that." : "No image has an error."));
}

function row(image, mark, index) {
  const detail = mark.text || (mark.score === null ? "" : mark.score.toFixed(4));
  const made = element("tr", { class: mark.kind }, element("td", {}, NAMES[mark.kind]), element("td", {}, detail), element("td", {}, `${Math.round(mark.height)} px`));
  const light = (on) => stage.querySelector(`[data-mark="${index}"]`)?.classList.toggle("lit", on);
  made.addEventListener("mouseenter", () => light(true));
  made.addEventListener("mouseleave", () => light(false));
  return made;
}

function fit() {
  const framed = stage.querySelector(".picture");
  const zoomed = zoom.getAttribute("aria-pressed") === "true";
  const room = Math.max(stage.clientHeight, innerHeight * 0.55);
  const width = zoomed ? current.width * 2 : Math.min(stage.clientWidth, (room * current.width) / current.height);
  framed.style.width = `${width}px`;
}

function open(image) {
  current = image;
  viewer.querySelector("h2").textContent = summary(image);
  stage.replaceChildren(picture(image, false));
  const order = ["missed", "alarm", "hit", "found", "aside", "ignored"];
  const marks = image.marks.map((mark, index) => ({ mark, index })).sort((a, b) => order.indexOf(a.mark.kind) - order.indexOf(b.mark.kind));
  rows.replaceChildren(...marks.map(({ mark, index }) => row(image, mark, index)));
  history.replaceState(null, "", `#${image.key}`);
  if (!viewer.open) viewer.showModal();
  fit();
}

function step(by) {
  if (!shown.length) return;
  const place = shown.indexOf(current);
  open(shown[(place + by + shown.length) % shown.length]);
}

function toggleZoom() {
  zoom.setAttribute("aria-pressed", String(zoom.getAttribute("aria-pressed") !== "true"));
  fit();
}

tools.addEventListener("input", refresh);
tools.addEventListener("submit", (event) => event.preventDefault());
viewer.addEventListener("click", (event) => {
  if (event.target === viewer || event.target.closest("[data-close]")) viewer.close();
  const button = event.target.closest("[data-step]");
  if (button) step(Number(button.dataset.step));
  if (event.target.closest("[data-zoom]")) toggleZoom();
});
viewer.addEventListener("keydown", (event) => {
  const zoomed = event.target === stage && zoom.getAttribute("aria-pressed") === "true";
  if (event.key === "ArrowLeft" && !zoomed) step(-1);
  if (event.key === "ArrowRight" && !zoomed) step(1);
  if (event.key === "z") toggleZoom();
});
viewer.addEventListener("close", () => {
  history.replaceState(null, "", location.pathname);
  document.getElementById(`image-${current.key}`)?.focus();
});
addEventListener("resize", () => viewer.open && fit());

function openLinked() {
  const linked = images.find((image) => `#${image.key}` === location.hash);
  if (linked) open(linked);
}

addEventListener("hashchange", openLinked);
refresh();
openLinked();
