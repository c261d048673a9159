// The page's figures are those of the program's --json.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { PALETTE } from "../../web/colours.js";
import { change, count, duration, relative, roundBelow } from "../../web/figures.js";
import { ask, chart, demo, open, panel, serve } from "./harness.mjs";

const CHARTS = ["average_time", "total_time", "call_count"];
const MEMBERS = {
  average_time: "average_ns",
  total_time: "total_ns",
  call_count: "call_count",
};
const SMALL = "minimum_average=0.0005&minimum_total=0.01&minimum_calls=50";

let store = "";
/** @type {any} */
let server;
/** @type {any} */
let trends;

before(async () => {
  store = demo();
  server = await serve(store);
  const { functions } = ask("rank", "--store", store);
  trends = new Map(functions.map(({ name }) => [name, ask("trend", name, "--store", store)]));
});

/** Functions of which a point is above a minimum. */
function above(member, minimum) {
  return [...trends].filter(([, { points }]) => points.some((point) => point[member] > minimum)).map(([name]) => name);
}

test("the table of functions", async () => {
  const { page, close } = await open(server);
  await panel(page, "Functions");
  const rows = ask("rank", "--by", "self", "-n", "25", "--store", store).functions;
  const percentiles = new Map(ask("rank", "--by", "p99", "--store", store).functions.map((row) => [row.name, row]));
  await page.waitForFunction(
    () => !document.querySelector("table.functions tbody td:nth-child(6)")?.textContent?.startsWith("–"),
  );
  const shown = await page.$$eval("table.functions tbody tr", (lines) =>
    lines.map((line) => [line.dataset.function, ...[...line.cells].slice(2).map((cell) => cell.textContent)]),
  );
  const expected = rows.map((row) => [
    row.name,
    count(row.call_count),
    duration(row.average_ns),
    duration(percentiles.get(row.name).p50_ns),
    duration(percentiles.get(row.name).p99_ns),
    duration(row.total_ns),
    duration(row.self_ns),
    count(row.error_count),
    row.iteration_count < 2 || row.slope_ns === 0 ? "–" : change(row.slope_ns),
  ]);
  assert.deepEqual(shown, expected);
  await close();
});

test("what needs attention is what trend --all and rank --by errors say", async () => {
  const { page, close } = await open(server);
  await panel(page, "Needs attention");
  const names = (kind) => page.$$eval(`.kind.${kind} li .function`, (links) => links.map((link) => link.title));
  const slower = ask("trend", "--all", "--store", store).functions.filter(({ trend }) => trend.direction === "slower");
  assert.deepEqual(
    await names("slower"),
    slower.slice(0, 5).map(({ name }) => name),
  );
  const texts = await page.$$eval(".kind.slower li", (items) => items.map((item) => item.textContent));
  for (const [i, { trend }] of slower.slice(0, 5).entries()) {
    const { before_ns: from, after_ns: to } = trend.step ?? trend.measured;
    assert.ok(texts[i].includes(`${duration(from)} → ${duration(to)} a call ${relative(to / from - 1)}`), texts[i]);
  }
  const rows = ask("rank", "--by", "errors", "-n", "100", "--store", store).functions;
  const failing = rows.filter((row) => row.error_count >= row.call_count * 0.01);
  const weights = new Map(
    failing.map((row) => [row.name, (row.error_count / row.call_count) * Math.log2(1 + row.error_count)]),
  );
  const shown = await names("failing");
  assert.equal(shown.length, Math.min(5, failing.length));
  const most = [...weights.values()].sort((one, other) => other - one).slice(0, 5);
  assert.deepEqual(
    shown.map((name) => weights.get(name)),
    most,
  );
  await close();
});

test("the three charts have the functions above their minimum, with all their points", async () => {
  const { page, close } = await open(server, {
    path: `/?view=charts&${SMALL}`,
  });
  const minima = { average_time: 0.0005e9, total_time: 0.01e9, call_count: 50 };
  const colours = new Map();
  for (const name of CHARTS) {
    const shown = await chart(page, `#functionPerformanceChart-${name}`);
    assert.deepEqual(
      shown.traces.map((trace) => trace.name),
      above(MEMBERS[name], minima[name]).sort(),
    );
    assert.equal(shown.title, "Function Performance Over Iterations");
    assert.equal(shown.x, "Iteration");
    assert.match(
      shown.y,
      name === "call_count" ? /^Call count \(calls\)$/ : /^(Average|Total) time \((milli)?seconds\)$/,
    );
    assert.equal(Math.round(shown.height), 400);
    assert.equal(shown.surface, "#fff");
    assert.deepEqual([shown.label.bgcolor, shown.label.bordercolor], ["#FFF", "#000"]);
    assert.equal(shown.lines, 1, "a line where version 2 begins");
    const size = name === "call_count" ? 1 : shown.y.includes("milli") ? 1e6 : 1e9;
    for (const trace of shown.traces) {
      const { points } = trends.get(trace.name);
      // Without what stands for gaps, where lines break.
      const [x, y, text] = [trace.x, trace.y, trace.text].map((all) => all.filter((one) => one !== null));
      assert.deepEqual(
        x,
        points.map((point) => point.iteration),
      );
      points.forEach((point, i) => assert.ok(Math.abs(y[i] - point[MEMBERS[name]] / size) < 1e-6, trace.name));
      assert.ok(PALETTE.includes(trace.colour));
      assert.equal(trace.colour, colours.get(trace.name) ?? trace.colour, `${trace.name} has one colour`);
      colours.set(trace.name, trace.colour);
      assert.match(
        trace.hover,
        new RegExp(`font-weight:bold;color:${trace.colour}.*Iteration: .*${name}: %\\{text\\}`),
      );
      y.forEach((value, i) => {
        const isSmall = value > 0 && value < 0.005;
        assert.equal(text[i], isSmall ? String(Number(value.toPrecision(2))) : value.toFixed(2));
      });
    }
  }
  assert.deepEqual(
    [...colours.values()],
    [...colours].map((_, i) => PALETTE[i % PALETTE.length]),
  );
  // The slices and the function's own page have the same.
  await page.goto(`${server.origin}/?view=slices`);
  for (const trace of (await chart(page, ".view .plot")).traces.filter((one) => colours.has(one.name))) {
    assert.equal(trace.colour, colours.get(trace.name));
  }
  await close();
});

test("the minima of the article are the usual ones, and an empty chart offers the largest useful one", async () => {
  const { page, close } = await open(server, {
    path: "/?view=charts&minimum_average=100000",
  });
  const minima = await page.$$eval(".minimum input", (inputs) => inputs.map((input) => input.value));
  assert.deepEqual(minima, ["100000", "5.0", "100"]);
  const largest = Math.max(...[...trends.values()].flatMap(({ points }) => points.map((point) => point.average_ns)));
  const useful = roundBelow(largest / 1e9);
  await page.getByRole("button", { name: `Show those above ${duration(useful * 1e9)}` }).click();
  const shown = await chart(page, "#functionPerformanceChart-average_time");
  assert.deepEqual(
    shown.traces.map((trace) => trace.name),
    above("average_ns", useful * 1e9).sort(),
  );
  assert.equal(new URL(page.url()).searchParams.get("minimum_average"), useful === 1 ? null : String(useful));
  await page.reload();
  assert.equal((await chart(page, "#functionPerformanceChart-average_time")).traces.length, shown.traces.length);
  await page.goBack();
  await page.getByText("No function ever had a point above 100000 s").waitFor();
  await close();
});

test("the page of a function", async () => {
  const name = "shop.orders::Orders.place";
  const { page, close } = await open(server, {
    path: `/?view=function&function=${encodeURIComponent(name)}`,
  });
  const { points, trend } = trends.get(name);
  const history = await chart(page, ".view .panel:nth-of-type(2) .plot");
  const size = history.y.includes("milli") ? 1e6 : history.y.includes("micro") ? 1e3 : 1e9;
  for (const [title, member] of [
    ["p50", "p50_ns"],
    ["p90", "p90_ns"],
    ["p99", "p99_ns"],
    ["average", "average_ns"],
  ]) {
    const { x, y } = history.traces.find((trace) => trace.name === title);
    const shown = y.filter((_, i) => x[i] !== null); // without what stands for gaps
    points.forEach((point, i) => assert.ok(Math.abs(shown[i] - point[member] / size) < 1e-9, title));
  }
  const regression = history.traces.find((trace) => trace.name === "regression");
  const ends = [regression.y[0], regression.y[regression.y.length - 1]].map((y) => Math.round(y * size));
  assert.deepEqual(ends, [trend.start_ns, trend.end_ns].map(Math.round));
  const note = await (await panel(page, "How long a call takes")).locator(".note").first().textContent();
  assert.ok(note.includes(`slope ${change(trend.slope_ns)} an iteration`), note);
  assert.ok(note.includes(`intercept ${duration(trend.intercept_ns)}`), note);
  await panel(page, "How the calls are spread");
  const heat = await server.api(`latency?function=${encodeURIComponent(name)}`);
  const sums = heat.counts.map((column) => column.reduce((a, b) => a + b, 0));
  assert.deepEqual(
    sums,
    points.map((point) => point.call_count),
  );
  const versions = await panel(page, "Versions");
  const calls = await versions.locator("tbody td:nth-child(3)").allTextContents();
  const of = (version) =>
    ask("rank", "--version", version, "--store", store).functions.find((row) => row.name === name);
  assert.deepEqual(
    calls,
    ["2", "1"].map((version) => count(of(version).call_count)),
  );
  await close();
});

test("slices add up to everything", async () => {
  const { page, close } = await open(server, {
    path: "/?view=slices&column=self",
  });
  const { traces, y } = await chart(page, ".view .plot");
  const size = y.includes("milli") ? 1e6 : 1e9;
  const drawn = traces.flatMap((trace) => trace.y).reduce((a, b) => a + b, 0) * size;
  const all = ask("rank", "--store", store).functions.reduce((sum, row) => sum + row.self_ns, 0);
  assert.ok(Math.abs(drawn - all) < 1000, `${drawn} and ${all}`);
  await close();
});
