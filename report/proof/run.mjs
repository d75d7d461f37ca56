// Opens report pages in Chromium: one the tool makes, one with 10,000 tasks, one with hostile texts. Usage:
//   node proof/run.mjs TOOL DIRECTORY [BROWSER]     leaves pictures of what it saw in DIRECTORY
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { pageOf } from "./make.mjs";

const [tool, directory, executablePath = "/usr/bin/chromium"] = process.argv.slice(2);
const into = resolve(directory);
mkdirSync(into, { recursive: true });

async function fixtures() {
  const outfile = join(into, "fixture.mjs");
  const source = fileURLToPath(new URL("../tests/fixture.ts", import.meta.url));
  await build({ entryPoints: [source], bundle: true, format: "esm", outfile });
  return import(pathToFileURL(outfile).href);
}

const browser = await chromium.launch({
  executablePath,
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

/** A page of `file`, which fails the test when it asks for anything or complains. */
async function open(file, more = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...more });
  const page = await context.newPage();
  const address = pathToFileURL(file).href;
  const complaints = [];
  page.on("request", (request) => {
    if (request.url() !== address) complaints.push(`asked for ${request.url()}`);
  });
  page.on("console", (message) => complaints.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => complaints.push(`dialog: ${dialog.message()}`));
  await page.goto(address);
  await page.waitForSelector("html[data-ready=yes]");
  await page.waitForFunction(() => !document.querySelector(".timelines") || document.querySelector(".timelines").dataset.to);
  return { page, close: async () => { await context.close(); assert.deepEqual(complaints, []); } };
}

const settled = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
const span = (page) => page.$eval(".timelines", (frame) => Number(frame.dataset.to) - Number(frame.dataset.from));

/** How much of the first canvas is not ground: 0 where nothing was drawn. */
const inked = (page) =>
  page.$eval(".strip canvas", (canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let other = 0;
    for (let at = 0; at < data.length; at += 4) if (data[at] !== data[0] || data[at + 1] !== data[1] || data[at + 2] !== data[2]) other++;
    return other / (data.length / 4);
  });

function realReport(name, ...more) {
  const file = join(into, name);
  const made = spawnSync(tool, ["compare", "io", "cpu", "--tasks", "4", "--latency", "60ms", "--work", "40ms", "--html", file, ...more], { encoding: "utf8" });
  assert.equal(made.status, 0, made.stderr);
  assert.ok(made.stderr.includes(file), "the tool says where the page is");
  return file;
}

async function checkFigures(page, workloads) {
  assert.equal(await page.locator("section.workload").count(), workloads);
  for (const title of ["How much faster", "What it cost", "All the figures"])
    assert.equal(await page.getByRole("heading", { name: title }).count(), workloads, title);
  for (const title of ["The machine", "Do it again", "The words"]) assert.equal(await page.getByRole("heading", { name: title }).count(), 1, title);
  for (const picture of await page.getByRole("img").all()) assert.ok((await picture.getAttribute("aria-label")).length > 10);
}

const fixture = await fixtures();
const write = (name, report, before) => {
  const file = join(into, name);
  writeFileSync(file, pageOf(report, before));
  return file;
};

const tests = {
  async "a report of the tool has every figure, in light and dark, and beside an older one"() {
    const first = realReport("first.html");
    const file = realReport("second.html", "--against", first);
    for (const colorScheme of ["light", "dark"]) {
      const { page, close } = await open(file, { colorScheme });
      await checkFigures(page, 2);
      assert.equal(await page.getByRole("heading", { name: "Then and now" }).count(), 2);
      assert.match(await page.locator("pre").innerText(), /^fanout compare io cpu --tasks 4 .*--against /);
      const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const bright = Number(ground.match(/\d+/)[0]) > 128;
      assert.equal(bright, colorScheme === "light");
      await settled(page);
      await page.screenshot({ path: join(into, `${colorScheme}.png`), fullPage: true });
      await close();
    }
  },

  async "bars are drawn, and pointing at one shows its figures"() {
    const { page, close } = await open(write("small.html", fixture.small(), fixture.small()));
    await checkFigures(page, 2);
    await settled(page);
    assert.ok((await inked(page)) > 0.2);
    const canvas = page.locator(".strip canvas").first();
    await canvas.scrollIntoViewIfNeeded();
    const box = await canvas.boundingBox();
    await page.mouse.move(box.x + 150, box.y + 12);
    const tip = page.locator(".tip").first();
    assert.match(await tip.innerText(), /Task 0, thread 1[^]*from 0 s to 0\.40\d s[^]*computing 4\.00 ms \(1\.0 %\), waiting 0\.400 s[^]*succeeded/);
    await page.mouse.move(box.x + 20, box.y - 60);
    assert.equal(await tip.isVisible(), false);
    await close();
  },

  async "the keyboard goes through tasks and zooms"() {
    const { page, close } = await open(write("keys.html", fixture.small()));
    const whole = await span(page);
    await page.locator(".strip canvas").nth(1).focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    assert.match(await page.locator(".spoken").first().innerText(), /^Task 1, thread 2, from 0 s/);
    await page.keyboard.press("ArrowDown");
    assert.match(await page.locator(".spoken").first().innerText(), /^Task 2, thread 3/);
    await page.keyboard.press("+");
    await settled(page);
    assert.ok(Math.abs((await span(page)) - whole / 2) < 1e-9);
    await page.keyboard.press("0");
    await settled(page);
    assert.ok(Math.abs((await span(page)) - whole) < 1e-9);
    await page.keyboard.press("Escape");
    assert.equal(await page.locator(".tip").first().isVisible(), false);
    await close();
  },

  async "the wheel zooms the picture that was chosen, the buttons any; filters dim and hide; tables sort"() {
    const { page, close } = await open(write("mouse.html", fixture.small()));
    const whole = await span(page);
    const canvas = page.locator(".strip canvas").first();
    await canvas.scrollIntoViewIfNeeded();
    const box = await canvas.boundingBox();
    await page.mouse.click(box.x + 300, box.y + 12);
    await canvas.focus();
    await page.mouse.wheel(0, -200);
    await page.waitForFunction((was) => { const d = document.querySelector(".timelines").dataset; return Number(d.to) - Number(d.from) < was * 0.9; }, whole);
    await page.getByRole("button", { name: "whole run" }).first().click();
    await settled(page);
    assert.ok(Math.abs((await span(page)) - whole) < 1e-9);
    await page.getByLabel("Task numbers").first().fill("1-2");
    assert.match(await page.locator(".spoken").first().innerText(), /sync 2, threads:5 2/);
    await page.getByRole("checkbox").first().uncheck();
    assert.equal(await page.locator(".strip").first().isVisible(), false);
    const table = page.locator("table.results").first();
    const order = () => table.locator("tbody th").allInnerTexts();
    const before = await order();
    await table.getByRole("button", { name: "time" }).click();
    assert.equal(await table.locator("th[aria-sort=ascending]").count(), 1);
    await table.getByRole("button", { name: "time" }).click();
    const after = await order();
    assert.equal(after[0], "sync", "the slowest comes first");
    assert.deepEqual([...after].sort(), [...before].sort());
    await close();
  },

  async "10,000 tasks under five shapes are drawn and zoomed, no task more than twice at a time"() {
    const { page, close } = await open(write("empty.html", { machine: {}, workloads: [] }));
    await page.evaluate(() => {
      window.drawn = 0;
      for (const name of ["fillRect", "strokeRect", "fill", "stroke"]) {
        const original = CanvasRenderingContext2D.prototype[name];
        CanvasRenderingContext2D.prototype[name] = function (...values) {
          window.drawn++;
          return original.apply(this, values);
        };
      }
    });
    // What counts is the processor's time of the page's own thread: on a machine that does other things too, the clock
    // on the wall would measure those.
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
    const busy = async () => (await devtools.send("Performance.getMetrics")).metrics.find((each) => each.name === "TaskDuration").value * 1000;
    const before = await busy();
    await page.evaluate((text) => {
      document.open();
      document.write(text);
      document.close();
    }, pageOf(fixture.large()));
    await page.waitForFunction(() => document.querySelector(".timelines")?.dataset.to);
    await settled(page);
    const ready = (await busy()) - before;
    await page.locator(".strip canvas").first().focus();
    const whole = await span(page);
    const turns = 10;
    const drawn = await page.evaluate(() => window.drawn);
    for (let turn = 0; turn < turns; turn++) {
      await page.keyboard.press(turn % 2 ? "-" : "+");
      await settled(page);
      assert.ok(Math.abs((await span(page)) - (turn % 2 ? whole : whole / 2)) < 1e-9);
    }
    const redraw = ((await busy()) - before - ready) / turns;
    const calls = ((await page.evaluate(() => window.drawn)) - drawn) / turns;
    console.log(`  10,000 tasks: ready after ${ready.toFixed(0)} ms of its thread, redrawn in ${redraw.toFixed(0)} ms with ${calls.toFixed(0)} calls`);
    assert.ok((await inked(page)) > 0.2);
    const tasks = 5 * 10_000;
    assert.ok(calls > 0 && calls < 2.1 * tasks, `${calls} calls for ${tasks} tasks`);  // waiting, computing; and what is around them
    if (process.env.FANOUT_PAGE_BARS) {  // ./dev bench page
      assert.ok(ready < 1000, `it took ${ready} ms`);
      assert.ok(redraw < 100, `a redraw takes ${redraw} ms`);
    }
    await page.screenshot({ path: join(into, "large.png") });
    await close();
  },

  async "hostile texts are shown as text"() {
    const { page, close } = await open(write("hostile.html", fixture.hostile(), fixture.hostile()));
    assert.equal(await page.evaluate(() => "broken" in window), false);
    assert.equal(await page.locator("main img, main b").count(), 0);
    const text = await page.locator("main").innerText();
    assert.ok(text.includes('</script><img src=x onerror="window.broken=1"><b>bold</b> \\u{1b}[31mred\\u{202e} <!--'));
    assert.equal(/[\u001b\u202e]/.test(text), false);
    await close();
  },

  async "hostile texts of the tool's own report are shown as text"() {
    const old = join(into, "hostile.json");
    writeFileSync(old, JSON.stringify(fixture.hostile()));
    const file = realReport("hostile-against.html", "--against", old);
    assert.equal(readFileSync(file, "utf8").includes("<img"), false);
    const { page, close } = await open(file);
    assert.equal(await page.locator("main img, main b").count(), 0);
    await close();
  },

  async "the report of a job has its runs, drawn, and its failures, also of the tool's own"() {
    const list = join(into, "job.txt");
    const records = join(into, "job.jsonl");
    writeFileSync(list, Array.from({ length: 40 }, () => "http://127.0.0.1:1/").join("\n") + "\n");
    const fetched = spawnSync(tool, ["fetch", "-q", "-i", list, "-o", records, "--restart"], { encoding: "utf8" });
    assert.equal(fetched.status, 1, fetched.stderr);
    const real = join(into, "job-real.html");
    const made = spawnSync(tool, ["job", "report", records, "--html", real], { encoding: "utf8" });
    assert.equal(made.status, 0, made.stderr);
    for (const [file, runs] of [[write("job.html", fixture.job()), 2], [real, 1], [write("job-hostile.html", fixture.job('</script><img src=x onerror="window.broken=1">\u202e')), 2]]) {
      for (const colorScheme of ["light", "dark"]) {
        const { page, close } = await open(file, { colorScheme, viewport: { width: colorScheme === "dark" ? 380 : 1280, height: 900 } });
        assert.equal(await page.locator("section.run").count(), runs);
        assert.equal(await page.getByRole("heading", { name: "Rate" }).count(), runs);
        assert.equal(await page.getByRole("heading", { name: "In flight" }).count(), runs);
        assert.equal(await page.getByRole("heading", { name: "Failures", exact: true }).count(), 1);
        await settled(page);
        for (const path of await page.locator("path.curve.measured").all()) assert.match(await path.getAttribute("d"), /^M[\d.]+,[\d.]+(L|Z)/);
        assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= (colorScheme === "dark" ? 380 : 1280));
        assert.equal(await page.locator("main img").count(), 0);
        await page.screenshot({ path: join(into, `job-${colorScheme}.png`), fullPage: true });
        await close();
      }
    }
  },

  async "printed, it is on paper as in light"() {
    const { page, close } = await open(write("print.html", fixture.small()), { colorScheme: "dark" });
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    await settled(page);
    assert.equal(await page.locator(".toolbar").first().isVisible(), false);
    const corner = await page.$eval(".strip canvas", (canvas) => [...canvas.getContext("2d").getImageData(canvas.width - 3, 2, 1, 1).data]);
    assert.deepEqual(corner, [255, 255, 255, 255]);
    await close();
  },

  async "on paper nothing is wider than the page"() {
    // A4 with margins of 1 cm, at 96 pixels an inch.
    const width = 718;
    const { page, close } = await open(write("paper.html", fixture.small()), { viewport: { width, height: 1000 } });
    await page.emulateMedia({ media: "print" });
    await page.pdf({ path: join(into, "paper.pdf"), format: "A4", margin: { top: "1cm", bottom: "1cm", left: "1cm", right: "1cm" } });
    const wide = await page.$$eval("main *", (all, most) => all.filter((each) => each.getBoundingClientRect().right > most + 1 && getComputedStyle(each).visibility !== "hidden").map((each) => `${each.tagName}.${each.className.baseVal ?? each.className}`), width);
    assert.deepEqual(wide, []);
    for (const figure of await page.locator("svg.chart").all()) assert.ok(await figure.isVisible());
    await close();
  },

  async "a screen reader finds a name on everything, and headings in order"() {
    for (const width of [380, 1280]) {
      const { page, close } = await open(write("spoken.html", fixture.small(), fixture.small()), { viewport: { width, height: 800 } });
      const session = await page.context().newCDPSession(page);
      const { nodes } = await session.send("Accessibility.getFullAXTree");
      const heard = nodes.filter((node) => !node.ignored);
      const named = ["image", "img", "button", "link", "region", "textbox", "combobox", "checkbox", "columnheader", "heading"];
      const silent = heard.filter((node) => named.includes(node.role?.value) && !node.name?.value && !(node.role.value === "columnheader" && node.childIds?.length === 0));
      assert.deepEqual(silent.map((node) => node.role.value), [], `${width}`);
      assert.equal(heard.filter((node) => node.role?.value === "main").length, 1);
      assert.ok(await page.$eval("html", (html) => html.lang) === "en");
      const levels = heard.filter((node) => node.role?.value === "heading").map((node) => node.properties.find((each) => each.name === "level").value.value);
      assert.equal(levels.filter((level) => level === 1).length, 1);
      levels.forEach((level, at) => assert.ok(at === 0 || level <= levels[at - 1] + 1, `heading ${at} is of level ${level} after ${levels[at - 1]}`));
      const images = heard.filter((node) => /^ima?ge?$|^img$/.test(node.role?.value ?? ""));
      assert.ok(images.length >= 4);
      // What a figure shows is in its name: a figure, with its unit.
      for (const each of images) assert.match(each.name.value, /\d/, each.name.value);
      await close();
    }
  },

  async "text stands out from what is behind it, in light, dark and on paper"() {
    for (const [media, colorScheme] of [["screen", "light"], ["screen", "dark"], ["print", "light"]])
      for (const width of [380, 1280]) {
        const { page, close } = await open(write("contrast.html", fixture.small(), fixture.small()), { viewport: { width, height: 800 }, colorScheme });
        await page.emulateMedia({ media, colorScheme });
        await settled(page);
        const faint = await page.evaluate(() => {
          const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
          const over = (colour, below) => {
            canvas.fillStyle = `rgb(${below.join(" ")})`;
            canvas.fillRect(0, 0, 1, 1);
            canvas.fillStyle = colour;
            canvas.fillRect(0, 0, 1, 1);
            return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
          };
          const ground = (element) => (element ? over(getComputedStyle(element).backgroundColor, ground(element.parentElement)) : [255, 255, 255]);
          const light = (rgb) => {
            const [r, g, b] = rgb.map((each) => (each / 255 <= 0.04045 ? each / 255 / 12.92 : ((each / 255 + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const found = [];
          const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
          while (texts.nextNode()) {
            const element = texts.currentNode.parentElement;
            const style = getComputedStyle(element);
            if (!texts.currentNode.data.trim() || !element.checkVisibility({ visibilityProperty: true }) || element.closest("svg")) continue;
            const behind = ground(element);
            const [dark, bright] = [light(over(style.color, behind)), light(behind)].sort((a, b) => a - b);
            const ratio = (bright + 0.05) / (dark + 0.05);
            if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${element.tagName}.${element.className}: ${texts.currentNode.data.slice(0, 40)}`);
          }
          return found;
        });
        assert.deepEqual(faint, [], `${media} ${colorScheme} ${width}`);
        await close();
      }
  },

  async "in a narrow window the text of a figure is as large as in a wide one"() {
    for (const width of [380, 1280]) {
      const { page, close } = await open(write("letters.html", fixture.small()), { viewport: { width, height: 800 } });
      await settled(page);
      const scales = await page.$$eval("svg.chart", (all) => all.map((svg) => svg.getBoundingClientRect().width / svg.viewBox.baseVal.width));
      assert.ok(scales.length >= 4 && scales.every((scale) => scale > 0.97 && scale < 1.05), `${width}: ${scales}`);
      await close();
    }
  },

  async "a narrow window needs no scrolling sideways"() {
    const { page, close } = await open(write("narrow.html", fixture.hostile()), { viewport: { width: 380, height: 800 } });
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 380);
    await close();
  },
};

let passed = 0;
let failed = 0;
for (const [name, run] of Object.entries(tests)) {
  try {
    await run();
    passed++;
    console.log(`ok      ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}\n${error.stack}`);
  }
}
await browser.close();
for (const leftover of ["fixture.mjs"]) rmSync(join(into, leftover));
console.log(`page: ${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
