// Emoji by name.

let names = {};

/** Loads the names; without them they are shown as they are written. */
export async function loadEmoji() {
  try {
    const answer = await fetch("/page/emoji.json");
    if (answer.ok) names = await answer.json();
  } catch {
    // Shown as they are written.
  }
}

/** The character of an emoji, or null. */
export function emoji(name) {
  const [plain, tone] = name.split("::skin-tone-");
  if (!Object.hasOwn(names, plain)) return null;
  return /^[2-6]$/.test(tone ?? "") ? names[plain] + String.fromCodePoint(0x1f3f9 + Number(tone)) : names[plain];
}

/** Text with each :name: that is known as its character. */
export const withEmoji = (text) =>
  text.replace(/:([a-z0-9_+'-]+):/g, (written, name) => emoji(name) ?? written);
