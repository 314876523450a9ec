// Elements of the page. Every text becomes a text node or an attribute, never HTML.

function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

function section(id, title, explanation, ...children) {
  return el("section", { id, "aria-labelledby": `${id}-title` },
    el("h2", { id: `${id}-title` }, title), explanation ? el("p", { class: "explanation" }, explanation) : null, ...children);
}

function button(text, action, attributes = {}) {
  return el("button", { type: "button", onclick: action, ...attributes }, text);
}

function choice(label, options, value, action) {
  const select = el("select", { onchange: () => action(select.value) },
    ...Object.entries(options).map(([key, text]) => el("option", { value: key }, text)));
  select.value = value;
  return { element: el("label", {}, `${label} `, select), select };
}

// Radio buttons that look like one row of buttons.
function segments(label, name, options, value, action) {
  const inputs = {};
  const element = el("fieldset", { class: "segments" }, el("legend", {}, label),
    ...Object.entries(options).map(([key, text]) => {
      inputs[key] = el("input", { type: "radio", name, value: key, checked: key === value, onchange: () => action(key) });
      return el("label", {}, inputs[key], el("span", {}, text));
    }));
  return { element, set: (key) => { if (inputs[key]) inputs[key].checked = true; } };
}

function tick(label, checked, action) {
  const input = el("input", { type: "checkbox", checked, onchange: () => action(input.checked) });
  return el("label", { class: "tick" }, input, ` ${label}`);
}

function replaceChildren(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
}

const count = (number, one, several = `${one}s`) => `${number} ${number === 1 ? one : several}`;
const shown = (value, digits = 2) => (value === null || value === undefined ? "–" : value.toFixed(digits));
const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
