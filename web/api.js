// Questions to the server, and whether it is there. A page that is a file has answers of its own.

import { answerOf, isSaved } from "./saved.js";

/** Why there is no answer: `kind` is "away" (no server), "locked" (not signed in), "busy" (503) or "refused". */
export class Failure extends Error {
  /**
   * @param {"away" | "locked" | "busy" | "refused"} kind
   * @param {string} message
   */
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

/** Whether the server is there: "up", "away" or "locked"; a "change" event tells. */
export const server = Object.assign(new EventTarget(), { state: "up" });

/** @param {string} state */
function become(state) {
  if (server.state !== state) {
    server.state = state;
    server.dispatchEvent(new Event("change"));
  }
}

const SAID = {
  away: "The server does not answer. Is tachograph serve still running? The page goes on by itself when it is back.",
  locked: "The server was started anew and does not know this browser: open the address that it printed.",
  saved:
    "This file does not have that: it was written with the usual settings, and with pages of the functions that took most time. “tachograph serve” has everything.",
};

/** @typedef {Record<string, string | number | null | undefined>} Parameters */

/**
 * @param {string} path under /api/v1
 * @param {Parameters} parameters
 */
function target(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return `/api/v1/${path}${given.length ? `?${query}` : ""}`;
}

/**
 * @param {string} url
 * @param {RequestInit} options
 */
async function request(url, options) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch (failure) {
    if (options.signal?.aborted) {
      throw failure;
    }
    become("away");
    throw new Failure("away", SAID.away);
  }
  if (answer.status === 401) {
    become("locked");
    throw new Failure("locked", SAID.locked);
  }
  become("up");
  if (!answer.ok) {
    const message = await messageOf(answer);
    throw new Failure(answer.status === 503 ? "busy" : "refused", message);
  }
  return answer;
}

/** @param {Response} answer */
async function messageOf(answer) {
  try {
    const { error } = await answer.json();
    return `${error.message[0].toUpperCase()}${error.message.slice(1)}.`;
  } catch {
    return `The server answered with ${answer.status}.`;
  }
}

/**
 * An answer of the API.
 * @param {string} path under /api/v1
 * @param {Parameters} [parameters]
 * @param {AbortSignal} [signal]
 */
export async function ask(path, parameters = {}, signal) {
  if (isSaved) {
    const saved = answerOf(path, parameters);
    if (saved === null) {
      throw new Failure("refused", SAID.saved);
    }
    return saved;
  }
  return JSON.parse(await askText(path, parameters, signal));
}

/**
 * The same as it came, for who reads it with more care.
 * @param {string} path under /api/v1
 * @param {Parameters} [parameters]
 * @param {AbortSignal} [signal]
 * @returns {Promise<string>}
 */
export async function askText(path, parameters = {}, signal) {
  if (isSaved) {
    return JSON.stringify(await ask(path, parameters));
  }
  const answer = await request(target(path, parameters), signal ? { signal } : {});
  return answer.text();
}

/**
 * Changes something.
 * @param {string} path under /api/v1
 * @param {Record<string, string | number>} parameters
 */
export async function change(path, parameters) {
  const { csrf } = await ask("session");
  const body = new URLSearchParams(Object.entries(parameters).map(([name, value]) => [name, String(value)]));
  const answer = await request(`/api/v1/${path}`, { method: "POST", headers: { "X-Tachograph-CSRF": csrf }, body });
  return answer.json();
}
