// The token of a link, in the fragment of the address, which no server sees there: it is exchanged for a cookie.

/** Takes the token out of the address line and the history, before anything else. */
export function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    history.replaceState(null, "", location.pathname + location.search);
  }
  return token;
}

/**
 * Signs in. Fails with what to say.
 * @param {string} token
 */
export async function signIn(token) {
  let answer;
  try {
    answer = await fetch("/sign-in", { method: "POST", body: token });
  } catch {
    throw new Error("The server does not answer: is tachograph serve still running?");
  }
  if (!answer.ok) {
    const failure = await answer.json();
    throw new Error(failure.error.message);
  }
}
