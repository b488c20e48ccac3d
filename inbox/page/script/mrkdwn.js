// mrkdwn by Slack's own rules, as nodes.

import { el, link } from "./dom.js";
import { emoji } from "./emoji.js";
import { date, pill } from "./leaves.js";

/**
 * The nodes of a text. `urls` and `names` say whether addresses and mentions
 * that are written out become links and calls, as Slack does unless told not to.
 */
export function mrkdwn(text, { urls = false, names = false } = {}) {
  const parsing = { urls, names };
  const nodes = [];
  let rest = String(text);
  for (;;) {
    const fence = /```([\s\S]+?)```/.exec(rest);
    if (!fence) break;
    nodes.push(...lines(rest.slice(0, fence.index).replace(/\n$/, ""), parsing));
    nodes.push(el("pre", {}, ...literal(fence[1].replace(/^\n/, ""))));
    rest = rest.slice(fence.index + fence[0].length).replace(/^\n/, "");
  }
  nodes.push(...lines(rest, parsing));
  return nodes;
}

/** Only `&`, `<` and `>` are written as entities. */
const decode = (text) =>
  text.replace(/&(amp|lt|gt);/g, (_, name) => ({ amp: "&", lt: "<", gt: ">" })[name]);

function lines(text, parsing) {
  if (text === "") return [];
  const nodes = [];
  let plain = [];
  let quoted = [];
  const flush = () => {
    if (plain.length > 0) nodes.push(...inline(plain.join("\n"), parsing));
    if (quoted.length > 0) nodes.push(el("blockquote", {}, ...inline(quoted.join("\n"), parsing)));
    plain = [];
    quoted = [];
  };
  const all = text.split("\n");
  for (const [n, line] of all.entries()) {
    const toTheEnd = /^(?:>|&gt;){3} ?/.exec(line);
    if (toTheEnd) {
      if (quoted.length === 0) flush();
      quoted.push(line.slice(toTheEnd[0].length), ...all.slice(n + 1));
      break;
    }
    const quote = /^(?:>|&gt;) ?/.exec(line);
    if (quote ? plain.length > 0 : quoted.length > 0) flush();
    if (quote) quoted.push(line.slice(quote[0].length));
    else plain.push(line);
  }
  flush();
  return nodes;
}

const MARKS = { "*": "b", _: "i", "~": "s" };
/** Marks within marks; more are words. */
const DEEPEST = 12;

/** What may stand within a line. */
function inline(text, parsing, depth = 0) {
  const nodes = [];
  const find = closer(text);
  let plain = "";
  const add = (node) => {
    if (plain !== "") nodes.push(...written(plain, parsing));
    plain = "";
    nodes.push(node);
  };
  for (let at = 0; at < text.length; ) {
    const sign = text[at];
    const code = sign === "`" && match(/`([^`\n]+)`/y, text, at);
    if (code) {
      add(el("code", {}, ...literal(code[1])));
      at += code[0].length;
      continue;
    }
    // An address that is written out has no marks in it, and no end of a sentence.
    const address = parsing.urls && sign === "h" && match(/https?:\/\/[^\s<>|]*[^\s<>|.,;:!?'")\]}*_~]/y, text, at);
    if (address) {
      add(link(decode(address[0])));
      at += address[0].length;
      continue;
    }
    const control = sign === "<" && match(/<([^<>\n]+)>/y, text, at);
    if (control) {
      add(controlled(control[1]));
      at += control[0].length;
      continue;
    }
    const end = MARKS[sign] && depth < DEEPEST ? find(at) : -1;
    if (end > 0) {
      add(el(MARKS[sign], {}, ...inline(text.slice(at + 1, end), parsing, depth + 1)));
      at = end + 1;
      continue;
    }
    plain += sign;
    at += 1;
  }
  if (plain !== "") nodes.push(...written(plain, parsing));
  return nodes;
}

const isWord = (sign) => sign !== undefined && /[\p{L}\p{N}]/u.test(sign);

/** What a sticky pattern finds here. */
function match(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/**
 * Finds where the mark that opens at a place is closed, on the same line; or -1.
 * What was looked for in vain is not looked for again: hostile text is many
 * marks that nothing closes.
 */
function closer(text) {
  const inVainUntil = {};
  return (at) => {
    const mark = text[at];
    const next = text[at + 1];
    if (isWord(text[at - 1]) || next === undefined || /\s/.test(next) || next === mark) return -1;
    if (at < (inVainUntil[mark] ?? 0)) return -1;
    let n = at + 1;
    for (; n < text.length && text[n] !== "\n"; n += 1) {
      // Marks in code and in controls are none.
      const opens = text[n] === "`" || text[n] === "<";
      const whole = opens && match(/`[^`\n]+`|<[^<>\n]+>/y, text, n);
      if (whole) n += whole[0].length - 1;
      else if (text[n] === mark && !/\s/.test(text[n - 1]) && !isWord(text[n + 1])) return n;
    }
    inVainUntil[mark] = n;
    return -1;
  };
}

/** Code, and text without marks: nothing but entities and controls. */
export function literal(text) {
  const nodes = [];
  for (const part of text.split(/(<[^<>\n]+>)/)) {
    if (/^<[^<>\n]+>$/.test(part)) nodes.push(controlled(part.slice(1, -1)));
    else if (part !== "") nodes.push(decode(part));
  }
  return nodes;
}

/** What stands in `<…>`. */
function controlled(inside) {
  const bar = inside.indexOf("|");
  const target = bar < 0 ? inside : inside.slice(0, bar);
  const label = bar < 0 ? "" : decode(inside.slice(bar + 1));
  switch (target[0]) {
    case "#":
      return pill(`#${(label || target.slice(1)).replace(/^#/, "")}`, false);
    // Whom it calls, not how somebody labels them.
    case "@":
      return pill(target, true);
    case "!": {
      const [name, ...rest] = target.slice(1).split("^");
      if (name === "date") return date(Number(rest[0]), rest[1] ?? "", label, rest[2] && decode(rest[2]));
      return pill(`@${name === "subteam" ? rest.join("^") : name}`, true);
    }
    default:
      // Not an address: somebody did not escape a `<`, and should see it.
      if (!/^[a-z][a-z0-9+.-]*:/i.test(target)) return decode(`<${inside}>`);
      return link(decode(target), label || decode(target).replace(/^mailto:/, ""));
  }
}

/** Plain words: emoji, and what Slack makes of them by itself. */
function written(text, parsing) {
  const nodes = [];
  const pattern = /:([a-z0-9_+'-]+(?:::skin-tone-\d)?):|(?<![\p{L}\p{N}_])@(?:here|channel|everyone)\b/gu;
  let from = 0;
  for (const found of text.matchAll(pattern)) {
    const [whole, name] = found;
    const call = parsing.names ? pill(whole, true) : null;
    const node = name === undefined ? call : emoji(name);
    if (node === null) continue;
    nodes.push(decode(text.slice(from, found.index)), node);
    from = found.index + whole.length;
  }
  nodes.push(decode(text.slice(from)));
  return nodes.filter((node) => node !== "");
}
