// Block Kit, block by block.

import { el, link, list, str } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { mrkdwn } from "./mrkdwn.js";
import { richText } from "./rich_text.js";

/** All blocks of a message or an attachment. */
export const blocks = (all) => list(all).map(block);

function block(block) {
  switch (block?.type) {
    case "header":
      return el("h3", { class: "block" }, ...textOf(block.text));
    case "section":
      return section(block);
    case "context":
      return el("div", { class: "block context" }, ...list(block.elements).map(contextItem));
    case "rich_text":
      return richText(block);
    case "divider":
      return el("hr");
    case "actions":
    case "context_actions":
      return el("div", { class: "block actions" }, ...list(block.elements).map(control));
    case "image":
      return image(block);
    case "markdown":
      return el("div", { class: "block words" }, str(block.text));
    case "table":
      return table(block);
    case "video":
      return el("p", { class: "block" }, "▶ ", link(str(block.title_url ?? block.video_url), ...textOf(block.title)));
    default:
      return el("p", { class: "block unknown" }, `[${str(block?.type)}: see the JSON]`);
  }
}

/** A text object's nodes. */
export function textOf(text) {
  const written = str(text?.text);
  if (text?.type !== "mrkdwn") return [text?.emoji === false ? written : withEmoji(written)];
  const parses = text.verbatim !== true;
  return mrkdwn(written, { urls: parses, names: parses });
}

function section(block) {
  const text = block.text ? el("div", { class: "words" }, ...textOf(block.text)) : null;
  const fields = list(block.fields).map((field) => el("div", { class: "words" }, ...textOf(field)));
  const grid = fields.length > 0 ? el("div", { class: "fields" }, ...fields) : null;
  const accessory = block.accessory ? el("div", { class: "accessory" }, control(block.accessory)) : null;
  return el("div", { class: "block section" }, el("div", { class: "main" }, text, grid), accessory);
}

function contextItem(item) {
  if (item?.type === "image") return picture(item, "small");
  return el("span", { class: "words" }, ...textOf(item));
}

/** A button that leads somewhere does so; other controls only show. */
function control(item) {
  const kind = ["primary", "danger"].includes(item?.style) ? ` ${item.style}` : "";
  switch (item?.type) {
    case "button": {
      const label = textOf(item.text);
      if (!item.url) return el("button", { type: "button", class: `button${kind}`, disabled: true, title: "asks your app, which is not here" }, ...label);
      const button = link(str(item.url), ...label);
      button.classList.add("button", ...kind.trim().split(" ").filter(Boolean));
      return button;
    }
    case "image":
      return picture(item, "small");
    default: {
      const label = item?.placeholder ? textOf(item.placeholder) : [str(item?.type)];
      return el("button", { type: "button", class: "button", disabled: true }, ...label, " ▾");
    }
  }
}

/** Nothing is loaded for a message: a picture is its description and its address. */
function picture(item, size) {
  const url = str(item.image_url);
  const alt = str(item.alt_text);
  return el("span", { class: `picture ${size}`, title: `${url} (not loaded here)` }, "🖼 ", link(url, alt || "image"));
}

function image(block) {
  const title = block.title ? el("figcaption", {}, ...textOf(block.title)) : null;
  return el("figure", { class: "block" }, title, picture(block, "large"));
}

function table(block) {
  const cell = (tag) => (cell) =>
    el(tag, {}, cell?.type === "rich_text" ? richText(cell) : str(cell?.text));
  const [head, ...rows] = list(block.rows);
  return el(
    "div",
    { class: "block table" },
    el(
      "table",
      {},
      el("thead", {}, el("tr", {}, ...list(head).map(cell("th")))),
      el("tbody", {}, ...rows.map((row) => el("tr", {}, ...list(row).map(cell("td"))))),
    ),
  );
}
