// Exchanges the token of the address for a cookie, and opens the view that was linked to.

import { signIn, takeToken } from "./token.js";

const message = document.getElementById("message");

/** @param {string} text */
function say(text) {
  if (message) {
    message.textContent = text;
  }
}

async function enter() {
  const token = takeToken();
  if (!token) {
    return;
  }
  say("Signing in ...");
  try {
    await signIn(token);
    location.replace(location.pathname + location.search);
  } catch (failure) {
    say(failure instanceof Error ? failure.message : String(failure));
  }
}

// Somebody who is here and opens the right address comes without loading the page anew.
addEventListener("hashchange", () => void enter());
await enter();
