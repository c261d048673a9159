// The page as a file (`tachograph report --html`): opened from the disk, without a server, it shows the same.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { ask, AXE, chart, demo, history, open, panel, save } from "./harness.mjs";

const EVIL = "</script><img src=x onerror=alert(1)>";
const ORDERS = encodeURIComponent("shop.orders::Orders.place");
const SMALL = "minimum_average=0.0005&minimum_total=0.01&minimum_calls=50";

/** @type {string} */
let store;
/** @type {{origin: string}} */
let file;

before(() => {
  store = demo();
  file = save(store, "--since", "iteration:0");
});

test("every view is there, and nothing is asked of anybody", async () => {
  const { page, close } = await open(file);
  const titles = await page.$$eval("#views a", (links) => links.map((link) => link.textContent));
  assert.deepEqual(titles, ["Overview", "Charts", "Time slices", "Flame graph", "Exceptions"]);
  for (const [path, panels] of [
    ["/", ["Needs attention", "Functions"]],
    [`/?view=charts&${SMALL}`, ["average_time", "total_time", "call_count"]],
    ["/?view=slices", ["Application profile"]],
    ["/?view=slices&column=self&width=10", ["Application profile"]],
    [
      `/?view=function&function=${ORDERS}`,
      ["Summary", "How long a call takes", "How the calls are spread", "Versions"],
    ],
    ["/?view=exceptions", ["Exceptions"]],
    ["/?view=exceptions&exception=1", ["Summary", "Samples"]],
  ]) {
    await page.goto(`${file.origin}#${path}`);
    for (const title of panels) {
      await panel(page, title);
    }
    assert.equal(await page.locator(".state[data-kind=failed]").count(), 0, path);
    // By the debugger, for the policy refuses scripts of others.
    await page.evaluate(readFileSync(AXE, "utf8"));
    const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
    const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
    assert.deepEqual(
      serious.map(({ id }) => [path, id]),
      [],
    );
  }
  await close();
});

test("exceptions have their samples", async () => {
  const { page, close } = await open(file, { path: "/?view=exceptions" });
  await panel(page, "Exceptions");
  const { exceptions } = ask("exceptions", "--store", store);
  const shown = () => page.$$eval("table.exceptions tbody tr", (lines) => lines.map((line) => line.dataset.exception));
  const ids = (kinds) => kinds.map(({ id }) => String(id));
  assert.deepEqual(await shown(), ids(exceptions));
  await page.fill('.panel input[type="search"]', "COUPON");
  await page.getByText(/^1 kind$/).waitFor();
  assert.deepEqual(await shown(), ids(exceptions.filter(({ type }) => type.includes("Coupon"))));
  await page.click("table.exceptions a >> nth=0");
  const samples = await panel(page, "Samples");
  assert.equal(await samples.locator("article").count(), 5);
  await page.click("a.function >> nth=0");
  await panel(page, "Exceptions");
  await close();
});

test("its figures are the program's", async () => {
  const { page, close } = await open(file);
  await panel(page, "Functions");
  const rows = ask("rank", "--by", "self", "-n", "25", "--store", store).functions;
  const names = () => page.$$eval("table.functions tbody tr", (lines) => lines.map((line) => line.dataset.function));
  assert.deepEqual(
    await names(),
    rows.map(({ name }) => name),
  );
  await page.click('[data-key="sort-calls"]');
  await page.waitForSelector('th[aria-sort="descending"] [data-key="sort-calls"]');
  assert.deepEqual(
    await names(),
    ask("rank", "--by", "calls", "-n", "25", "--store", store).functions.map(({ name }) => name),
  );
  await page.fill('.panel input[type="search"]', "coupon");
  await page.waitForFunction(() =>
    [...document.querySelectorAll("tbody tr[data-function]")].every((row) => /coupon/i.test(row.dataset.function)),
  );
  await page.reload();
  await panel(page, "Functions");
  assert.equal(await page.inputValue('.panel input[type="search"]'), "coupon");
  await close();
});

test("back and forward, minima, and the way to a function", async () => {
  const { page, close } = await open(file);
  await page.click("#views >> text=Charts");
  await page.fill('input[aria-label="Minimum of average_time"]', "100000");
  await page.keyboard.press("Enter");
  const average = page.locator("section.panel", { has: page.locator("#functionPerformanceChart-average_time") });
  await average.getByRole("button", { name: /Show those above/ }).click();
  assert.ok((await chart(page, "#functionPerformanceChart-average_time")).traces.length > 0);
  await page.click("#views >> text=Time slices");
  await chart(page, ".view .plot");
  await page.goBack();
  await chart(page, "#functionPerformanceChart-average_time");
  await page.goForward();
  await page.click(".legend a.function >> nth=0");
  await panel(page, "Summary");
  await page.locator("a.skip").focus();
  await page.keyboard.press("Enter");
  await panel(page, "Summary");
  await close();
});

test("names that are markup stay text", async () => {
  const evil = save(
    history(
      "evil",
      `import tachograph\nexec("def f(): pass")\nname = ${JSON.stringify(EVIL)}\n` +
        "f.__code__ = f.__code__.replace(co_name=name, co_qualname=name)\nf.__name__ = f.__qualname__ = name\n" +
        "timed = tachograph.timing(f)\nfor _ in range(200): timed()\n",
    ),
  );
  const { page, close } = await open(evil, { path: "/?view=charts&minimum_calls=1" });
  assert.ok((await page.textContent("#functionPerformanceChart-call_count .legend")).includes(EVIL));
  await page.click("#views >> text=Overview");
  assert.ok((await (await panel(page, "Functions")).textContent()).includes(EVIL));
  assert.equal(await page.locator("main img").count(), 0);
  await close();
});

test("what was sampled is a flame graph, also in a file", async () => {
  const sampled = history(
    "flame",
    "import time\ndef inner():\n    end = time.monotonic() + 1\n    while time.monotonic() < end: pass\n" +
      "def outer(): inner()\nouter()\n",
    "--sample-hz",
    "100",
  );
  const { page, close } = await open(save(sampled), { path: "/?view=flame" });
  await panel(page, "Where threads were");
  await page.focus(".flame canvas");
  await page.keyboard.press("ArrowDown");
  assert.match(await page.textContent(".flame [aria-live]"), /of all/);
  await page.selectOption('select[aria-label="Which time"]', "cpu");
  await panel(page, "Where threads were");
  await close();
});
