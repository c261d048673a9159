// What failed: kinds of exceptions and their samples, as the program's --json has them, and texts that others wrote.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { textOf, readExactly } from "../../web/exception_samples.js";
import { count } from "../../web/figures.js";
import { ask, demo, history, open, panel, serve } from "./harness.mjs";

const EVIL = "</script><img src=x onerror=alert(1)>";
// Many kinds of one function, many samples of another, an argument of many digits, and texts that are markup.
const FAILING = `
import time
import tachograph

class Evil(Exception):
    pass

Evil.__qualname__ = Evil.__name__ = ${JSON.stringify(EVIL)}

@tachograph.exception_logger
def many(number):
    raise type(f"Error{number:03}", (Exception,), {})(number)

@tachograph.exception_logger
def often(order, *, api_key):
    raise KeyError(order)

@tachograph.exception_logger
def evil(text, **others):
    text = text * 2
    raise Evil(text)

for number in range(30):
    for _ in range(31 - number):
        many(number)
for i in range(8):
    often(12345678901234567890 + i, api_key="hush")
evil(${JSON.stringify(EVIL)}, **{${JSON.stringify(EVIL)}: [1, {"a": None}]})
`;

/** @type {any} */
let server;
/** @type {any} */
let failing;
let store = "";
let failingStore = "";

before(async () => {
  store = demo();
  server = await serve(store);
  failingStore = history("failing", FAILING);
  failing = await serve(failingStore);
});

/** The cells of the table of kinds. @param {any} page */
function rowsOf(page) {
  return page.$$eval("table.exceptions tbody tr", (/** @type {any[]} */ lines) =>
    lines.map((line) => [line.dataset.exception, ...[...line.cells].map((cell) => cell.textContent)]),
  );
}

test("kinds and samples are those of the program", async () => {
  const { page, close } = await open(server);
  await page.click("#views >> text=Exceptions");
  await panel(page, "Exceptions");
  const { exceptions } = ask("exceptions", "--store", store);
  assert.ok(exceptions.length >= 2);
  const shown = await rowsOf(page);
  assert.deepEqual(
    shown.map(([id, , counted]) => [id, counted]),
    exceptions.map((kind) => [String(kind.id), count(kind.count)]),
  );
  exceptions.forEach((kind, i) => {
    assert.equal(shown[i][1], kind.type + kind.sample.message);
    const [module, own] = kind.function.split("::");
    assert.equal(shown[i][5], own + module);
  });
  assert.equal(await page.locator("table.exceptions .sparkline").count(), exceptions.length);

  const declined = exceptions.find((kind) => kind.type.endsWith("PaymentDeclinedError"));
  await page.click(`tr[data-exception="${declined.id}"] a >> nth=0`);
  const samples = await panel(page, "Samples");
  const told = ask("exceptions", "show", String(declined.id), "-n", "5", "--store", store);
  assert.equal(
    await page.locator(".tiles dd").first().textContent(),
    count(declined.count),
    "the number of the whole period",
  );
  const articles = await samples.locator("article").evaluateAll((/** @type {any[]} */ all) =>
    all.map((one) => ({
      id: one.dataset.sample,
      message: one.querySelector(".message").textContent,
      captured: [...one.querySelectorAll("dl.captured")].map((list) => list.textContent),
      traceback: one.querySelector("pre").textContent,
    })),
  );
  assert.deepEqual(
    articles.map(({ id }) => id),
    told.samples.map((sample) => String(sample.id)),
  );
  told.samples.forEach((sample, i) => {
    assert.equal(articles[i].message, sample.message);
    assert.equal(articles[i].traceback, sample.traceback);
    const [card, cents] = sample.args;
    assert.equal(card.card_number, "[redacted]");
    assert.equal(articles[i].captured[0], `0${textOf(card)}1${cents}`);
    assert.equal(articles[i].captured[1], 'api_key"[redacted]"');
  });
  await close();
});

test("the page of a function has its exceptions", async () => {
  const name = "shop.pricing::Coupons.discount";
  const { page, close } = await open(server, { path: `/?view=function&function=${encodeURIComponent(name)}` });
  await panel(page, "Exceptions");
  const { exceptions } = ask("exceptions", "--function", name, "--store", store);
  assert.deepEqual(
    (await rowsOf(page)).map(([id, , counted]) => [id, counted]),
    exceptions.map((kind) => [String(kind.id), count(kind.count)]),
  );
  await page.click("table.exceptions a >> nth=0");
  await page.getByRole("heading", { level: 1, name: exceptions[0].type }).waitFor();
  await page.click("a.function >> nth=0");
  await panel(page, "Exceptions");
  await close();
});

test("a function that does not fail says how exceptions are recorded", async () => {
  const { page, close } = await open(server, { path: "/?view=function&function=shop.pricing::price" });
  await page.getByText("No call failed in this period, and no exception was recorded.").waitFor();
  await close();
});

test("kinds are turned, filtered and sorted, and the address knows", async () => {
  const { page, close } = await open(failing, { path: "/?view=exceptions" });
  await panel(page, "Exceptions");
  const all = ask("exceptions", "--store", failingStore).exceptions;
  assert.equal(all.length, 32);
  const ids = async () => (await rowsOf(page)).map(([id]) => Number(id));
  const expected = all.map((kind) => kind.id);
  assert.deepEqual(await ids(), expected.slice(0, 25));
  await page.getByText("1–25 of 32 kinds").waitFor();
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("26–32 of 32 kinds").waitFor();
  assert.deepEqual(await ids(), expected.slice(25));
  await page.reload();
  await page.getByText("26–32 of 32 kinds").waitFor();
  await page.fill('.panel input[type="search"]', "error00");
  await page.getByText(/^10 kinds$/).waitFor();
  assert.equal(new URL(page.url()).searchParams.get("filter"), "error00");
  assert.equal(new URL(page.url()).searchParams.get("page"), null);
  await page.fill('.panel input[type="search"]', "no such thing");
  await page.getByText("No exception has “no such thing” in its type or function.").waitFor();
  await page.getByRole("button", { name: "Show all" }).click();
  await page.getByText("1–25 of 32 kinds").waitFor();
  await page.getByLabel("Order").selectOption("last");
  const last = ask("exceptions", "--sort", "last", "--store", failingStore).exceptions[0];
  await page.waitForFunction(
    (/** @type {string} */ id) => document.querySelector("tr[data-exception]")?.dataset.exception === id,
    String(last.id),
  );
  await close();
});

test("samples are turned, and long numbers keep their digits", async () => {
  const { exceptions } = ask("exceptions", "--function", "*::often", "--store", failingStore);
  const { page, close } = await open(failing, { path: `/?view=exceptions&exception=${exceptions[0].id}` });
  await page.getByText("1–5 of 8 samples").waitFor();
  await page.getByText("12345678901234567897", { exact: true }).first().waitFor();
  assert.match(await page.locator(".captured").nth(1).textContent(), /^api_key"\[redacted\]"$/);
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("6–8 of 8 samples").waitFor();
  await page.getByText("12345678901234567890", { exact: true }).first().waitFor();
  await page.goBack();
  await page.getByText("1–5 of 8 samples").waitFor();
  await close();
});

test("texts that are markup stay texts", async () => {
  const kind = ask("exceptions", "--function", "*::evil", "--store", failingStore).exceptions[0];
  const { page, close } = await open(failing, { path: "/?view=exceptions&filter=onerror" });
  assert.ok((await (await panel(page, "Exceptions")).textContent()).includes(EVIL));
  assert.equal(await page.locator("main img").count(), 0);
  await page.click(`tr[data-exception="${kind.id}"] a >> nth=0`);
  const text = await (await panel(page, "Samples")).textContent();
  assert.equal(text.split(EVIL).length - 1 >= 4, true, text); // twice in the message and the argument, once as a key
  assert.match(text, /Bound anew by the function, so it may not be what the call was given: text/);
  assert.ok(text.includes('[1, {"a": null}]'));
  assert.equal(await page.locator("main img").count(), 0);
  await close();
});

test("one that there is not says so", async () => {
  const { page, close } = await open(failing, { path: "/?view=exceptions&exception=999" });
  const samples = page.locator("section.panel", { has: page.getByRole("heading", { name: "Samples" }) });
  await samples.getByText(/No exception 999 was recorded in that time/).waitFor();
  await page.getByRole("link", { name: "All exceptions" }).click();
  await panel(page, "Exceptions");
  await close();
});

test("values are written as they were read", () => {
  for (const text of ["[]", "{}", '[1, -0.5, "a\\"b", null, true, {"k": [[], {}]}]']) {
    assert.equal(textOf(readExactly(text)), text);
  }
});

for (const [scheme, width] of [
  ["light", 1400],
  ["dark", 1400],
  ["light", 400],
  ["dark", 400],
]) {
  test(`nothing is cut off: ${scheme}, ${width} pixels`, async () => {
    const { page, close } = await open(failing, { width: Number(width), scheme: /** @type {any} */ (scheme) });
    const { exceptions } = ask("exceptions", "--function", "*::evil", "--store", failingStore);
    for (const path of ["/?view=exceptions", `/?view=exceptions&exception=${exceptions[0].id}`]) {
      await page.goto(failing.origin + path);
      await panel(page, path.includes("exception=") ? "Samples" : "Exceptions");
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= Number(width), `${path} is ${wide} pixels wide`);
    }
    await close();
  });
}
