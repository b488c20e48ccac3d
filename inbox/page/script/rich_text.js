// Rich text: sections, lists, quotes, preformatted text.

import { el, list, str } from "./dom.js";
import { leaf } from "./leaves.js";

const leaves = (element) => list(element?.elements).map(leaf);

/** A block of rich text. */
export function richText(block) {
  return el("div", { class: "rich-text" }, ...list(block.elements).map(part));
}

function part(element) {
  switch (element?.type) {
    case "rich_text_section":
      return el("p", {}, ...leaves(element));
    case "rich_text_preformatted":
      return el("pre", {}, ...leaves(element));
    case "rich_text_quote":
      return el("blockquote", {}, ...leaves(element));
    case "rich_text_list":
      return items(element);
    default:
      return el("p", { class: "unknown" }, `[${str(element?.type)}]`);
  }
}

function items(element) {
  const ordered = element.style === "ordered";
  const start = ordered ? (Number(str(element.offset)) || 0) + 1 : undefined;
  const indent = Math.min(Math.max(Number(str(element.indent)) || 0, 0), 8);
  const style = { class: `indent-${indent}${element.border ? " bordered" : ""}`, start };
  const entries = list(element.elements).map((item) => el("li", {}, ...leaves(item)));
  return el(ordered ? "ol" : "ul", style, ...entries);
}
