// What stands within a line: mentions, dates, emoji, links.

import { byTokens, fullTime } from "./clock.js";
import { el, link, str } from "./dom.js";
import { emoji } from "./emoji.js";

/** A mention. It calls nobody here; `calls` says that it would in Slack. */
export function pill(text, calls) {
  const title = calls ? "would be called in Slack; nobody is here" : undefined;
  return el("span", { class: calls ? "pill calls" : "pill", title }, text);
}

/** A date as the reader's clock shows it. */
export function date(unix, tokens, fallback, url) {
  const text = byTokens(unix, tokens) ?? fallback;
  const shown = url ? link(url, text) : text;
  const at = new Date(unix * 1000);
  const title = Number.isFinite(at.getTime()) ? fullTime(at) : undefined;
  return el("time", { title }, shown);
}

/** An element of rich text. */
export function leaf(element) {
  const text = (name) => str(element?.[name]);
  switch (element?.type) {
    case "text":
      return styled(element.style, text("text"));
    case "link":
      return styled(element.style, link(text("url"), text("text") || text("url")));
    case "emoji":
      return emoji(text("name")) ?? fromCodes(text("unicode")) ?? `:${text("name")}:`;
    case "user":
      return styled(element.style, pill(`@${text("user_id")}`, true));
    case "usergroup":
      return styled(element.style, pill(`@${text("usergroup_id")}`, true));
    case "broadcast":
      return styled(element.style, pill(`@${text("range")}`, true));
    case "channel":
      return styled(element.style, pill(`#${text("channel_id")}`, false));
    case "date":
      return styled(
        element.style,
        date(Number(text("timestamp")), text("format"), text("fallback"), text("url")),
      );
    case "color":
      return el("span", { class: "color" }, swatch(text("value")), text("value"));
    default:
      return el("span", { class: "unknown" }, `[${text("type")}]`);
  }
}

function fromCodes(codes) {
  const points = codes.split("-").map((code) => Number.parseInt(code, 16));
  const valid = points.every((point) => point > 0 && point <= 0x10ffff);
  return valid ? String.fromCodePoint(...points) : null;
}

function swatch(value) {
  const box = el("span", { class: "swatch" });
  if (/^#[0-9a-f]{3,8}$/i.test(value)) box.style.backgroundColor = value;
  return box;
}

const STYLES = [
  ["highlight", "mark"],
  ["client_highlight", "mark"],
  ["underline", "u"],
  ["strike", "s"],
  ["italic", "i"],
  ["bold", "b"],
  ["code", "code"],
];

function styled(style, content) {
  return STYLES.filter(([name]) => style?.[name] === true).reduceRight(
    (inner, [, tag]) => el(tag, {}, inner),
    content,
  );
}
