// A flame graph on a canvas: where samplers saw threads, by the functions that called each other; or how two parts of a
// history differ in that. It is walked through with the arrows and zoomed into with Enter, as with a mouse.

import { fill, make } from "./dom.js";
import { duration, share } from "./figures.js";

const ROW = 21; // pixels
const GAP = 1;
const LEAST = 0.6; // pixels: what is narrower is not drawn
const REST = -2;
const FAMILIES = [28, 44, 12, 350, 205, 165, 260, 90]; // hues

/**
 * @typedef {{names: string[], places: string[], parents: number[], frames: number[], totals: number[],
 *            selves: number[], before: number[] | null}} Tree `before`: totals of what is compared with, scaled alike
 * @typedef {{node: number, x: number, y: number, width: number}} Box
 */

/** @param {string} text */
function hash(text) {
  let value = 7;
  for (let i = 0; i < text.length; i++) {
    value = (value * 31 + text.charCodeAt(i)) >>> 0;
  }
  return value;
}

export class Flame {
  constructor() {
    this.canvas = make("canvas", {
      tabindex: "0",
      role: "application",
      "aria-label": "Flame graph: arrows go from function to function, Enter zooms in, Escape out",
    });
    this.tip = make("div", { class: "tip", hidden: true });
    this.said = make("p", { class: "unseen", "aria-live": "polite" });
    this.path = make("p", { class: "path note" });
    this.element = make("div", { class: "flame" }, this.path, this.canvas, this.tip, this.said);
    this.zoomed = 0;
    this.focused = 0;
    this.isFlipped = false;
    this.wanted = "";
    /** @type {Box[]} */
    this.boxes = [];
    /** @type {Tree | null} */
    this.tree = null;
    this.listen();
  }

  listen() {
    this.canvas.addEventListener("click", (event) => {
      const box = this.boxAt(event);
      if (box) {
        this.zoom(box.node);
      }
    });
    this.canvas.addEventListener("mousemove", (event) => this.showTip(event));
    this.canvas.addEventListener("mouseleave", () => (this.tip.hidden = true));
    this.canvas.addEventListener("keydown", (event) => this.press(event));
    this.canvas.addEventListener("focus", () => this.draw());
    this.canvas.addEventListener("blur", () => this.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  /** @param {Tree} tree */
  set(tree) {
    const zoomed = this.tree ? this.wayOf(this.zoomed).join("\n") : "";
    this.tree = tree;
    /** @type {number[][]} */
    this.children = tree.parents.map(() => []);
    tree.parents.forEach((parent, node) => parent >= 0 && this.children?.[parent].push(node));
    for (const list of this.children) {
      list.sort((a, b) => this.nameOf(a).localeCompare(this.nameOf(b)));
    }
    // Other figures of the same functions: whoever has zoomed in stays there.
    const again = zoomed ? tree.parents.findIndex((_, node) => this.wayOf(node).join("\n") === zoomed) : 0;
    this.zoomed = Math.max(0, again);
    this.focused = this.zoomed;
    this.draw();
  }

  /** @param {number} node */
  nameOf(node) {
    const frame = this.tree?.frames[node] ?? -1;
    return frame === REST ? "others" : frame < 0 ? "all" : (this.tree?.names[frame] ?? "");
  }

  /** The names from the outermost function to this one. @param {number} node */
  wayOf(node) {
    const names = [];
    for (let at = node; at > 0; at = this.tree?.parents[at] ?? 0) {
      names.unshift(this.nameOf(at));
    }
    return names;
  }

  /** @param {string} text */
  search(text) {
    this.wanted = text.trim().toLowerCase();
    this.draw();
    if (!this.tree || !this.wanted) {
      return "";
    }
    let found = 0;
    const isBelow = this.tree.parents.map(() => false);
    this.tree.parents.forEach((parent, node) => {
      const isAbove = parent >= 0 && isBelow[parent];
      isBelow[node] = isAbove || this.isFound(node);
      found += isBelow[node] && !isAbove ? (this.tree?.totals[node] ?? 0) : 0;
    });
    return `${share(found / (this.tree.totals[0] || 1))} in what is found`;
  }

  /** @param {number} node */
  isFound(node) {
    const frame = this.tree?.frames[node] ?? -1;
    return this.wanted !== "" && frame >= 0 && this.nameOf(node).toLowerCase().includes(this.wanted);
  }

  flip() {
    this.isFlipped = !this.isFlipped;
    this.draw();
    return this.isFlipped;
  }

  /** @param {number} node */
  zoom(node) {
    this.zoomed = node;
    this.tip.hidden = true;
    this.focusOn(node);
  }

  /** @param {number} node */
  focusOn(node) {
    this.focused = node;
    this.said.textContent = this.describe(node).join(", ");
    this.draw();
  }

  /** @param {number} node */
  describe(node) {
    const tree = /** @type {Tree} */ (this.tree);
    const all = tree.totals[0] || 1;
    const place = tree.places[tree.frames[node]];
    const shown = this.zoomed ? `, ${share(tree.totals[node] / (tree.totals[this.zoomed] || 1))} of what is shown` : "";
    const lines = [this.nameOf(node), place].filter(Boolean);
    lines.push(`${duration(tree.totals[node])}, ${share(tree.totals[node] / all)} of all${shown}`);
    lines.push(`itself ${duration(tree.selves[node])}`);
    if (tree.before) {
      const part = (tree.totals[node] - tree.before[node]) / all;
      lines.push(`${part < 0 ? "−" : "+"}${share(Math.abs(part))} of all against before`);
    }
    return lines;
  }

  /** Places the boxes of what is zoomed into, and those above it over the whole width. */
  place() {
    const tree = /** @type {Tree} */ (this.tree);
    const width = this.element.clientWidth;
    /** @type {Box[]} */
    const boxes = [];
    const above = [];
    for (let at = this.zoomed; at > 0; at = tree.parents[at]) {
      above.unshift(tree.parents[at]);
    }
    above.forEach((node, depth) => boxes.push({ node, x: 0, y: depth, width }));
    const pending = [{ node: this.zoomed, x: 0, y: above.length, width }];
    for (let box = pending.pop(); box; box = pending.pop()) {
      boxes.push(box);
      const scale = box.width / (tree.totals[box.node] || 1);
      let x = box.x;
      for (const child of this.children?.[box.node] ?? []) {
        const wide = tree.totals[child] * scale;
        if (wide >= LEAST) {
          pending.push({ node: child, x, y: box.y + 1, width: wide });
        }
        x += wide;
      }
    }
    return boxes;
  }

  draw() {
    const paper = this.canvas.getContext("2d");
    if (!this.tree || !paper || this.element.clientWidth === 0) {
      return;
    }
    this.boxes = this.place();
    const rows = Math.max(...this.boxes.map(({ y }) => y)) + 1;
    const [width, height] = [this.element.clientWidth, rows * ROW];
    for (const box of this.boxes) {
      box.y = (this.isFlipped ? rows - 1 - box.y : box.y) * ROW;
    }
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.height = `${height}px`;
    paper.setTransform(ratio, 0, 0, ratio, 0, 0);
    paper.font = "12px system-ui, sans-serif";
    paper.textBaseline = "middle";
    const style = getComputedStyle(this.element);
    this.boxes.forEach((box) => this.drawBox(paper, box, style));
    fill(
      this.path,
      this.wayOf(this.zoomed).join(" › ") ||
        "Click a function, or walk there with the arrows and press Enter, to zoom in.",
    );
  }

  /** @param {number} node */
  colour(node) {
    const tree = /** @type {Tree} */ (this.tree);
    const frame = tree.frames[node];
    if (tree.before) {
      const all = tree.totals[0] || 1;
      const part = Math.max(-1, Math.min(1, ((tree.totals[node] - tree.before[node]) / all) * 4));
      return `hsl(${part > 0 ? 8 : 210} ${Math.abs(part) < 0.02 ? 8 : 75}% ${90 - 32 * Math.abs(part)}%)`;
    }
    if (frame < 0) {
      return "#d5dae0";
    }
    const hue = FAMILIES[hash(tree.places[frame].replace(/:\d+$/, "")) % FAMILIES.length];
    return `hsl(${hue} 72% ${78 + (hash(tree.names[frame]) % 9)}%)`;
  }

  /**
   * @param {CanvasRenderingContext2D} paper
   * @param {Box} box
   * @param {CSSStyleDeclaration} style
   */
  drawBox(paper, { node, x, y, width }, style) {
    const isFound = this.isFound(node);
    const isAbove = this.zoomed > 0 && this.isAncestor(node);
    paper.globalAlpha = isAbove || (this.wanted && !isFound) ? 0.4 : 1;
    paper.fillStyle = isFound ? "#7b3fd1" : this.colour(node);
    paper.fillRect(x, y, Math.max(width - GAP, LEAST), ROW - GAP);
    paper.globalAlpha = isAbove ? 0.75 : 1;
    if (width > 28) {
      paper.fillStyle = isFound ? "#ffffff" : this.wanted || isAbove ? style.color : "#1b2128";
      paper.fillText(fit(paper, this.nameOf(node), width - 9), x + 5, y + ROW / 2);
    }
    paper.globalAlpha = 1;
    if (node === this.focused && document.activeElement === this.canvas) {
      paper.strokeStyle = style.getPropertyValue("--focus");
      paper.lineWidth = 2;
      paper.strokeRect(x + 1, y + 1, Math.max(width - GAP - 2, 1), ROW - GAP - 2);
    }
  }

  /** @param {number} node */
  isAncestor(node) {
    let at = this.zoomed;
    while (at > 0 && at !== node) {
      at = this.tree?.parents[at] ?? 0;
    }
    return at === node && node !== this.zoomed;
  }

  /** @param {MouseEvent} event */
  boxAt(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    return this.boxes.find((box) => x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + ROW);
  }

  /** @param {MouseEvent} event */
  showTip(event) {
    const box = this.boxAt(event);
    this.tip.hidden = !box;
    this.canvas.style.cursor = box ? "pointer" : "default";
    if (!box) {
      return;
    }
    const [name, ...rest] = this.describe(box.node);
    fill(this.tip, make("strong", {}, name), ...rest.map((line) => make("div", {}, line)));
    const { left, top, width } = this.element.getBoundingClientRect();
    this.tip.style.left = `${Math.max(0, Math.min(event.clientX - left + 12, width - this.tip.offsetWidth))}px`;
    this.tip.style.top = `${event.clientY - top + 18}px`;
  }

  /** Where an arrow leads. @param {string} key */
  neighbour(key) {
    const drawn = new Set(this.boxes.map(({ node }) => node));
    const [inward, outward] = this.isFlipped ? ["ArrowUp", "ArrowDown"] : ["ArrowDown", "ArrowUp"];
    const below = (this.children?.[this.focused] ?? []).filter((node) => drawn.has(node));
    if (key === inward) {
      return below.sort((a, b) => (this.tree?.totals[b] ?? 0) - (this.tree?.totals[a] ?? 0))[0];
    }
    const parent = this.tree?.parents[this.focused] ?? -1;
    if (key === outward) {
      return parent < 0 ? undefined : parent;
    }
    const beside = parent < 0 ? [] : (this.children?.[parent] ?? []).filter((node) => drawn.has(node));
    const step = key === "ArrowRight" ? 1 : key === "ArrowLeft" ? -1 : 0;
    return step ? beside[beside.indexOf(this.focused) + step] : undefined;
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const next = this.neighbour(event.key);
    if (event.key === "Enter" || event.key === " ") {
      this.zoom(this.focused);
    } else if (event.key === "Escape") {
      this.zoom(Math.max(0, this.tree?.parents[this.zoomed] ?? 0));
    } else if (next !== undefined) {
      this.focusOn(next);
    } else if (!event.key.startsWith("Arrow")) {
      return;
    }
    event.preventDefault();
  }
}

/**
 * The text, or as much of it as there is room for.
 * @param {CanvasRenderingContext2D} paper
 * @param {string} text
 * @param {number} width
 */
function fit(paper, text, width) {
  if (paper.measureText(text).width <= width) {
    return text;
  }
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (paper.measureText(`${text.slice(0, middle)}…`).width <= width) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low > 0 ? `${text.slice(0, low)}…` : "";
}
