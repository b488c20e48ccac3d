// Light, dark, or as the system is.

import { byId } from "./dom.js";

const THEMES = ["system", "light", "dark"];
const LABELS = { system: "Theme: system", light: "Theme: light", dark: "Theme: dark" };

const load = () => {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
};

/** Makes the button go round. `?theme=dark` in the address wins. */
export function startTheme() {
  const asked = new URLSearchParams(location.search).get("theme");
  let theme = [asked, load()].find((name) => THEMES.includes(name)) ?? "system";
  const apply = () => {
    document.documentElement.dataset.theme = theme;
    byId("theme").textContent = LABELS[theme];
  };
  byId("theme").addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // For this page only, then.
    }
    apply();
  });
  apply();
}
