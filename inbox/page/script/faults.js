// Faults: played, shown while on, stopped.

import { byId } from "./dom.js";
import { state } from "./state.js";

const NAMES = {
  rate_limited: (fault) => `429, Retry-After ${fault.retry_after ?? "missing"}`,
  status: (fault) => `status ${fault.status}`,
  error: (fault) => fault.error,
  revoked: () => "webhook or token revoked",
  archived: () => "channel archived",
  hang: () => "hangs",
  reset: () => "connection reset",
  drip: () => "a byte now and then",
};

/** Makes the dialog work, and the banner. */
export function startFaults() {
  const dialog = byId("faults");
  const kind = byId("fault-kind");
  const showFields = () => {
    for (const field of dialog.querySelectorAll("[data-for]")) {
      field.hidden = field.dataset.for !== kind.value;
      // What is hidden must not be found invalid.
      field.querySelector("input").disabled = field.hidden;
    }
  };
  kind.addEventListener("change", showFields);
  showFields();
  byId("open-faults").addEventListener("click", () => {
    byId("fault-problem").hidden = true;
    dialog.showModal();
  });
  byId("heal").addEventListener("click", () => fetch("/faults", { method: "DELETE" }).catch(() => {}));
  byId("cancel-fault").addEventListener("click", () => dialog.close());
  byId("fault-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await fetch("/faults", { method: "POST", body: JSON.stringify(wanted(kind.value)) }).catch(() => null);
    const problem = byId("fault-problem");
    problem.hidden = answer?.ok === true;
    if (answer?.ok) dialog.close();
    else problem.textContent = answer ? await answer.text() : "The inbox does not answer.";
  });
  setInterval(showBanner, 500);
}

function wanted(fault) {
  const number = (id) => (byId(id).value === "" ? undefined : Number(byId(id).value));
  const more = {
    rate_limited: () => ({ retry_after: byId("fault-retry-after").value }),
    status: () => ({ status: number("fault-status") }),
    error: () => ({ error: byId("fault-error").value.trim() }),
  }[fault];
  return { fault, ...more?.(), requests: number("fault-requests"), seconds: number("fault-seconds") };
}

/** Shows what is played, as long as it is. */
export function showBanner() {
  const banner = byId("fault-banner");
  const { fault } = state;
  const left = fault?.ends == null ? null : Math.ceil((fault.ends - Date.now()) / 1000);
  if (!fault || (left !== null && left <= 0)) {
    banner.hidden = true;
    return;
  }
  const limits = [
    fault.requests === null ? null : `${fault.requests} more ${fault.requests === 1 ? "request" : "requests"}`,
    left === null ? null : `${left} s`,
  ].filter(Boolean);
  // What changes each second is not read out.
  byId("fault-name").textContent = NAMES[fault.fault]?.(fault) ?? fault.fault;
  byId("fault-left").textContent = limits.length === 0 ? "until it is stopped" : `for ${limits.join(" or ")}`;
  banner.hidden = false;
}
