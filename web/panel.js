// A panel: a titled part of a view that asks for something and shows it. It says when it is loading, when there is
// nothing and how to get it, and why it cannot know. What it has shown stays while the server is away.

import { fill, make } from "./dom.js";
import { untilReleased } from "./pointer.js";

/** Thrown by what draws a panel: there is nothing to draw, and this sentence says how to get it. */
export class Nothing extends Error {
  /**
   * @param {string} message
   * @param {Node[]} remedies buttons or links that help
   */
  constructor(message, ...remedies) {
    super(message);
    this.remedies = remedies;
  }
}

let count = 0;

export class Panel {
  /**
   * @param {string} title
   * @param {{note?: string, tools?: Node[], wide?: boolean}} [parts] what stands beside the title
   */
  constructor(title, { note = "", tools = [] } = {}) {
    const id = `panel-${count++}`;
    this.title = make("h2", { id }, title);
    this.note = make("p", { class: "note" }, note);
    this.body = make("div", { class: "body" });
    this.state = make("div", { class: "state", role: "status" });
    this.element = make(
      "section",
      { class: "panel", "aria-labelledby": id },
      make(
        "header",
        {},
        make("div", { class: "titles" }, this.title, this.note),
        make("div", { class: "tools" }, ...tools),
      ),
      this.state,
      this.body,
    );
    this.isReady = false;
    this.asked = 0; // questions so far
    this.shown = 0; // the last one whose answer has been drawn
  }

  /** @param {string} text */
  annotate(text) {
    this.note.textContent = text;
  }

  /**
   * Asks and draws. May be called again: what is there stays until the new is, and an answer that was overtaken by a
   * later one is dropped.
   * @template Answer
   * @param {(isAgain: boolean) => Promise<Answer>} ask
   * @param {(body: HTMLElement, answer: Answer) => void | Promise<void>} show
   * @param {AbortSignal} signal
   * @param {boolean} [isAgain] somebody asked to try again
   */
  async load(ask, show, signal, isAgain = false) {
    if (!this.isReady) {
      this.say("loading", "Loading …");
    }
    const number = ++this.asked;
    const isLate = () => signal.aborted || number < this.shown;
    this.element.setAttribute("aria-busy", "true");
    try {
      const answer = await ask(isAgain);
      await untilReleased();
      if (!isLate()) {
        this.shown = number;
        await show(this.body, answer);
        this.ready();
      }
    } catch (failure) {
      if (!isLate()) {
        this.fail(failure, () => this.load(ask, show, signal, true));
      }
    }
    if (number === this.asked) {
      this.element.removeAttribute("aria-busy");
    }
  }

  ready() {
    this.isReady = true;
    this.body.hidden = false;
    fill(this.state);
    this.state.hidden = true;
  }

  /**
   * @param {unknown} failure
   * @param {() => void} again
   */
  fail(failure, again) {
    if (failure instanceof Nothing) {
      this.isReady = false;
      this.say("nothing", failure.message, ...failure.remedies);
    } else if (!this.isReady) {
      const text = failure instanceof Error ? failure.message : String(failure);
      this.say("failed", text, make("button", { type: "button", click: again }, "Try again"));
    }
  }

  /**
   * @param {"loading" | "nothing" | "failed"} kind
   * @param {string} text
   * @param {Node[]} remedies
   */
  say(kind, text, ...remedies) {
    this.body.hidden = true;
    this.state.hidden = false;
    this.state.dataset.kind = kind;
    fill(this.state, make("p", {}, text), ...remedies);
  }
}
