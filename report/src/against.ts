// This report compared with an older one.

import { el, figure, plainTable } from "./dom.ts";
import { percent, seconds, visible } from "./format.ts";
import { nameOf, succeeded, type Report, type Row, type Workload } from "./model.ts";

interface Pair {
  name: string;
  before: Row | null;
  now: Row | null;
}

export function pairUp(before: Workload, now: Workload): Pair[] {
  const pairs: Pair[] = now.rows.map((row) => ({ name: nameOf(row), before: null, now: row }));
  for (const row of before.rows) {
    const pair = pairs.find((each) => each.name === nameOf(row));
    if (pair) pair.before = row;
    else pairs.push({ name: nameOf(row), before: row, now: null });
  }
  return pairs;
}

/** What became of a row, in words; differences within `noise` are none. */
export function change(pair: Pair, noise: number): string {
  if (!pair.before) return "new";
  if (!pair.now) return "gone";
  if (!succeeded(pair.before) || !succeeded(pair.now)) return "not comparable";
  const ratio = pair.now.wall_s / pair.before.wall_s;
  if (Math.abs(ratio - 1) <= noise) return `the same (within ${percent(noise)})`;
  return ratio < 1 ? `${percent(1 - ratio)} less time` : `${percent(ratio - 1)} more time`;
}

const wallOf = (row: Row | null): number => (row && succeeded(row) ? row.wall_s : 0);

export function againstFigure(before: Report, now: Workload, name: string): HTMLElement | null {
  const old = before.workloads.find((each) => each.name === now.name);
  if (!old) return null;
  const pairs = pairUp(old, now);
  const noise = Math.max(now.noise ?? 0, old.noise ?? 0, 0.02);
  const most = Math.max(...pairs.flatMap((pair) => [wallOf(pair.before), wallOf(pair.now)]), 1e-9);
  const bar = (kind: string, row: Row | null): HTMLElement => {
    const drawn = el("span", { class: `measure ${kind}` });
    drawn.style.width = `${(wallOf(row) / most) * 100}%`;
    return el("span", { class: "measured" }, el("span", { class: "track" }, drawn), row && succeeded(row) ? seconds(row.wall_s) : "–");
  };
  const lines = pairs.map((pair) =>
    el("div", { class: "pair" }, el("strong", {}, pair.name), el("div", {}, bar("before", pair.before), bar("now", pair.now)), el("span", {}, change(pair, noise))),
  );
  const other = old.tasks !== now.tasks ? ` Note: ${old.tasks} tasks then, ${now.tasks} now.` : "";
  return figure(
    "Then and now",
    "What has changed since the older report?",
    `For each shape the upper bar is the older report (${visible(name)}), the lower one this report; shorter is better.${other}`,
    [el("div", { class: "pairs", role: "img", "aria-label": visible(pairs.map((pair) => `${pair.name}: ${change(pair, noise)}`).join("; ")) }, ...lines)],
    plainTable(
      ["shape", "then", "now", "change"],
      pairs.map((pair) => [pair.name, seconds(pair.before?.wall_s), seconds(pair.now?.wall_s), change(pair, noise)]),
    ),
  );
}
