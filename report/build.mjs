// Bundles src/ into page.html, the one file that the tool carries. With --check: fails where page.html differs from
// what the sources make.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const here = (name) => new URL(name, import.meta.url);
const options = { absWorkingDir: here(".").pathname, bundle: true, minify: true, write: false, charset: "ascii", legalComments: "none", target: "es2022" };
const bundled = async (entry, more) => (await build({ ...options, entryPoints: [entry], ...more })).outputFiles[0].text.trim();

const licences = ["d3-array", "d3-axis", "d3-color", "d3-format", "d3-interpolate", "d3-path", "d3-scale", "d3-selection", "d3-shape", "d3-time", "d3-time-format"];
const banner = `/*! Contains ${licences.join(", ")}: copyright Mike Bostock, ISC licence. */`;
const script = `${banner}${await bundled("src/main.ts", { format: "iife" })}`;
const style = await bundled("src/style.css");
const hash = (text) => `sha256-${createHash("sha256").update(text).digest("base64")}`;

const parts = { style, script, "style-hash": hash(style), "script-hash": hash(script) };
// The tool fills in what is left: {{about}}, {{report}} and {{before}}.
const page = readFileSync(here("src/page.html"), "utf8").replace(/\{\{([a-z-]+)\}\}/g, (whole, name) => parts[name] ?? whole);
if (/<\/script/i.test(script)) throw new Error("the script would end its element");

const file = here("page.html");
if (process.argv.includes("--check")) {
  let present = "";
  try {
    present = readFileSync(file, "utf8");
  } catch {}
  if (present !== page) {
    console.error("report/page.html:1: is not what report/src makes; run ./dev report");
    process.exit(1);
  }
} else {
  writeFileSync(file, page);
  console.log(`report/page.html: ${page.length} bytes`);
}
