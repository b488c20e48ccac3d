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
  const plain = name.replace(/::skin-tone-\d$/, "");
  return Object.hasOwn(names, plain) ? names[plain] : null;
}

/** Text with each :name: that is known as its character. */
export const withEmoji = (text) =>
  text.replace(/:([a-z0-9_+'-]+):/g, (written, name) => emoji(name) ?? written);
