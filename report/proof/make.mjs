// A page with `report` in it, as the tool makes one.
import { readFileSync } from "node:fs";

const template = readFileSync(new URL("../page.html", import.meta.url), "utf8");
const inert = (value) => (value === null ? "" : JSON.stringify(value).replaceAll("<", "\\u003c"));

export const pageOf = (report, before = null, about = { command: "fanout compare --html report.html", version: "0" }) =>
  template
    .replace("{{about}}", () => inert(about))
    .replace("{{report}}", () => inert(report))
    .replace("{{before}}", () => inert(before));
