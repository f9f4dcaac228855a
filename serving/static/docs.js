// Shows the service's OpenAPI document.

const api = await (await fetch("openapi.json")).json();

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// A sentence whose `names` are code.
const prose = (sentence) => sentence.split("`").map((piece, i) => (i % 2 ? make("code", {}, piece) : piece));

const resolve = (schema) => (schema?.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema);

// A type in a few words: "number 0..1", "string or null", "json, icdar, image/png".
function words(schema) {
  schema = resolve(schema) ?? {};
  if (schema.anyOf) return schema.anyOf.map(words).filter((word) => word !== "null").join(" or ");
  if (schema.enum) return schema.enum.join(", ");
  const range = schema.minimum !== undefined && schema.maximum !== undefined ? ` ${schema.minimum}..${schema.maximum}` : "";
  return (schema.format === "binary" ? "image bytes" : schema.type ?? "anything") + range;
}

// An answer as a JSON text with types for values.
function sample(schema, depth = 0) {
  schema = resolve(schema) ?? {};
  if (depth > 6) return "…";
  if (schema.anyOf) return sample(schema.anyOf[0], depth + 1);
  if (schema.type === "array") {
    const items = Array.from({ length: schema.minItems && schema.minItems < 5 ? schema.minItems : 1 });
    return items.map(() => sample(schema.items, depth + 1));
  }
  if (schema.type === "object" && schema.properties) {
    return Object.fromEntries(Object.entries(schema.properties).map(([name, value]) => [name, sample(value, depth + 1)]));
  }
  return words(schema);
}

const pretty = (value) => JSON.stringify(value, null, 2).replaceAll(/\[\s+("[^"]*"),\s+("[^"]*")\s+\]/g, "[$1, $2]");

function table(rows) {
  return make("table", {}, ...rows.map((cells) => make("tr", {}, ...cells.map((cell) => make("td", {}, ...(typeof cell === "string" ? prose(cell) : [cell]))))));
}

const part = (title, ...content) => make("div", {}, make("h3", {}, title), ...content);

function operation(path, method, entry) {
  const body = make("div", {});
  if (entry.description) body.append(make("p", {}, ...prose(entry.description)));
  const parameters = entry.parameters ?? [];
  if (parameters.length) {
    body.append(part("Parameters", table(parameters.map((p) => [
      make("code", {}, p.name), `${words(p.schema)}`, p.description ?? p.schema.description ?? "",
    ]))));
  }
  const sent = Object.entries(entry.requestBody?.content ?? {});
  if (sent.length) {
    body.append(part("Body", table(sent.map(([type, { schema }]) => [
      make("code", {}, type),
      schema.properties ? `fields: ${Object.keys(schema.properties).join(", ")}` : words(schema),
    ]))));
  }
  const good = entry.responses["200"]?.content?.["application/json"]?.schema;
  if (good && (good.$ref || good.properties)) body.append(part("Answer", make("pre", {}, pretty(sample(good)))));
  body.append(part("Statuses", table(Object.entries(entry.responses).map(([status, answer]) => [
    make("code", {}, status), `${answer.description} (${Object.keys(answer.content ?? {}).join(", ")})`,
  ]))));
  return make("details", { class: "operation" },
    make("summary", {}, make("span", { class: "method" }, method.toUpperCase()), make("code", {}, path),
      make("span", { class: "quiet" }, entry.summary ?? "")),
    body);
}

const groups = new Map();
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, entry] of Object.entries(methods)) {
    const tag = entry.tags?.[0] ?? "other";
    if (!groups.has(tag)) groups.set(tag, []);
    groups.get(tag).push(operation(path, method, entry));
  }
}
for (const [tag, operations] of groups) {
  document.getElementById("docs").append(make("h2", {}, tag), ...operations);
}
document.querySelector(".operation")?.setAttribute("open", "");
