// The page in use: links, keys, names that are markup, a server that goes away, orders to processes, and axe-core.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { count } from "../../web/figures.js";
import { ask, AXE, chart, demo, end, history, open, panel, running, serve, until } from "./harness.mjs";

const EVIL = "</script><img src=x onerror=alert(1)>";
const SMALL = "minimum_average=0.0005&minimum_total=0.01&minimum_calls=50";
const ORDERS = encodeURIComponent("shop.orders::Orders.place");
const VIEWS = [
  ["Functions", "/"],
  ["average_time", `/?view=charts&${SMALL}`],
  ["Application profile", "/?view=slices"],
  ["Versions", `/?view=function&function=${ORDERS}`],
  ["Where threads were", "/?view=flame"],
  ["Exceptions", "/?view=exceptions"],
  ["Samples", "/?view=exceptions&exception=1"],
  ["Timed now", "/?view=processes"],
];
// A function that the sampler sees and one that calls it, until it is ended.
const BUSY = `
import time
def inner():
    end = time.monotonic() + 0.02
    while time.monotonic() < end: pass
def outer():
    inner()
print("ready")
while True:
    outer()
`;

/** @type {any} */
let server;

before(async () => {
  server = await serve(demo());
});

test("a link goes through signing in, and back and forward through the views", async () => {
  const { page, close } = await open(server, {
    path: `/?view=charts&${SMALL}&x=time`,
  });
  assert.equal(new URL(page.url()).hash, "");
  assert.equal((await chart(page, "#functionPerformanceChart-call_count")).x, "Time");
  await page.click("#views >> text=Time slices");
  await page.waitForURL(/view=slices/);
  await chart(page, ".view .plot");
  await page.goBack();
  await chart(page, "#functionPerformanceChart-call_count");
  await page.goForward();
  await page.getByRole("heading", { level: 1, name: "Time slices" }).waitFor();
  await page.click(".legend a.function >> nth=0");
  await panel(page, "Summary");
  await close();
});

// Writes a moment. The field is made anew when the answer to the one before arrives, with what was just written or not.
async function choose(page, label, moment, shown) {
  for (let attempt = 0; attempt < 5; attempt++) {
    await page.fill(`#scope input[aria-label="${label}"]`, moment);
    await page.keyboard.press("Enter");
    const has = await page.waitForURL(shown, { timeout: 5000 }).then(
      () => true,
      () => false,
    );
    if (has) {
      return;
    }
  }
  assert.fail(`${label} was not taken`);
}

test("a period of one's own is two moments, and a wrong one is said", async () => {
  const { page, close } = await open(server);
  await panel(page, "Functions");
  await page.selectOption("#scope label:nth-child(2) select", "own");
  await choose(page, "From", "iteration:0", /since=iteration/);
  await choose(page, "To", "iteration:1", /until=iteration/);
  const [first] = ask(
    "rank",
    "--by",
    "self",
    "--since",
    "iteration:0",
    "--until",
    "iteration:1",
    "--store",
    server.store,
  ).functions;
  await page
    .locator(`tr[data-function="${first.name}"] td:nth-child(3)`, { hasText: count(first.call_count) })
    .waitFor();
  await page.click("#views >> text=Flame graph");
  assert.equal(await page.inputValue('#scope input[aria-label="To"]'), "iteration:1");
  await page.fill('#scope input[aria-label="From"]', "soon");
  await page.keyboard.press("Enter");
  await page.locator(".state[data-kind=failed]", { hasText: "soon" }).waitFor();
  await close();
});

test("a function and a click lead to what each version made of it", async () => {
  const { page, close } = await open(server);
  await panel(page, "Functions");
  await page.fill('.panel input[type="search"]', "Coupons.discount");
  await page.click('tr[data-function="shop.pricing::Coupons.discount"] a');
  const versions = await panel(page, "Versions");
  assert.match(await versions.locator("tbody tr:first-child").textContent(), /^2/);
  assert.match(await versions.locator("tbody tr:first-child td:nth-child(5)").textContent(), /×|\+/);
  await close();
});

test("a click isolates a function on all charts, another shows all", async () => {
  const { page, close } = await open(server, {
    path: `/?view=charts&${SMALL}`,
  });
  const visible = async (name) =>
    (await chart(page, `#functionPerformanceChart-${name}`)).traces.filter((one) => one.visible === true);
  const all = await visible("call_count");
  await page.click("#functionPerformanceChart-call_count .legendtoggle >> nth=1", { force: true });
  await page.waitForURL(/only=/);
  await page.waitForFunction(() =>
    document.querySelector("#functionPerformanceChart-call_count").data.some((one) => one.visible === "legendonly"),
  );
  assert.deepEqual(
    (await visible("call_count")).map((one) => one.name),
    [all[1].name],
  );
  await page.getByRole("button", { name: "Show all" }).click();
  await page.waitForFunction(() =>
    document.querySelector("#functionPerformanceChart-call_count").data.every((one) => one.visible === true),
  );
  await close();
});

test("the table is sorted and filtered by keys alone, and the address knows", async () => {
  const { page, close } = await open(server);
  await panel(page, "Functions");
  await page.focus('[data-key="sort-calls"]');
  await page.keyboard.press("Enter");
  await page.waitForSelector('th[aria-sort="descending"] [data-key="sort-calls"]');
  assert.equal(await page.evaluate(() => document.activeElement.dataset.key), "sort-calls");
  await page.keyboard.press("Enter");
  await page.waitForSelector('th[aria-sort="ascending"] [data-key="sort-calls"]');
  await page.fill('.panel input[type="search"]', "coupon");
  await page.waitForFunction(() =>
    [...document.querySelectorAll("tbody tr[data-function]")].every((row) => /coupon/i.test(row.dataset.function)),
  );
  assert.match(page.url(), /sort=calls.*filter=coupon|filter=coupon.*sort=calls/);
  await page.reload();
  await page.waitForFunction(() => document.querySelector("tbody tr[data-function]"));
  assert.equal(await page.inputValue('.panel input[type="search"]'), "coupon");
  await page.fill('.panel input[type="search"]', "no such function");
  await page.getByText("No function has “no such function” in its name.").waitFor();
  await close();
});

test("a name that is markup stays text", async () => {
  const store = history(
    "markup",
    `import tachograph\nexec("def f(): pass")\nname = ${JSON.stringify(EVIL)}\n` +
      "f.__code__ = f.__code__.replace(co_name=name, co_qualname=name)\nf.__name__ = f.__qualname__ = name\n" +
      "timed = tachograph.timing(f)\nfor _ in range(200): timed()\n",
  );
  const evil = await serve(store);
  const name = ask("rank", "--store", store)
    .functions.map((row) => row.name)
    .find((one) => one.includes("onerror"));
  assert.ok(name?.endsWith(EVIL), name);
  const { page, close } = await open(evil, {
    path: "/?view=charts&minimum_calls=1",
  });
  const { traces } = await chart(page, "#functionPerformanceChart-call_count");
  assert.ok(traces.some((trace) => trace.name === name));
  assert.ok((await page.textContent("#functionPerformanceChart-call_count .legend")).includes(EVIL));
  for (const path of ["/", `/?view=function&function=${encodeURIComponent(name)}`, "/?view=slices", "/?view=flame"]) {
    await page.goto(evil.origin + path);
    await page.waitForSelector(".panel:not([aria-busy])");
    assert.equal(await page.locator("main img").count(), 0);
  }
  await page.goto(`${evil.origin}/`);
  assert.ok((await (await panel(page, "Functions")).textContent()).includes(EVIL));
  await close();
  await evil.stop();
});

test("it survives that the server goes away, and goes on when it is back", async () => {
  const { page, close } = await open(server);
  await panel(page, "Functions");
  await page.context().setOffline(true);
  await page.locator("#server", { hasText: "The server does not answer." }).waitFor();
  assert.ok((await page.locator("tr[data-function]").count()) > 0, "what it said last stays");
  await page.click("#views >> text=Charts");
  await page.getByRole("button", { name: "Try again" }).waitFor();
  await page.context().setOffline(false);
  await page.locator("#server").waitFor({ state: "hidden" });
  await page.getByRole("heading", { level: 1, name: "Charts" }).waitFor();
  await close();
});

test("a server that was started anew is told the new address, in the same tab", async () => {
  const store = demo();
  const first = await serve(store);
  const { page, close } = await open(first);
  await panel(page, "Functions");
  await first.stop();
  const second = await serve(store, first.port);
  await page.locator("#server", { hasText: "The server was started anew" }).waitFor();
  await page.goto(second.address);
  await page.locator("#server").waitFor({ state: "hidden" });
  await panel(page, "Functions");
  assert.equal(new URL(page.url()).hash, "");
  await close();
  await second.stop();
});

test("processes are there before their history is, and the history when it is", async () => {
  const { child, store } = await running("early", BUSY, "--sample-hz", "100", "--interval", "3600");
  const own = await serve(store);
  const { page, close } = await open(own);
  await page.locator(".state[data-kind=nothing], .state[data-kind=failed]").waitFor();
  await page.click("#views >> text=Processes");
  await page.getByRole("button", { name: "Pause", exact: true }).waitFor();
  await page.click("#views >> text=Overview");
  await page.locator(".state[data-kind=nothing]").waitFor();
  await end(child); // what it has counted is stored now
  assert.match(await (await panel(page, "Functions")).textContent(), /inner/);
  await close();
  await own.stop();
});

test("a button that is pressed while the page is drawn anew is pressed", async () => {
  const { child, store } = await running("pressed", BUSY, "--sample-hz", "100", "--interval", "1");
  const own = await serve(store);
  const { page, close } = await open(own, { path: "/?view=processes" });
  await page.getByRole("button", { name: "Pause", exact: true }).hover();
  await page.mouse.down();
  await (await page.waitForResponse(/processes/)).finished();
  await page.evaluate(() => new Promise((resolve) => setTimeout(() => requestAnimationFrame(resolve))));
  await page.mouse.up();
  await page.getByText("paused", { exact: true }).waitFor();
  await close();
  await end(child);
  await own.stop();
});

test("pausing a process from the page stops its samples", async () => {
  const { child, store } = await running("busy", BUSY, "--sample-hz", "100", "--interval", "1");
  const own = await serve(store);
  const { page, close } = await open(own, { path: "/?view=processes" });
  const look = async () => {
    const answer = await own.api("processes?by=process");
    const process = answer.processes.find((/** @type {any} */ one) => one.alive);
    const row = answer.rows.find((/** @type {any} */ one) => one.uuid === process.uuid);
    return { ...process.sampler, calls: row.ever.call_count };
  };
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await page.getByText("paused", { exact: true }).waitFor();
  const first = await look();
  assert.equal(first.state, "paused");
  const last = await until(look, ({ calls }) => calls >= first.calls + 40);
  assert.equal(last.tick_count, first.tick_count, "it looked while it was paused");
  await page.getByRole("button", { name: "Unpause" }).click();
  await page.getByText("running", { exact: true }).waitFor();
  await until(look, ({ tick_count }) => tick_count > last.tick_count + 5);
  await page.fill('input[aria-label="Samples a second"]', "20");
  await page.keyboard.press("Enter");
  await until(look, ({ rate_hz }) => rate_hz === 20);
  await page.getByRole("button", { name: /Threads of process/ }).click();
  await page.locator(".threads tbody tr").first().waitFor();
  await close();
  await end(child);
  // What it has sampled is a flame graph, and says who called whom.
  const { page: later, close: closeLater } = await open(own, {
    path: "/?view=flame",
  });
  await panel(later, "Where threads were");
  await later.focus(".flame canvas");
  for (let i = 0; i < 4; i++) {
    await later.keyboard.press("ArrowDown");
  }
  const said = await later.textContent(".flame [aria-live]");
  assert.match(said, /of all/);
  await later.goto(`${own.origin}/?view=function&function=inner`);
  const callers = await panel(later, "Callers and callees");
  assert.match(await callers.textContent(), /outer/);
  // What is not timed has no other panels, and no failures.
  await later.goto(`${own.origin}/?view=function&function=${encodeURIComponent("<module>")}`);
  await later.getByText("What samplers saw of it is below.").waitFor();
  assert.match(await (await panel(later, "Callers and callees")).textContent(), /outer/);
  const titles = await later.$$eval("section.panel:not([hidden]) h2", (found) => found.map((one) => one.textContent));
  assert.deepEqual(titles, ["Summary", "Callers and callees"]);
  assert.equal(await later.locator(".state[data-kind=failed]").count(), 0);
  await closeLater();
  await own.stop();
});

for (const scheme of ["light", "dark"]) {
  for (const width of [1400, 400]) {
    test(`axe-core finds nothing serious, and nothing is cut off: ${scheme}, ${width} pixels`, async () => {
      const { page, close } = await open(server, { width, scheme });
      for (const [title, path] of VIEWS) {
        await page.goto(server.origin + path);
        await page.locator("h2", { hasText: title }).waitFor();
        await page.waitForFunction(() => !document.querySelector("[aria-busy], [data-kind=loading]:not([hidden])"));
        // The policy refuses scripts of others: axe comes by the debugger.
        await page.evaluate(readFileSync(AXE, "utf8"));
        const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
        const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
        assert.deepEqual(
          serious.map(({ id, nodes }) => [path, id, nodes.slice(0, 3).map((node) => node.html)]),
          [],
        );
        const [wide, sight] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(wide <= sight, `${path} is ${wide} pixels wide`);
      }
      await close();
    });
  }
}

// The picture of the README: PICTURE=docs/images/dashboard.png TEST=picture tools/test_browser .venv
test("a picture", { skip: !process.env.PICTURE }, async () => {
  const { page, close } = await open(server, { width: 1280 });
  await panel(page, "Functions");
  await page.waitForFunction(() => document.querySelectorAll(".sparkline").length > 15);
  await page.screenshot({ path: process.env.PICTURE, clip: { x: 0, y: 0, width: 1280, height: 1000 }, fullPage: true });
  await close();
});
