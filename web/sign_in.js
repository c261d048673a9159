// Exchanges the token of the address, which no server sees there, for a cookie, and opens the page.

const message = document.getElementById("message");
const token = new URLSearchParams(location.hash.slice(1)).get("token");

/** @param {string} text */
function say(text) {
  if (message) {
    message.textContent = text;
  }
}

if (token) {
  say("Signing in ...");
  // Out of the address line and the history before anything else.
  history.replaceState(null, "", location.pathname + location.search);
  try {
    const answer = await fetch("/sign-in", { method: "POST", body: token });
    if (answer.ok) {
      // The view that was linked to.
      location.replace(location.pathname + location.search);
    } else {
      const failure = await answer.json();
      say(failure.error.message);
    }
  } catch {
    say("The server does not answer: is tachograph serve still running?");
  }
}
