// The page: what is shown follows the address, `#/channel/thread/ts`.

import { Channel, showChannels } from "./channel.js";
import { messageDetails, refusedDetails } from "./details.js";
import { byId, el } from "./dom.js";
import { loadEmoji } from "./emoji.js";
import { showBanner, startFaults } from "./faults.js";
import { foldLong, renderMessage } from "./message.js";
import { Panel } from "./panel.js";
import { channels, follow, keyOf, onChange, repliesTo, state } from "./state.js";
import { startTheme } from "./theme.js";

const go = (...parts) => (location.hash = `#/${parts.map(encodeURIComponent).join("/")}`);
const details = (message) => go(message.channel, "details", message.ts);
const thread = (message) => go(message.channel, "thread", message.ts);
const refused = (one) => go(channel.id ?? "", "refused", one.number);

const channel = new Channel({ details, thread, refused });
const panel = new Panel(() => go(channel.id ?? ""));

function parts() {
  try {
    return location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  } catch {
    // Not one of ours.
    return [];
  }
}

/** What the address asks for. */
function place() {
  const [id = "", view = "", name = ""] = parts();
  const known = channels();
  // An old address may name a channel that is gone.
  const found = [id, channel.id].find((each) => known.has(each)) ?? [...known.keys()][0] ?? "";
  return { id: found, view, name };
}

function showAll() {
  const { id } = place();
  channel.show(id);
  showTabs(id);
  showPanel();
}

/** Answers that come late must not replace newer ones. */
let asked = 0;

async function showPanel() {
  const { id, view, name } = place();
  const mine = (asked += 1);
  const message = state.messages.get(keyOf({ channel: id, ts: name }));
  if (view === "thread" && message) return showThread(message);
  const one = view === "refused" && state.refused.find(({ number }) => String(number) === name);
  if (!one && !(view === "details" && message)) {
    panel.hide();
    return channel.appeared();
  }
  try {
    const nodes = await (one ? refusedDetails(one) : messageDetails(message));
    if (mine === asked) panel.show(one ? "Request" : "Message", ...nodes);
  } catch (problem) {
    if (mine === asked) panel.show("Gone", el("p", {}, String(problem.message)));
  }
  return undefined;
}

function showThread(message) {
  const replies = repliesTo(message);
  const show = (each, n) => renderMessage(each, { details, thread, follows: n > 1 });
  const count = replies.length === 1 ? "1 reply" : `${replies.length} replies`;
  const [first, ...rest] = [message, ...replies].map(show);
  const body = panel.show("Thread", first, el("h3", { class: "count" }, count), ...rest);
  foldLong(body);
}

/** Whether the panel shows this message, or its thread. */
function isInPanel(message) {
  const { id, view, name } = place();
  const shown = view === "thread" ? [message.ts, message.thread_ts] : [message.ts];
  return view !== "" && id === message.channel && shown.includes(name);
}

function showConnection() {
  const text = state.connected ? "live" : state.known ? "not connected: is the inbox still running?" : "connecting";
  byId("connection").textContent = text;
  byId("connection").className = state.connected ? "live" : state.known ? "lost" : "";
}

let unread = 0;
/** Channels with messages that nobody has looked at. */
const unreadChannels = new Set();

function showTabs(id) {
  unreadChannels.delete(id);
  showChannels(id, unreadChannels);
}

function showTitle() {
  const { id } = place();
  const name = channels().get(id);
  const count = unread > 0 ? `(${unread}) ` : "";
  document.title = `${count}${name ? `#${name} · ` : ""}slack-inbox`;
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) unread = 0;
  showTitle();
});

onChange((change) => {
  switch (change.kind) {
    case "everything":
      showAll();
      showBanner();
      break;
    case "message": {
      if (change.isNew && change.message.channel !== channel.id) unreadChannels.add(change.message.channel);
      if (!channels().has(channel.id) || place().id !== channel.id) showAll();
      else channel.message(change.message, change.isNew);
      channel.dropped(change.dropped, []);
      showTabs(channel.id);
      if (isInPanel(change.message)) showPanel();
      if (change.isNew && document.hidden) unread += 1;
      break;
    }
    case "refused":
      if (place().id !== channel.id) showAll();
      else channel.refused(change.refused);
      channel.dropped([], change.dropped);
      showTabs(channel.id);
      break;
    case "fault":
      showBanner();
      break;
    default:
  }
  showConnection();
  showTitle();
});

window.addEventListener("hashchange", () => {
  const { id } = place();
  if (id !== channel.id) showAll();
  else showPanel();
});

byId("clear").addEventListener("click", () => {
  if (window.confirm("Forget all messages?")) fetch("/messages", { method: "DELETE" }).catch(() => {});
});

/** Up and down go from message to message, Enter opens it, T its thread. */
document.addEventListener("keydown", (event) => {
  const focused = document.activeElement?.closest?.("[data-key]");
  // In the panel the keys scroll.
  const elsewhere = !focused?.closest("#timeline") && document.activeElement !== document.body;
  if (elsewhere || event.altKey || event.ctrlKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const all = [...document.querySelectorAll("#timeline [data-key]")];
    const next = focused ? all[all.indexOf(focused) + (event.key === "ArrowDown" ? 1 : -1)] : all.at(-1);
    if (next) {
      next.focus();
      event.preventDefault();
    }
  } else if (focused === event.target && focused?.matches("article")) {
    const message = state.messages.get(focused.dataset.key);
    if (event.key === "Enter" && message) details(message);
    if (event.key === "t" && message) thread(message);
  }
});

startTheme();
startFaults();
showConnection();
// Names of emoji are worth no more than a moment's wait.
await Promise.race([loadEmoji(), new Promise((done) => setTimeout(done, 2_000))]);
follow();
