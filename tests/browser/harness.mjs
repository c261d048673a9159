// What the browser's tests share: a Chromium, histories by the real demo and by real programs, servers of them, and the
// program's own --json to hold the page against.
//
// From the environment: TACHOGRAPH, the program; PYTHON, one that has the package; CHROMIUM, else the one on PATH.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const installed = createRequire(join(ROOT, "build/web/"));
const { chromium } = installed("playwright-core");
export const AXE = installed.resolve("axe-core/axe.min.js");

const TACHOGRAPH = process.env.TACHOGRAPH ?? join(ROOT, ".venv/bin/tachograph");
const PYTHON = process.env.PYTHON ?? join(ROOT, ".venv/bin/python");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const TOKEN = "only-for-the-tests-of-the-page";
export const TIMEOUT = 30_000;

const directory = mkdtempSync(join(tmpdir(), "tachograph-browser-"));
// Recordings of its own: other programs of this machine are none of the tests' processes.
const environment = {
  ...process.env,
  TACHOGRAPH_RUNTIME_DIR: join(directory, "run"),
  TACHOGRAPH_SPOOL_DIR: join(directory, "spool"),
};
/** @type {Set<import("node:child_process").ChildProcess>} */
const children = new Set();
/** @type {any} */
let browser;

after(async () => {
  await browser?.close();
  await Promise.all([...children].map(end));
  rmSync(directory, { recursive: true, force: true });
});

/** Ends a child and waits. @param {import("node:child_process").ChildProcess} child */
export async function end(child) {
  children.delete(child);
  if (child.exitCode === null && child.signalCode === null) {
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await gone;
  }
}

/** The first line that a program prints. @param {string[]} words @param {Record<string, string>} own */
async function start(words, own = {}) {
  const child = spawn(TACHOGRAPH, words, {
    env: { ...environment, ...own },
    cwd: join(ROOT, "examples"),
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  let said = "";
  child.stderr.on("data", (data) => (said += data));
  const line = await new Promise((resolve, reject) => {
    let text = "";
    child.stdout.on("data", (data) => {
      text += data;
      if (text.includes("\n")) {
        resolve(text.split("\n")[0]);
      }
    });
    child.once("exit", (code) => reject(new Error(`${words[0]} ended with ${code}: ${said}`)));
  });
  return { child, line: String(line) };
}

/** @param {string} name */
export function pathOf(name) {
  return join(directory, name);
}

/** The history of the real demo, two versions of its shop; DEMO_STORE has one already. */
export function demo() {
  const store = pathOf("demo.db");
  if (process.env.DEMO_STORE) {
    copyFileSync(process.env.DEMO_STORE, store);
    return store;
  }
  execFileSync(PYTHON, [join(ROOT, "tools/demo")], {
    env: {
      ...environment,
      DEMO_HISTORY: store,
      DEMO_SECONDS: process.env.DEMO_SECONDS ?? "6",
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  return store;
}

/** Runs a program to its end and keeps its history. @param {string} name @param {string} source @param {string[]} options */
export function history(name, source, ...options) {
  const script = pathOf(`${name}.py`);
  const store = pathOf(`${name}.db`);
  writeFileSync(script, source);
  const words = ["run", "--python", PYTHON, "--service", name, "--store", store, "--no-report", ...options, script];
  execFileSync(TACHOGRAPH, words, {
    env: environment,
    stdio: ["ignore", "ignore", "inherit"],
  });
  return store;
}

/**
 * A history that never was, row by row, so that its figures are known: `source` fills `history`, which is a History of
 * tests/python/cli/histories.py.
 * @param {string} name
 * @param {string} source
 */
export function made(name, source) {
  const store = pathOf(`${name}.db`);
  const tests = join(ROOT, "tests/python/cli");
  const begin =
    `import subprocess, sys; from pathlib import Path; sys.path.insert(0, ${JSON.stringify(tests)})\n` +
    "from histories import *\n" +
    "history = History(lambda *words: subprocess.run([sys.argv[1], *map(str, words)]), Path(sys.argv[2]))\n";
  execFileSync(PYTHON, ["-c", `${begin}${source}\nhistory.done()\n`, TACHOGRAPH, store], {
    env: environment,
    stdio: ["ignore", "ignore", "inherit"],
  });
  return store;
}

/** Starts a program that goes on until it is ended. @param {string} name @param {string} source @param {string[]} options */
export async function running(name, source, ...options) {
  const script = pathOf(`${name}.py`);
  const store = pathOf(`${name}.db`);
  writeFileSync(script, source);
  const words = ["run", "--python", PYTHON, "--service", name, "--store", store, "--no-report", ...options, script];
  const { child, line } = await start(words, { PYTHONUNBUFFERED: "1" });
  return { child, store, line };
}

/** Asks until an answer is as it should be, and returns it. @param {() => Promise<any>} look @param {(seen: any) => boolean} isSo */
export async function until(look, isSo) {
  const end = Date.now() + TIMEOUT;
  for (let seen = await look(); ; seen = await look()) {
    if (isSo(seen)) {
      return seen;
    }
    assert.ok(Date.now() < end, `still ${JSON.stringify(seen)}, not so that ${isSo}`);
  }
}

/** What the program itself answers. @param {string[]} words */
export function ask(...words) {
  return JSON.parse(
    execFileSync(TACHOGRAPH, [...words, "--json"], {
      env: environment,
      maxBuffer: 1 << 28,
    }).toString(),
  );
}

/** Writes a part of a history as a page of its own. @param {string} store @param {string[]} words */
export function save(store, ...words) {
  const path = `${store}.html`;
  execFileSync(TACHOGRAPH, ["report", "--html", path, "--store", store, ...words], { env: environment });
  return { origin: `file://${path}`, isFile: true };
}

/** Serves a history. @param {string} store @param {string} port */
export async function serve(store, port = "0") {
  const token = pathOf("token");
  writeFileSync(token, TOKEN, { mode: 0o600 });
  const { child, line } = await start(["serve", "--store", store, "--port", port, "--token-file", token]);
  const { origin, port: taken } = new URL(line);
  return {
    store,
    address: line,
    origin,
    port: taken,
    stop: () => end(child),
    /** @param {string} path */
    api: async (path) =>
      (
        await fetch(`${origin}/api/v1/${path}`, {
          headers: { Authorization: `Bearer ${TOKEN}` },
        })
      ).json(),
  };
}

/**
 * A page that has signed in, or is a file, and what went wrong in it: `problems`.
 * @param {{origin: string, isFile?: boolean}} server
 * @param {{width?: number, scheme?: "light" | "dark", path?: string}} [options]
 */
export async function open({ origin, isFile = false }, { width = 1400, scheme = "light", path = "/" } = {}) {
  browser ??= await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    colorScheme: scheme,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT);
  /** @type {string[]} */
  const problems = [];
  page.on("pageerror", (/** @type {Error} */ error) => problems.push(String(error.stack)));
  page.on("dialog", (/** @type {any} */ dialog) => {
    problems.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (/** @type {any} */ message) => {
    // What was not answered with 200 is the page's to say.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
      problems.push(message.text());
    }
  });
  page.on("request", (/** @type {any} */ request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith("data:")) {
      problems.push(`a request to ${request.url()}`);
    }
  });
  await page.goto(isFile ? `${origin}#${path}` : `${origin}${path}#token=${TOKEN}`);
  await page.waitForSelector("#views a");
  return {
    page,
    problems,
    close: async () => {
      await context.close();
      assert.deepEqual(problems, []);
    },
  };
}

/** Waits until the panel of this title shows what it is for. @param {any} page @param {string} title */
export async function panel(page, title) {
  const found = page.locator("section.panel", {
    has: page.locator("h2", { hasText: new RegExp(`^${title}$`) }),
  });
  await found.locator(".body:not([hidden])").waitFor();
  await page.waitForFunction(
    (/** @type {string} */ name) =>
      [...document.querySelectorAll("section.panel")].some(
        (one) => one.querySelector("h2")?.textContent === name && !one.hasAttribute("aria-busy"),
      ),
    title,
  );
  return found;
}

/** What a chart shows, as Plotly has it. @param {any} page @param {string} selector */
export async function chart(page, selector) {
  await page.waitForSelector(`${selector} .main-svg`);
  return page.$eval(selector, (/** @type {any} */ element) => ({
    traces: element.data.map((/** @type {any} */ trace) => ({
      // As it is seen: Plotly reads entities.
      name: trace.name.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&"),
      x: Array.from(trace.x),
      y: Array.from(trace.y),
      colour: trace.line?.color ?? trace.marker?.color,
      visible: trace.visible ?? true,
      hover: trace.hovertemplate,
      text: trace.text,
    })),
    title: element.layout.title?.text,
    x: element.layout.xaxis.title.text,
    y: element.layout.yaxis.title.text,
    height: element.getBoundingClientRect().height,
    surface: element.layout.paper_bgcolor,
    label: element.layout.hoverlabel,
    lines: (element.layout.shapes ?? []).length,
  }));
}
