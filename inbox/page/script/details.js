// A message under the glass: notification, limits, rules, JSON.

import { copyButton, el } from "./dom.js";
import { author } from "./message.js";
import { dateOf, fullTime } from "./clock.js";

async function ask(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

/** The nodes of a message's own view. */
export async function messageDetails(message) {
  const { inspection, ...known } = await ask(`/messages/${encodeURIComponent(message.channel)}/${encodeURIComponent(message.ts)}`);
  const facts = [
    ["channel", `${known.channel} (#${known.channel_name})`],
    ["ts", known.ts],
    ["posted", fullTime(dateOf(known.ts))],
    ["by", known.via === "webhook" ? "an incoming webhook" : "the Web API"],
    ["edits", known.edits === 0 ? "none" : `${known.edits}, the last ${fullTime(dateOf(known.edited_ts))}`],
    known.thread_ts ? ["reply to", known.thread_ts] : null,
  ].filter(Boolean);
  return [
    ...notifications(known, inspection),
    el("h3", {}, "Slack's rules"),
    problems(inspection.problems, "Slack takes this message as it is."),
    el("h3", {}, "Size"),
    sizes(inspection.sizes),
    el("h3", {}, "Message"),
    el("dl", {}, ...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    ...json("JSON", JSON.stringify(known.payload, null, 2)),
  ];
}

/** The nodes of a refused request's own view. */
export async function refusedDetails(refused) {
  const { problems: found, ...known } = await ask(`/refused/${refused.number}`);
  const why = known.is_fault ? "A fault was played." : "Slack would not take this request.";
  const judged = found
    ? problems(found, known.is_fault ? "The message breaks none." : "The message breaks no other.")
    : el("p", { class: "quiet" }, "Not checked: it was to bring no message.");
  let body = known.body;
  try {
    body = JSON.stringify(JSON.parse(known.body), null, 2);
  } catch {
    // Shown as it came.
  }
  return [
    el("p", {}, why),
    el("p", {}, el("code", { class: "outcome" }, [known.outcome, ...known.details].join(" "))),
    el("h3", {}, "Slack's rules"),
    judged,
    el("h3", {}, "Request"),
    el("dl", {}, el("dt", {}, "path"), el("dd", {}, known.path), el("dt", {}, "at"), el("dd", {}, fullTime(dateOf(known.at)))),
    ...json("Body as it was sent", body),
  ];
}

function notifications(message, { phone, desktop, calls }) {
  const card = (where, text) =>
    el("figure", { class: "notification" }, el("figcaption", {}, where), el("div", {}, el("b", {}, `#${message.channel_name}`), el("span", {}, text ? `${author(message)}: ${text}` : `${author(message)} sent a message`)));
  const whom = calls.length === 0 ? "Calls nobody by name." : `Calls ${calls.join(", ")}.`;
  return [
    el("h3", {}, "Notification"),
    card("phone", phone),
    desktop === phone ? null : card("desktop", desktop),
    el("p", { class: calls.length > 0 ? "calls" : "quiet" }, whom),
  ].filter(Boolean);
}

function problems(found, none) {
  if (found.length === 0) return el("p", { class: "fine" }, `✓ ${none}`);
  const item = ({ level, error, detail }) =>
    el("li", { class: level }, error ? el("code", {}, error) : null, error && detail ? " " : null, detail);
  return el("ul", { class: "problems" }, ...found.map(item));
}

function sizes(rows) {
  const number = new Intl.NumberFormat();
  const row = ({ what, has, most, unit, note }) =>
    el(
      "li",
      { class: has > most ? "over" : undefined },
      el("span", { class: "what" }, what),
      el("span", { class: "has" }, `${number.format(has)} of ${number.format(most)} ${unit}`),
      el("meter", { min: 0, max: most, value: Math.min(has, most), high: most * 0.9, "aria-label": what }),
      note ? el("small", {}, note) : null,
    );
  return el("ul", { class: "sizes" }, ...rows.map(row));
}

function json(title, text) {
  return [el("div", { class: "with-copy" }, el("h3", {}, title), copyButton(text)), el("pre", { class: "json", tabindex: "0" }, text)];
}
