// What is looked at again: every so often, not while nobody looks, and at once when the server is back.

import { server } from "./api.js";
import { isSaved } from "./saved.js";

const RETRY_MS = 2000;

/**
 * Calls `task` now and then until the signal, one call at a time. In a page that is a file nothing changes.
 * @param {number} seconds
 * @param {AbortSignal} signal
 * @param {() => Promise<unknown>} task deals with its own failures
 */
export function every(seconds, signal, task) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let isRunning = false;
  if (isSaved) {
    return;
  }

  async function run() {
    clearTimeout(timer);
    if (isRunning || signal.aborted) {
      return;
    }
    isRunning = true;
    if (!document.hidden) {
      await task();
    }
    isRunning = false;
    if (!signal.aborted) {
      timer = setTimeout(run, server.state === "up" ? seconds * 1000 : RETRY_MS);
    }
  }

  server.addEventListener("change", () => server.state === "up" && run(), { signal });
  document.addEventListener("visibilitychange", run, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  timer = setTimeout(run, seconds * 1000);
}
