// Makes elements. Text goes in as text nodes only: nothing here reads HTML.

/** An element with attributes and children; strings become text nodes. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "onclick") element.addEventListener("click", value);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A text, whatever was given; strangers' objects may not even have one. */
export const str = (value) => (typeof value === "string" || typeof value === "number" ? String(value) : "");

/** A list, whatever was given. */
export const list = (items) => (Array.isArray(items) ? items : []);

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** A link that opens elsewhere and says nothing of us; text if it is no web address. */
export function link(url, ...children) {
  const label = children.length > 0 ? children : [url];
  if (!/^(https?:\/\/|mailto:)/i.test(url)) return el("span", { class: "dead-link", title: url }, ...label);
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, ...label);
}

/** A button that copies a text. */
export function copyButton(text) {
  const button = el("button", { type: "button", class: "copy" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select and copy";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  return button;
}
