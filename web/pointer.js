// Whether a button of the mouse, or a finger, is down. What is drawn anew between the press and the release of a button
// is not clicked: it is another element by then. So whoever draws by itself waits until it is up.

const LONG_MS = 2000; // that is waited for: the end of a press on a scroll bar is told to nobody

let release = () => {};
let released = Promise.resolve();

document.addEventListener(
  "pointerdown",
  () => {
    release();
    released = new Promise((resolve) => {
      release = resolve;
      setTimeout(resolve, LONG_MS);
    });
  },
  { capture: true },
);
for (const end of ["pointerup", "pointercancel"]) {
  // A timer: the click comes right behind.
  document.addEventListener(end, () => setTimeout(release), { capture: true });
}

/** Waits until nothing is pressed. */
export function untilReleased() {
  return released;
}
