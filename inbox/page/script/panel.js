// The panel at the side: a thread, or a message's own view.

import { byId } from "./dom.js";

/** Opens beside the channel, and gives the focus back when it closes. */
export class Panel {
  #aside = byId("panel");
  #title = byId("panel-title");
  #body = byId("panel-body");
  #before = null;
  #closed;

  constructor(closed) {
    this.#closed = closed;
    byId("close-panel").addEventListener("click", () => closed());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.isOpen && !document.querySelector("dialog[open]")) this.#closed();
    });
  }

  get isOpen() {
    return !this.#aside.hidden;
  }

  /** Shows this; the focus moves only when the panel was closed. */
  show(title, ...nodes) {
    this.#title.textContent = title;
    const { scrollTop } = this.#body;
    const focused = this.#places().indexOf(document.activeElement);
    this.#body.replaceChildren(...nodes);
    if (this.isOpen) {
      this.#body.scrollTop = scrollTop;
      if (focused >= 0) this.#places()[focused]?.focus({ preventScroll: true });
      return this.#body;
    }
    this.#before = document.activeElement?.closest?.("[data-key]")?.dataset.key ?? null;
    this.#aside.hidden = false;
    this.#title.focus();
    return this.#body;
  }

  /** What can have the focus in it. */
  #places() {
    return [...this.#body.querySelectorAll("a, button, [tabindex]")];
  }

  hide() {
    if (!this.isOpen) return;
    this.#aside.hidden = true;
    const key = this.#before;
    if (key) document.querySelector(`#timeline [data-key="${CSS.escape(key)}"]`)?.focus();
  }
}
