// Draws /openapi.json as a page on which every route can be tried. Text from the document only ever
// becomes text nodes, never markup.
"use strict";

const byId = (id) => document.getElementById(id);
const METHODS = ["get", "post", "put", "delete"];
const TOKEN_KEY = "autodeal-access-token";
let api;

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== ""));
  return element;
}

// `words` in backticks become code; everything else stays text.
const prose = (text = "") =>
  text.split(/(`[^`]+`)/).map((part) => (part.startsWith("`") ? make("code", {}, part.slice(1, -1)) : part));

const paragraphs = (text = "") => text.split(/\n\s*\n/).filter(Boolean).map((part) => make("p", {}, prose(part)));

function resolve(schema = {}) {
  while (schema.$ref) schema = api.components.schemas[schema.$ref.split("/").pop()];
  const choices = schema.oneOf ?? schema.anyOf;
  if (!choices) return schema;
  const real = choices.filter((choice) => choice.type !== "null");
  return real.length === 1 ? { ...schema, ...resolve(real[0]), oneOf: undefined, anyOf: undefined } : schema;
}

const isOptional = (schema) => (schema.oneOf ?? schema.anyOf ?? []).some((choice) => choice.type === "null");

function kindOf(schema) {
  const real = resolve(schema);
  const choices = real.oneOf ?? real.anyOf;
  let kind = choices ? choices.map(kindOf).join(" or ") : [real.type ?? "any"].flat().filter((t) => t !== "null").join(" or ");
  if (real.type === "array") kind = `list of ${kindOf(real.items)}`;
  if (real.enum) kind = real.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (real.const !== undefined) kind = JSON.stringify(real.const);
  if (real.format) kind += ` (${real.format})`;
  return isOptional(schema) ? `${kind} or null` : kind;
}

function fieldRows(schema, depth = 0) {
  const real = resolve(schema.type === "array" ? schema.items : schema);
  const shape = real.type === "array" ? resolve(real.items) : real;
  return Object.entries(shape.properties ?? {}).flatMap(([name, field]) => {
    const inner = resolve(field);
    const required = (shape.required ?? []).includes(name);
    const row = make("tr", {},
      make("td", { class: depth ? "nested" : undefined }, make("code", {}, "· ".repeat(depth) + name), required ? make("span", { class: "required", title: "required" }, "*") : ""),
      make("td", {}, make("span", { class: "kind" }, kindOf(field)), " ", prose(inner.description ?? "")));
    const nested = inner.properties || (inner.type === "array" && resolve(inner.items).properties);
    return nested && depth < 3 ? [row, ...fieldRows(inner, depth + 1)] : [row];
  });
}

function fieldsOf(schema) {
  const rows = fieldRows(schema);
  return rows.length ? make("table", { class: "fields" }, make("tbody", {}, rows)) : make("p", { class: "kind" }, kindOf(schema));
}

function exampleOf(schema, depth = 0) {
  const real = resolve(schema);
  if (real.examples?.length) return real.examples[0];
  if (real.default !== undefined) return real.default;
  if (real.const !== undefined) return real.const;
  if (real.enum) return real.enum[0];
  if (real.oneOf || real.anyOf) return exampleOf((real.oneOf ?? real.anyOf)[0], depth);
  const type = [real.type].flat().find((one) => one !== "null");
  if (type === "object" || real.properties) {
    const wanted = Object.entries(real.properties ?? {}).filter(([name]) => (real.required ?? []).includes(name) || depth === 0);
    return Object.fromEntries(wanted.map(([name, field]) => [name, isOptional(field) && !resolve(field).examples ? null : exampleOf(field, depth + 1)]));
  }
  if (type === "array") return [];
  if (type === "integer" || type === "number") return real.minimum ?? 1;
  if (type === "boolean") return true;
  return "";
}

const bodyOf = (operation) => operation.requestBody?.content?.["application/json"]?.schema;

function exampleBody(operation) {
  const schema = bodyOf(operation);
  return schema ? JSON.stringify(exampleOf(schema), null, 2) : "";
}

function pathParts(path) {
  return path.split(/(\{[^}]+\})/).map((part) => (part.startsWith("{") ? make("i", {}, part) : part));
}

function responsesOf(operation) {
  return Object.entries(operation.responses).map(([status, response]) => {
    const [type, content] = Object.entries(response.content ?? {})[0] ?? [];
    const head = make("summary", {}, make("span", { class: `status s${status[0]}` }, status), prose(response.description), type ? make("span", { class: "kind" }, ` ${type}`) : "");
    return make("details", {}, head, content?.schema ? fieldsOf(content.schema) : make("p", { class: "kind" }, "no body"));
  });
}

function parameterRows(operation) {
  return operation.parameters.map((parameter) => make("tr", {},
    make("td", {}, make("code", {}, parameter.name), parameter.required ? make("span", { class: "required", title: "required" }, "*") : ""),
    make("td", {}, make("span", { class: "kind" }, `${parameter.in}, ${kindOf(parameter.schema)}`), " ", prose(parameter.description ?? ""))));
}

function requestFrom(form, path, method, operation) {
  const headers = {}, query = new URLSearchParams();
  for (const parameter of operation.parameters ?? []) {
    const value = form.elements[`${parameter.in}:${parameter.name}`].value.trim();
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (value && parameter.in === "query") query.append(parameter.name, value);
    else if (value && parameter.in === "header") headers[parameter.name] = value;
  }
  const token = byId("token").value.trim();
  if (token) headers.Authorization = `Bearer ${token}`;
  const body = form.elements.body?.value.trim() || undefined;
  if (body) headers["Content-Type"] = "application/json";
  const search = query.toString();
  return { url: path + (search ? `?${search}` : ""), options: { method: method.toUpperCase(), headers, body } };
}

function asCurl({ url, options }) {
  const quoted = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;
  const headers = Object.entries(options.headers).map(([name, value]) => ` \\\n  -H ${quoted(`${name}: ${value}`)}`).join("");
  return `curl -i -X ${options.method} ${quoted(location.origin + url)}${headers}${options.body ? ` \\\n  -d ${quoted(options.body)}` : ""}`;
}

// Indents JSON as text: parsing and writing it again would turn 89990.00 into 89990.
function pretty(text) {
  try { JSON.parse(text); } catch { return text; }
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  return text.replace(/"(?:[^"\\]|\\.)*"|\{\s*\}|\[\s*\]|[{}[\],:]|\s+/g, (token) => {
    if (/^\s/.test(token)) return "";
    if (token === "{" || token === "[") { depth += 1; return token + line(); }
    if (token === "}" || token === "]") { depth -= 1; return line() + token; }
    return token === "," ? token + line() : token === ":" ? ": " : token;
  });
}

async function send(request, output, operation, stop) {
  output.hidden = false;
  output.textContent = "…";
  try {
    const started = performance.now();
    const reply = await fetch(request.url, { ...request.options, signal: stop.signal });
    const head = `${reply.status} ${reply.statusText} · ${Math.round(performance.now() - started)} ms\n` +
      ["link", "retry-after", "x-request-id"].filter((name) => reply.headers.has(name)).map((name) => `${name}: ${reply.headers.get(name)}\n`).join("");
    let text = "";
    const decoder = new TextDecoder();
    for (const reader = reply.body?.getReader(); reader;) {
      const { done, value } = await reader.read();
      if (done) break;
      // Event streams are shown as they come.
      text += decoder.decode(value, { stream: true });
      output.textContent = `${head}\n${text}`;
    }
    output.textContent = `${head}\n${pretty(text)}`;
    if (operation.operationId === "logIn" && reply.ok) setToken(JSON.parse(text).access_token);
  } catch (error) {
    output.textContent += stop.signal.aborted ? "\n(stopped)" : `\n${error}`;
  }
}

function tryForm(path, method, operation) {
  const output = make("pre", { hidden: true });
  let stop = new AbortController();
  const inputs = (operation.parameters ?? []).map((parameter) => {
    const name = `${parameter.in}:${parameter.name}`;
    const id = `${operation.operationId}-${name}`;
    return [make("label", { for: id }, parameter.name), make("input", { id, name, required: parameter.required, placeholder: kindOf(parameter.schema), spellcheck: "false" })];
  });
  const form = make("form", {
    class: "try", hidden: true,
    onsubmit: (event) => {
      event.preventDefault();
      stop.abort();
      stop = new AbortController();
      send(requestFrom(form, path, method, operation), output, operation, stop);
    },
  }, make("div", { class: "params" }, inputs.flat()));
  if (bodyOf(operation)) form.append(make("textarea", { name: "body", spellcheck: "false", "aria-label": "Body" }, exampleBody(operation)));
  form.append(make("div", { class: "actions" },
    make("button", { class: "send" }, "Send"),
    make("button", { type: "button", onclick: () => stop.abort() }, "Stop"),
    make("button", { type: "button", onclick: () => { output.hidden = false; output.textContent = asCurl(requestFrom(form, path, method, operation)); } }, "As curl")), output);
  return form;
}

function article(path, method, operation) {
  const form = tryForm(path, method, operation);
  const open = make("button", { type: "button", onclick: () => { form.hidden = !form.hidden; } }, "Try it");
  const body = bodyOf(operation);
  return make("article", { id: operation.operationId },
    make("h3", {}, operation.summary, make("span", { class: "who" }, operation["x-access"] ?? (operation.security?.length ? "signed in" : "anyone"))),
    make("p", { class: "line" }, make("span", { class: `method ${method}` }, method.toUpperCase()), make("span", { class: "path" }, pathParts(path))),
    paragraphs(operation.description),
    operation.parameters?.length ? [make("h4", {}, "Parameters"), make("table", { class: "fields" }, make("tbody", {}, parameterRows(operation)))] : "",
    body ? [make("h4", {}, operation.requestBody.required ? "Body" : "Body (may be left out)"), fieldsOf(body)] : "",
    make("h4", {}, "Answers"), responsesOf(operation),
    make("div", { class: "actions" }, open), form);
}

function operationsByTag() {
  const groups = new Map((api.tags ?? []).map((tag) => [tag.name, { tag, operations: [] }]));
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((one) => methods[one])) {
      const name = methods[method].tags?.[0] ?? "Other";
      if (!groups.has(name)) groups.set(name, { tag: { name }, operations: [] });
      groups.get(name).operations.push([path, method, methods[method]]);
    }
  }
  return [...groups.values()].filter((group) => group.operations.length);
}

function draw() {
  document.title = `${api.info.title} API`;
  byId("head").append(
    make("h1", {}, `${api.info.title} API`, make("small", {}, `version ${api.info.version}`)),
    make("p", { class: "lead" }, api.info.summary ?? ""), ...paragraphs(api.info.description));
  byId("routes").replaceChildren();
  for (const { tag, operations } of operationsByTag()) {
    byId("nav").append(make("section", {}, make("h2", {}, tag.name), operations.map(([path, method, operation]) =>
      make("a", { href: `#${operation.operationId}`, "data-text": `${method} ${path} ${operation.summary}`.toLowerCase(), title: path },
        make("span", { class: `method ${method}` }, method.toUpperCase()), make("span", {}, operation.summary)))));
    byId("routes").append(make("section", { class: "group" }, make("h2", {}, tag.name), make("p", {}, tag.description ?? ""), operations.map((one) => article(...one))));
  }
  if (location.hash) document.querySelector(`[id="${CSS.escape(location.hash.slice(1))}"]`)?.scrollIntoView();
}

function filterRoutes() {
  const words = byId("filter").value.toLowerCase().split(/\s+/);
  for (const link of byId("nav").querySelectorAll("a")) {
    const shown = words.every((word) => link.dataset.text.includes(word));
    link.hidden = !shown;
    byId(link.hash.slice(1)).hidden = !shown;
  }
  for (const section of document.querySelectorAll("nav section, .group")) {
    section.hidden = !section.querySelector("a:not([hidden]), article:not([hidden])");
  }
}

function setToken(token) {
  byId("token").value = token;
  sessionStorage.setItem(TOKEN_KEY, token);
}

async function begin() {
  byId("token").value = sessionStorage.getItem(TOKEN_KEY) ?? "";
  byId("token").addEventListener("input", (event) => setToken(event.target.value));
  byId("forget").addEventListener("click", () => setToken(""));
  byId("filter").addEventListener("input", filterRoutes);
  try {
    const reply = await fetch("/openapi.json");
    if (!reply.ok) throw new Error(`the gateway answered ${reply.status}`);
    api = await reply.json();
    draw();
  } catch (error) {
    byId("routes").replaceChildren(make("p", { class: "note" }, `The document could not be read: ${error.message}.`));
  }
}

begin();
