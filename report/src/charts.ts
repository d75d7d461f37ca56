// The small figures: how much faster, and what it cost.

import { axisBottom, axisLeft } from "d3-axis";
import { scaleBand, scaleLinear, scaleLog, type ScaleContinuousNumeric } from "d3-scale";
import { type Selection } from "d3-selection";
import { line } from "d3-shape";
import { figure, plainTable } from "./dom.ts";
import { drawing, wrapped, type Svg } from "./drawing.ts";
import { count, digits, percent, seconds, times, visible } from "./format.ts";
import { nameOf, succeeded, type Row, type Workload } from "./model.ts";

const kindOf = (row: Row): string => (row.engine === "fanout" ? "ours" : "theirs");

export function speedupFigure(workload: Workload, cores: number | undefined): HTMLElement | null {
  const rows = workload.rows.filter((row) => succeeded(row) && row.speedup != null);
  if (rows.length === 0) return null;
  const width = 560;
  const tall = 26;
  const left = 170;
  const height = rows.length * tall + 46;
  const most = Math.max(...rows.map((row) => row.speedup!), 1) * 1.12;
  const x = scaleLinear([0, most], [left, width - 60]).nice(5);
  const names = rows.map((_, at) => String(at));
  const y = scaleBand(names, [4, rows.length * tall + 4]).padding(0.25);
  const svg = drawing(width, height, `Speed-up: ${rows.map((row) => `${nameOf(row)} ${times(row.speedup)}`).join(", ")}`);
  rows.forEach((row, at) => {
    const top = y(String(at))!;
    const bar = svg.append("g").attr("class", `bar ${kindOf(row)}${row.shape === workload.best && row.engine === "fanout" ? " best" : ""}`);
    bar.append("title").text(visible(`${nameOf(row)}: ${times(row.speedup)}, ${seconds(row.wall_s)}`));
    bar.append("rect").attr("x", left).attr("y", top).attr("height", y.bandwidth()).attr("width", x(row.speedup!) - left);
    bar.append("text").attr("class", "name").attr("x", left - 8).attr("y", top + y.bandwidth() / 2).text(cut(nameOf(row), 26));
    bar.append("text").attr("x", x(row.speedup!) + 6).attr("y", top + y.bandwidth() / 2).text(times(row.speedup));
  });
  svg
    .append("g")
    .attr("transform", `translate(0,${rows.length * tall + 6})`)
    .call(axisBottom(x).ticks(6).tickFormat((value) => `${value}×`));
  const one = svg.append("g").attr("class", "reference");
  one.append("line").attr("x1", x(1)).attr("x2", x(1)).attr("y1", 0).attr("y2", rows.length * tall + 6);
  svg.append("text").attr("class", "axis-name").attr("x", width - 60).attr("y", height - 6).attr("text-anchor", "end")
    .text("times as fast as one after another");
  const limit = workload.kind === "CPU-bound" && cores ? ` Work that computes cannot gain more than the ${count(cores)} cores of this machine.` : "";
  return figure(
    "How much faster",
    `Longer is better. The line at 1 × is the plain loop, sync, in the same language.${limit}`,
    [wrapped(svg)],
    plainTable(
      ["shape", "speed-up", "time", "share of the lower bound"],
      rows.map((row) => [nameOf(row), times(row.speedup), seconds(row.wall_s), percent(row.of_bound)]),
    ),
  );
}

const cut = (name: string, most: number): string => {
  const shown = visible(name);
  return shown.length <= most ? shown : `${shown.slice(0, most - 1)}…`;
};

/** A scale that shows small and large alike where they differ by more than a factor of 20. */
function spread(values: number[], range: [number, number]): ScaleContinuousNumeric<number, number> {
  const positive = values.filter((value) => value > 0);
  const least = Math.min(...positive);
  const most = Math.max(...positive);
  if (positive.length > 1 && most / least > 20) return scaleLog([least / 1.6, most * 1.6], range);
  return scaleLinear([0, Math.max(most, 1e-9) * 1.15], range).nice();
}

export function costFigure(workload: Workload, cores: number | undefined): HTMLElement | null {
  const rows = workload.rows.filter((row) => succeeded(row) && row.cpu_s != null && row.cpu_s > 0);
  if (rows.length === 0) return null;
  const [width, height, left, bottom] = [560, 330, 66, 44];
  const x = spread(rows.map((row) => row.wall_s!), [left, width - 20]);
  const y = spread(rows.map((row) => row.cpu_s!), [height - bottom, 14]);
  const svg = drawing(
    width,
    height,
    `CPU against time: ${rows.map((row) => `${nameOf(row)} took ${seconds(row.wall_s)} and ${seconds(row.cpu_s)} of CPU`).join("; ")}`,
  );
  svg.append("g").attr("transform", `translate(0,${height - bottom})`)
    .call(axisBottom(x).tickValues(someTicks(x)).tickFormat((value) => shortSeconds(Number(value))));
  svg.append("g").attr("transform", `translate(${left},0)`)
    .call(axisLeft(y).tickValues(someTicks(y)).tickFormat((value) => shortSeconds(Number(value))));
  svg.append("text").attr("class", "axis-name").attr("x", width - 20).attr("y", height - 8).attr("text-anchor", "end").text("time it took →");
  svg.append("text").attr("class", "axis-name").attr("x", left + 8).attr("y", 12).text("↑ CPU time it used");
  coreLines(svg, x, y, cores);
  const taken: { x: number; y: number; w: number }[] = [];
  for (const row of rows) {
    const at = { x: x(row.wall_s!), y: y(row.cpu_s!) };
    const point = svg.append("g").attr("class", `point ${kindOf(row)}`);
    point.append("title").text(visible(`${nameOf(row)}: ${seconds(row.wall_s)}, ${seconds(row.cpu_s)} of CPU`));
    if (row.engine === "fanout") point.append("circle").attr("cx", at.x).attr("cy", at.y).attr("r", 5.5);
    else point.append("rect").attr("x", at.x - 5).attr("y", at.y - 5).attr("width", 10).attr("height", 10);
    label(point, cut(nameOf(row), 30), at, width, height - bottom, taken);
  }
  return figure(
    "What it cost",
    "Left is faster, low is cheaper. A point on the line “1 core busy” kept one core busy all the time; far below it the " +
      "run mostly waited.",
    [wrapped(svg)],
    plainTable(
      ["shape", "time", "CPU", "cores busy"],
      rows.map((row) => [nameOf(row), seconds(row.wall_s), seconds(row.cpu_s), row.cores_used == null ? "–" : digits(row.cores_used)]),
    ),
  );
}

const shortSeconds = (value: number): string => {
  if (value === 0) return "0";
  return value < 1 ? `${Number((value * 1e3).toPrecision(3))} ms` : `${Number(value.toPrecision(3))} s`;
};

type Scale = ScaleContinuousNumeric<number, number>;

/** At most a handful: a logarithmic scale would give nine for every power of ten. */
function someTicks(scale: Scale): number[] {
  let ticks = scale.ticks(5);
  if (ticks.length > 7) ticks = ticks.filter((value) => /^[125]/.test(value.toExponential()));
  if (ticks.length > 7) ticks = ticks.filter((value) => value.toExponential().startsWith("1e"));
  return ticks;
}

function coreLines(svg: Svg, x: Scale, y: Scale, cores: number | undefined): void {
  const [x0, x1] = x.domain() as [number, number];
  const [y0, y1] = y.domain() as [number, number];
  for (const busy of new Set([1, cores ?? 1])) {
    const points: [number, number][] = [];
    for (let step = 0; step <= 60; step++) {
      const time = x0 > 0 ? x0 * (x1 / x0) ** (step / 60) : (x1 * step) / 60;
      if (time * busy >= y0 && time * busy <= y1) points.push([x(time), y(time * busy)]);
    }
    const last = points.at(-1);
    if (!last || points.length < 2) continue;
    svg.append("path").attr("class", "reference").attr("fill", "none").attr("d", line()(points));
    const narrow = last[0] < 150;
    svg.append("text").attr("class", "axis-name").attr("x", last[0] + (narrow ? 8 : -4)).attr("y", last[1] + 14)
      .attr("text-anchor", narrow ? "start" : "end")
      .text(busy === 1 ? "1 core busy" : `${busy} cores busy`);
  }
}

/** Beside its point, at the first of a few places that no other label has. */
function label(
  on: Selection<SVGGElement, unknown, null, undefined>,
  text: string,
  at: { x: number; y: number },
  right: number,
  bottom: number,
  taken: { x: number; y: number; w: number }[],
): void {
  const w = text.length * 6.4;
  const places: { x: number; y: number }[] = [];
  for (const rise of [0, -13, 13, -26, 26, -39, 39, -52, 52, -65, -78]) {
    if (at.x + 10 + w < right) places.push({ x: at.x + 10, y: at.y + rise });
    if (at.x - 10 - w > 70) places.push({ x: at.x - 10 - w, y: at.y + rise });
  }
  const free = places.find(
    (place) =>
      place.y > 20 && place.y < bottom - 6 &&
      taken.every((other) => Math.abs(other.y - place.y) >= 13 || other.x > place.x + w || place.x > other.x + other.w),
  ) ?? places[0];
  if (!free) return;
  taken.push({ ...free, w });
  if (Math.abs(free.y - at.y) > 13)
    on.append("line").attr("class", "leader").attr("x1", at.x).attr("y1", at.y)
      .attr("x2", free.x > at.x ? free.x - 2 : free.x + w + 2).attr("y2", free.y);
  on.append("text").attr("x", free.x).attr("y", free.y).text(text);
}
