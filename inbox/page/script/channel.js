// The channel: messages and refused requests, newest at the bottom.

import { dateOf, dayOf, timeOf } from "./clock.js";
import { byId, copyButton, el } from "./dom.js";
import { foldLong, renderMessage } from "./message.js";
import { channels, keyOf, parentOf, repliesTo, state } from "./state.js";

const TOGETHER = 5 * 60;

/** Shows a channel in the page. `open` has `details`, `thread` and `refused`. */
export class Channel {
  #shown = null;
  #open;
  #timeline = byId("timeline");
  #newer = byId("newer");
  #unseen = 0;
  /** What the last row shows. */
  #last = null;

  constructor(open) {
    this.#open = open;
    this.#newer.addEventListener("click", () => this.#toEnd());
    this.#scroller.addEventListener("scroll", () => {
      if (this.#isAtEnd()) this.#seen();
    });
  }

  get id() {
    return this.#shown;
  }

  get #scroller() {
    return this.#timeline;
  }

  /** Shows everything of a channel anew. */
  show(channel) {
    const same = channel === this.#shown;
    const wasAtEnd = !same || this.#isAtEnd();
    this.#shown = channel;
    // Only what comes from now on is read out.
    this.#timeline.setAttribute("aria-busy", "true");
    const rows = [...this.#entries()];
    this.#timeline.replaceChildren();
    this.#last = null;
    for (const entry of rows) this.#append(entry);
    this.#showEmpty(rows.length === 0);
    foldLong(this.#timeline);
    if (wasAtEnd) this.#toEnd();
    this.#timeline.removeAttribute("aria-busy");
  }

  /** It was hidden, and is not any more. */
  appeared() {
    foldLong(this.#timeline);
  }

  /** A message is new or edited. */
  message(message, isNew) {
    if (message.channel !== this.#shown) return;
    const parent = parentOf(message);
    if (parent) this.#replace(parent);
    if (parent && !message.in_channel) return;
    if (isNew) this.#add({ at: Number(message.ts), message });
    else this.#replace(message, true);
  }

  /** A request brought no message. */
  refused(refused) {
    if (refused.channel && refused.channel !== this.#shown) return;
    this.#add({ at: refused.at, refused });
  }

  /** Something is older than what the inbox remembers. */
  dropped(messages, refused) {
    const orphans = messages.some((message) => repliesTo(message).length > 0);
    for (const message of messages) this.#remove(keyOf(message));
    for (const { number } of refused) this.#remove(`refused-${number}`);
    // Replies to what is gone are in the channel: nothing else leads to them.
    if (orphans) this.show(this.#shown);
  }

  /** What followed it has to say by itself from whom it is, and a day that is empty goes. */
  #remove(key) {
    const old = this.#find(key);
    const [before, after] = [old?.previousElementSibling, old?.nextElementSibling];
    old?.remove();
    after?.classList.remove("follows");
    if (before?.matches(".day") && (!after || after.matches(".day"))) before.remove();
  }

  *#entries() {
    const messages = [...state.messages.values()]
      .filter((message) => message.channel === this.#shown)
      .filter((message) => message.in_channel || !parentOf(message))
      .map((message) => ({ at: Number(message.ts), message }));
    const refused = state.refused
      .filter(({ channel }) => !channel || channel === this.#shown)
      .map((refused) => ({ at: refused.at, refused }));
    yield* [...messages, ...refused].sort((a, b) => a.at - b.at);
  }

  #add(entry) {
    const atEnd = this.#isAtEnd();
    this.#showEmpty(false);
    this.#append(entry);
    foldLong(this.#timeline.lastElementChild);
    if (atEnd) this.#toEnd();
    else this.#unseen += 1;
    this.#newer.hidden = this.#unseen === 0;
    this.#newer.textContent = `↓ ${this.#unseen} new`;
  }

  #append(entry) {
    const before = this.#last;
    this.#last = entry;
    const day = dayOf(dateOf(entry.at));
    if (!before || dayOf(dateOf(before.at)) !== day) {
      this.#timeline.append(el("h2", { class: "day" }, day));
    }
    const follows = Boolean(
      before?.message && entry.message && entry.at - before.at < TOGETHER
        && before.message.via === entry.message.via
        && before.message.payload.username === entry.message.payload.username
        && dayOf(dateOf(before.at)) === day,
    );
    if (entry.message) {
      this.#timeline.append(this.#message(entry.message, follows));
      return;
    }
    // Many of a kind in a row are one line, for the last of them.
    const last = this.#timeline.lastElementChild;
    const same = last?.dataset.same === sameAs(entry.refused) ? last : null;
    const count = same ? Number(same.dataset.count) + 1 : 1;
    const row = this.#refusal(entry.refused, count);
    if (same) same.replaceWith(row);
    else this.#timeline.append(row);
  }

  #message(message, follows) {
    const parent = parentOf(message);
    const { details, thread } = this.#open;
    return renderMessage(message, { replies: repliesTo(message), parent, follows, details, thread });
  }

  #refusal(refused, count) {
    const played = refused.is_fault ? "Fault played" : "Refused";
    const outcome = [refused.outcome.replace(/^fault: /, ""), ...refused.details].join(" ");
    return el(
      "button",
      { type: "button", class: refused.is_fault ? "refusal fault" : "refusal", "data-key": `refused-${refused.number}`, "data-same": sameAs(refused), "data-count": count, onclick: () => this.#open.refused(refused) },
      el("span", { class: "sign", "aria-hidden": "true" }, refused.is_fault ? "⚡" : "✕"),
      el("b", {}, count > 1 ? `${played}, ${count} times` : played),
      el("code", {}, outcome),
      el("span", { class: "path" }, refused.path.replace(/^\/(?:api|services)\//, "")),
      el("time", {}, timeOf(dateOf(refused.at))),
    );
  }

  #find(key) {
    return this.#timeline.querySelector(`[data-key="${CSS.escape(key)}"]`);
  }

  #replace(message, flash = false) {
    const old = this.#find(keyOf(message));
    if (!old) return;
    const atEnd = this.#isAtEnd();
    const wasFocused = old.contains(document.activeElement);
    const anew = this.#message(message, old.classList.contains("follows"));
    if (flash) anew.classList.add("flash");
    const unfolded = old.querySelector('.more[aria-expanded="true"]') !== null;
    old.replaceWith(anew);
    foldLong(anew, unfolded);
    if (wasFocused) anew.focus({ preventScroll: true });
    if (atEnd) this.#toEnd();
  }

  #isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < 60;
  }

  #toEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#seen();
  }

  #seen() {
    this.#unseen = 0;
    this.#newer.hidden = true;
  }

  #showEmpty(isEmpty) {
    const empty = byId("empty");
    empty.hidden = !isEmpty;
    this.#timeline.hidden = isEmpty;
    if (isEmpty && empty.childElementCount === 0) empty.append(...welcome());
  }
}

const sameAs = ({ path, outcome, details }) => [path, outcome, ...details].join(" ");

function welcome() {
  const hook = `${location.origin}/services/T0LOCAL/B0LOCAL/local`;
  const lines = (text) => el("div", { class: "to-copy" }, el("pre", {}, text), copyButton(text));
  return [
    el("h2", {}, "Nothing has arrived yet"),
    el("p", {}, "Point your service at this inbox instead of Slack, and its messages show up here as they come. Nobody is paged."),
    el("h3", {}, "A webhook"),
    lines(`SLACK_ALERT_WEBHOOK_URL=${hook}`),
    el("h3", {}, "A bot, which edits its messages and replies in threads"),
    lines(`SLACK_ALERT_BOT_TOKEN=xoxb-local SLACK_ALERT_CHANNEL=alerts SLACK_ALERT_API_URL=${location.origin}/api`),
    el("h3", {}, "By hand"),
    lines(`curl ${hook} -H 'Content-Type: application/json' -d '{"text": "hello, *world*"}'`),
  ];
}

/** The tabs of all channels. */
export function showChannels(current, unread) {
  const nav = byId("channels");
  const all = [...channels()];
  // Whoever has the focus there keeps it.
  const shown = JSON.stringify([current, all, [...unread]]);
  if (nav.dataset.shown === shown) return;
  nav.dataset.shown = shown;
  nav.replaceChildren(
    ...all.map(([id, name]) =>
      el("a", { href: `#/${id}`, "aria-current": id === current ? "page" : undefined, class: unread.has(id) ? "unread" : undefined }, el("bdi", {}, `# ${name}`), unread.has(id) ? el("span", { class: "dot", title: "new messages" }, " ●") : null),
    ),
  );
  nav.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}
