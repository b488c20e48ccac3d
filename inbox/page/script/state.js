// What the inbox holds, kept up to date by its events.

const listeners = new Set();

export const state = {
  /** Messages by key, in the order they came. */
  messages: new Map(),
  /** Requests that brought no message, oldest first. */
  refused: [],
  /** The fault that is played, and when it ends; or null. */
  fault: null,
  connected: false,
  /** Whether it has answered, or failed to. */
  known: false,
};

const MOST_MESSAGES = 1_000;
const MOST_REFUSED = 200;

/** Calls this with {kind, …} on each change. */
export const onChange = (listener) => listeners.add(listener);

function tell(change) {
  for (const listener of listeners) listener(change);
}

/** What names a message. */
export const keyOf = (message) => `${message.channel}/${message.ts}`;

function withEnd(fault) {
  if (fault === null) return null;
  return { ...fault, ends: fault.seconds === null ? null : Date.now() + fault.seconds * 1000 };
}

/** Follows the inbox, now and after each interruption. */
export function follow() {
  const events = new EventSource("/events");
  const on = (name, take) => events.addEventListener(name, (event) => tell(take(JSON.parse(event.data))));
  on("snapshot", (all) => {
    state.messages = new Map(all.messages.map((message) => [keyOf(message), message]));
    state.refused = all.refused;
    state.fault = withEnd(all.fault);
    state.connected = true;
    state.known = true;
    return { kind: "everything" };
  });
  on("message", (message) => {
    const isNew = !state.messages.has(keyOf(message));
    state.messages.set(keyOf(message), message);
    const dropped = [];
    for (const [key, old] of state.messages) {
      if (state.messages.size <= MOST_MESSAGES) break;
      state.messages.delete(key);
      dropped.push(old);
    }
    return { kind: "message", message, isNew, dropped };
  });
  on("refused", (refused) => {
    state.refused.push(refused);
    const dropped = state.refused.length > MOST_REFUSED ? state.refused.splice(0, 1) : [];
    return { kind: "refused", refused, dropped };
  });
  on("fault", (fault) => {
    state.fault = withEnd(fault);
    return { kind: "fault" };
  });
  events.addEventListener("error", () => {
    state.connected = false;
    state.known = true;
    tell({ kind: "connection" });
  });
  // A page that is left may be kept: its connection would be missing elsewhere,
  // since a browser opens six to a server.
  window.addEventListener("pagehide", () => events.close(), { once: true });
}

window.addEventListener("pageshow", (event) => {
  if (event.persisted) follow();
});

/** The message that a reply is below, if it is remembered. */
export const parentOf = ({ channel, thread_ts: ts }) => (ts ? state.messages.get(keyOf({ channel, ts })) : undefined);

/** The replies below a message. */
export function repliesTo(message) {
  const below = (reply) => reply.channel === message.channel && reply.thread_ts === message.ts;
  return [...state.messages.values()].filter(below);
}

/** Every channel that has something, with its name. */
export function channels() {
  const found = new Map();
  for (const message of state.messages.values()) found.set(message.channel, message.channel_name);
  for (const { channel } of state.refused) {
    if (channel && !found.has(channel)) found.set(channel, channel);
  }
  return found;
}
