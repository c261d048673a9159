// What charts make of a service whose functions take milliseconds, of a gap in its history, and of a call that lasted for
// an hour.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { chart, made, open, panel, serve } from "./harness.mjs";

const CHARTS = ["average_time", "total_time", "call_count"];
const GAP = [10, 30]; // iterations of 10 seconds without any figures
// In each iteration 20 calls of 2 ms, and one of 5 us; once a call that had lasted for an hour.
const HISTORY = `
service = history.service()
for i in [*range(${GAP[0]}), *range(${GAP[1]}, 40)]:
    service.add(i, {"m::often": (20, 2 * MS), "m::rare": (1, 5000)})
service.add(35, {"m::lasts": (1, 3600 * NS)}, run="c" * 32)
`;
const SHORT = `
service = history.service()
for i in range(10):
    service.add(i, {"m::often": (20, 2 * MS), "m::rare": (1, 5000)})
`;

/** @type {any} */
let server;
/** @type {any} */
let short;

before(async () => {
  [server, short] = [await serve(made("gap", HISTORY)), await serve(made("short", SHORT))];
});

const panelOf = (page, name) =>
  page.locator("section.panel", { has: page.locator(`#functionPerformanceChart-${name}`) });
const settingOf = (page, name) => new URL(page.url()).searchParams.get(name);

test("an empty chart offers the largest minimum that shows something, and all", async () => {
  const { page, close } = await open(short, { path: "/?view=charts" });
  for (const [name, words, column, minimum] of [
    ["average_time", "1.00 ms", "average", "0.001"],
    ["total_time", "20.0 ms", "total", "0.02"],
    ["call_count", "10 calls", "calls", "10"],
  ]) {
    await panelOf(page, name)
      .getByRole("button", { name: `Show those above ${words}` })
      .click();
    const shown = await chart(page, `#functionPerformanceChart-${name}`);
    assert.deepEqual(
      shown.traces.map((trace) => trace.name),
      ["m::often"],
    );
    assert.equal(settingOf(page, `minimum_${column}`), minimum);
  }
  await page.reload();
  for (const name of CHARTS) {
    assert.equal((await chart(page, `#functionPerformanceChart-${name}`)).traces.length, 1);
  }
  await page.goto(`${short.origin}/?view=charts`);
  await panelOf(page, "total_time").getByRole("button", { name: "Show all" }).click();
  assert.equal((await chart(page, "#functionPerformanceChart-total_time")).traces.length, 2);
  await close();
});

test("a function's way to the charts shows that function, however small it is", async () => {
  const { page, close } = await open(short, { path: "/?view=function&function=m%3A%3Arare" });
  await panel(page, "Summary");
  const before = await page.evaluate(() => history.length);
  await page.getByRole("link", { name: "In the charts" }).click();
  for (const name of CHARTS) {
    const place = `#functionPerformanceChart-${name}`;
    await page.waitForFunction(
      (selector) =>
        /** @type {any} */ (document.querySelector(selector))?.data?.some(({ visible }) => visible === "legendonly"),
      place,
    );
    const { traces } = await chart(page, place);
    assert.deepEqual(
      traces.map((trace) => [trace.name, trace.visible]),
      [
        ["m::often", "legendonly"],
        ["m::rare", true],
      ],
    );
  }
  assert.deepEqual(
    ["average", "total", "calls"].map((column) => settingOf(page, `minimum_${column}`)),
    ["0.000002", "0.000002", "0"],
  );
  assert.equal(await page.evaluate(() => history.length), before + 1);
  // A minimum of one's own is left as it is.
  await page.fill('input[aria-label="Minimum of average_time"]', "0.001");
  await page.keyboard.press("Enter");
  await page.waitForFunction(
    () => /** @type {any} */ (document.querySelector("#functionPerformanceChart-average_time"))?.data?.length === 1,
  );
  assert.equal(settingOf(page, "minimum_average"), "0.001");
  await close();
});

test("lines break where there are no figures, and bars are as wide as what they are of", async () => {
  const { page, close } = await open(server, { path: "/?view=charts&minimum_average=0.000001" });
  const { traces } = await chart(page, "#functionPerformanceChart-average_time");
  const often = traces.find(({ name }) => name === "m::often");
  const expected = [...Array(10).keys(), null, ...Array.from({ length: 10 }, (_, i) => 30 + i)];
  assert.deepEqual(often.x, expected);
  assert.deepEqual(
    often.y.map((value) => value === null),
    expected.map((at) => at === null),
  );
  await page.goto(`${server.origin}/?view=function&function=m%3A%3Aoften`);
  const history = await chart(page, ".view .panel:nth-of-type(2) .plot");
  assert.deepEqual(history.traces.find(({ name }) => name === "average").x, expected);
  await page.waitForSelector(".view .panel:nth-of-type(4) .plot .main-svg");
  const bars = await page.$eval(".view .panel:nth-of-type(4) .plot", (element) => /** @type {any} */ (element).data[0]);
  assert.ok(bars.width < 1);
  await page.goto(`${server.origin}/`);
  await page.waitForSelector('tr[data-function="m::often"] .sparkline');
  assert.equal(await page.locator('tr[data-function="m::often"] .sparkline polyline').count(), 2);
  await close();
});

test("a call that outlasts its slice does not flatten the others, and is marked", async () => {
  const { page, close } = await open(server, { path: "/?view=slices&width=10" });
  const found = await panel(page, "Application profile");
  const layout = () => page.$eval(".view .plot", (element) => /** @type {any} */ (element).layout);
  const { yaxis, annotations } = await layout();
  assert.deepEqual(
    annotations.map(({ text }) => text).filter((text) => text.startsWith("▲")),
    ["▲ 3,600 s"],
  );
  assert.ok(yaxis.range[1] < 100, "milliseconds, as the other slices have");
  assert.match(await found.locator(".note").first().textContent(), /where it ends.*1 slice \(▲\) goes beyond the axis/);
  await page.selectOption('select[aria-label="Height of the axis"]', "whole");
  await page.waitForFunction(() =>
    /** @type {any} */ (document.querySelector(".view .plot")).layout.yaxis.title.text.includes("(seconds)"),
  );
  assert.equal((await layout()).annotations.filter(({ text }) => text.startsWith("▲")).length, 0);
  const [first, second] = await page.$eval(".view .plot", (element) =>
    /** @type {any} */ (element).data.map(({ width }) => width),
  );
  assert.ok(first < 10_000 && second < 10_000, "milliseconds of a slice");
  await close();
});

test("what fails is ordered by its share and its count, and what was not recorded is said", async () => {
  const failing = await serve(
    made(
      "failing",
      `
service = history.service()
service.add(0, {"m::always": (50, MS)}, errors=50)
service.add(1, {"m::seldom": (100000, 1000)}, errors=500)
service.add(2, {"m::once": (2, MS)}, errors=1)
service.add(3, {"m::often": (1000, MS)}, errors=300)
`,
    ),
  );
  const { page, close } = await open(failing);
  await panel(page, "Needs attention");
  const names = await page.$$eval(".kind.failing li .function", (links) => links.map((link) => link.title));
  assert.deepEqual(names, ["m::always", "m::often", "m::once"]);
  await page.goto(`${failing.origin}/?view=exceptions`);
  await page
    .getByText(/^851 calls ended with an exception in this period, and none was recorded.*--exceptions/)
    .waitFor();
  await page.goto(`${failing.origin}/?view=function&function=m%3A%3Aonce`);
  await page
    .getByText(/^1 call ended with an exception in this period, and none was recorded as leaving this function first/)
    .waitFor();
  await close();
});
