// Times in the reader's own zone, by Slack's date tokens.

const format = (options) => new Intl.DateTimeFormat(undefined, options);
const time = format({ hour: "numeric", minute: "2-digit" });
const timeWithSeconds = format({ hour: "numeric", minute: "2-digit", second: "2-digit" });
const full = format({ dateStyle: "full", timeStyle: "long" });
const dateFormats = {
  date_slash: format({ year: "numeric", month: "2-digit", day: "2-digit" }),
  date: format({ year: "numeric", month: "long", day: "numeric" }),
  date_short: format({ year: "numeric", month: "short", day: "numeric" }),
  date_long: format({ weekday: "long", year: "numeric", month: "long", day: "numeric" }),
  date_long_full: format({ weekday: "long", year: "numeric", month: "long", day: "numeric" }),
  day_divider: format({ weekday: "long", year: "numeric", month: "long", day: "numeric" }),
};

const two = (number) => String(number).padStart(2, "0");
const isoDate = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

/** "today", "yesterday", "tomorrow", or nothing. */
function nearDay(date) {
  const days = Math.round((midnight(date) - midnight(new Date())) / 86_400_000);
  return { "-1": "yesterday", 0: "today", 1: "tomorrow" }[days];
}

function ago(date) {
  const seconds = Math.round((date - Date.now()) / 1000);
  const words = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
  for (const [unit, size] of [["day", 86_400], ["hour", 3_600], ["minute", 60]]) {
    if (Math.abs(seconds) >= size) return words.format(Math.round(seconds / size), unit);
  }
  return words.format(seconds, "second");
}

/** A time by a format such as "{date_short} at {time}"; null if it can't be told. */
export function byTokens(unix, tokens) {
  const date = new Date(unix * 1000);
  if (!Number.isFinite(date.getTime())) return null;
  let known = false;
  const shown = tokens.replace(/\{(\w+)\}/g, (token, name) => {
    const text = byToken(date, name);
    known ||= text !== null;
    return text ?? token;
  });
  return known ? shown : null;
}

function byToken(date, name) {
  if (name === "time") return time.format(date);
  if (name === "time_secs") return timeWithSeconds.format(date);
  if (name === "ago") return ago(date);
  if (name === "date_num") return isoDate(date);
  const plain = name.replace(/_pretty$/, "");
  if (!Object.hasOwn(dateFormats, plain)) return null;
  return (plain !== name && nearDay(date)) || dateFormats[plain].format(date);
}

/** The date of a message's timestamp. */
export const dateOf = (ts) => new Date(Number(ts) * 1000);
export const timeOf = (date) => time.format(date);
export const fullTime = (date) => full.format(date);

/** The day as a divider names it. */
export function dayOf(date) {
  const near = nearDay(date);
  return near ? near[0].toUpperCase() + near.slice(1) : dateFormats.date_long.format(date);
}
