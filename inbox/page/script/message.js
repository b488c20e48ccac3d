// A message as Slack shows it.

import { blocks } from "./blocks.js";
import { dateOf, fullTime, timeOf } from "./clock.js";
import { el, link, list, str } from "./dom.js";
import { emoji, withEmoji } from "./emoji.js";
import { literal, mrkdwn } from "./mrkdwn.js";
import { keyOf } from "./state.js";

/** Who it is from: a webhook's name can't be changed, a bot's can. */
export function author(message) {
  const { username } = message.payload;
  if (message.via === "api" && typeof username === "string" && username.trim()) return username;
  return message.via === "webhook" ? "incoming-webhook" : "your-app";
}

function avatar(message) {
  const { icon_emoji: icon } = message.payload;
  const shown = message.via === "api" && typeof icon === "string" ? emoji(icon.replaceAll(":", "")) : null;
  return el("div", { class: shown ? "avatar" : "avatar plain", "aria-hidden": "true" }, shown ?? "");
}

/** What can be done with a message: `details` and `thread` are called with it. */
export function renderMessage(message, { replies = [], parent = null, details, thread, follows = false }) {
  const at = dateOf(message.ts);
  const name = el("bdi", { class: "author" }, author(message));
  const edited = message.shows_edits
    ? el("span", { class: "edited", title: `edited ${message.edits === 1 ? "once" : `${message.edits} times`}, last at ${fullTime(dateOf(message.edited_ts))}` }, "(edited)")
    : null;
  return el(
    "article",
    { class: follows ? "message follows" : "message", tabindex: "0", "data-key": keyOf(message) },
    follows ? el("time", { class: "aside" }, timeOf(at)) : avatar(message),
    el(
      "div",
      { class: "content" },
      el("header", {}, name, el("span", { class: "app" }, "APP"), el("time", { title: fullTime(at), datetime: at.toISOString() }, timeOf(at))),
      parent ? el("p", { class: "replied" }, "replied to a thread: ", el("bdi", {}, ...topText(parent.payload))) : null,
      ...safeBody(message, edited),
      replies.length > 0 ? threadButton(message, replies, thread) : null,
    ),
    el(
      "div",
      { class: "actions-on-message" },
      el("button", { type: "button", class: "open-details", onclick: () => details(message) }, "Details"),
    ),
  );
}

/** One message that can't be shown must not keep the others from it. */
function safeBody(message, edited) {
  try {
    return body(message, edited);
  } catch (problem) {
    console.error(problem);
    return [el("p", { class: "unknown" }, "This message can't be shown here: see its details.")];
  }
}

function body(message, edited) {
  const { payload } = message;
  const own = blocks(payload.blocks);
  const parts = [];
  // With blocks, the text is only for notifications.
  if (own.length > 0) parts.push(el("div", { class: "blocks" }, ...own));
  else if (payload.markdown_text) parts.push(el("div", { class: "text words" }, str(payload.markdown_text)));
  else if (payload.text) parts.push(el("div", { class: "text words" }, ...topText(payload)));
  if (edited) (parts.at(-1) ?? parts[parts.push(el("div", { class: "text" })) - 1]).append(" ", edited);
  parts.push(...list(payload.attachments).map(attachment));
  return parts;
}

function topText(payload) {
  if (!payload.text) return [];
  if (payload.mrkdwn === false) return literal(payload.text);
  const named = payload.link_names === true || payload.link_names === 1 || payload.parse === "full";
  return mrkdwn(payload.text, { urls: payload.parse !== "none", names: named });
}

const NAMED_COLORS = { good: "#2eb886", warning: "#daa038", danger: "#a30200" };

function color(value) {
  const named = Object.hasOwn(NAMED_COLORS, str(value)) ? NAMED_COLORS[value] : str(value);
  const hex = named.startsWith("#") ? named : `#${named}`;
  return /^#(?:[0-9a-f]{3}|[0-9a-f]{6})$/i.test(hex) ? hex : null;
}

/** An attachment: its blocks, or the fields of older times. */
function attachment(given) {
  const bar = el("span", { class: "bar" });
  const shade = color(given?.color);
  if (shade) bar.style.backgroundColor = shade;
  const inner = blocks(given?.blocks);
  const content = inner.length > 0 ? inner : older(given ?? {});
  return el("div", { class: "attachment" }, bar, el("div", { class: "card fold" }, ...content));
}

function older(given) {
  const marked = Array.isArray(given.mrkdwn_in) ? given.mrkdwn_in : ["text", "pretext"];
  const words = (text, name) => (marked.includes(name) ? mrkdwn(str(text), { urls: true }) : plain(text));
  const plain = (text) => literal(withEmoji(str(text)));
  const part = (name, tag, title) => (str(given[name]) ? el(tag, { class: title }, ...words(given[name], name)) : null);
  const title = str(given.title);
  const fields = list(given.fields).map((field) =>
    el("div", { class: field?.short ? "field short" : "field" }, el("b", {}, ...plain(field?.title)), el("div", { class: "words" }, ...words(field?.value, "fields"))),
  );
  const at = dateOf(str(given.ts));
  const isDated = str(given.ts) !== "" && Number.isFinite(at.getTime());
  const footer = [str(given.footer) ? plain(given.footer) : [], isDated ? [fullTime(at)] : []].filter((each) => each.length > 0);
  const pictures = ["image_url", "thumb_url"].filter((name) => str(given[name]));
  const parts = [
    part("pretext", "p", "words"),
    str(given.author_name) ? el("p", { class: "author" }, ...plain(given.author_name)) : null,
    title ? el("p", { class: "title" }, str(given.title_link) ? link(str(given.title_link), ...plain(title)) : plain(title)) : null,
    part("text", "div", "words"),
    fields.length > 0 ? el("div", { class: "fields" }, ...fields) : null,
    ...pictures.map((name) => el("p", {}, "🖼 ", link(str(given[name])))),
    footer.length > 0 ? el("p", { class: "context" }, ...footer.flatMap((each, n) => (n > 0 ? [" · ", ...each] : each))) : null,
  ].filter(Boolean);
  // Only where there is nothing else.
  return parts.length === 0 && str(given.fallback) ? [el("p", { class: "words" }, ...plain(given.fallback))] : parts;
}

function threadButton(message, replies, thread) {
  const count = replies.length === 1 ? "1 reply" : `${replies.length} replies`;
  const last = timeOf(dateOf(replies.at(-1).ts));
  return el(
    "button",
    { type: "button", class: "open-thread", onclick: () => thread(message) },
    el("b", {}, count),
    el("span", {}, `last at ${last} · view thread`),
  );
}

/** Folds what is very long, as Slack does, once it is on the page. */
export function foldLong(root, unfolded = false) {
  for (const card of root.querySelectorAll(".fold:not(.measured), .text:not(.measured)")) {
    // Nothing can be measured while it is hidden.
    if (card.offsetParent === null) continue;
    card.classList.add("measured");
    if (card.scrollHeight <= 560) continue;
    card.classList.toggle("folded", !unfolded);
    const button = el("button", { type: "button", class: "more", "aria-expanded": String(unfolded) }, unfolded ? "Show less" : "Show more");
    button.addEventListener("click", () => {
      const folded = card.classList.toggle("folded");
      button.textContent = folded ? "Show more" : "Show less";
      button.setAttribute("aria-expanded", String(!folded));
    });
    card.after(button);
  }
}
