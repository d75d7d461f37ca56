// The small figures: how much faster, and what it cost.

import { axisBottom, axisLeft } from "d3-axis";
import { scaleBand, scaleLinear, scaleLog } from "d3-scale";
import type { Selection } from "d3-selection";
import { line } from "d3-shape";
import { figure, plainTable } from "./dom.ts";
import { axisName, cut, fitted, letter, type Scale, type Svg } from "./drawing.ts";
import { digits, percent, plural, seconds, shortSeconds, times, visible } from "./format.ts";
import { nameOf, succeeded, type Row, type Workload } from "./model.ts";

type Counted = Row & { wall_s: number };

const kindOf = (row: Row): string => (row.engine === "fanout" ? "ours" : "theirs");

export function speedupFigure(workload: Workload, cores: number | undefined): HTMLElement | null {
  const rows = workload.rows.filter((row) => succeeded(row) && row.speedup != null);
  if (rows.length === 0) return null;
  const tall = rows.length <= 6 ? 38 : 27;
  const height = rows.length * tall + 50;
  const most = Math.max(...rows.map((row) => row.speedup!), 1);
  const longest = Math.max(...rows.map((row) => nameOf(row).length));
  const y = scaleBand(rows.map((_, at) => String(at)), [4, rows.length * tall + 4]).padding(0.25);
  const picture = fitted(`Speed-up: ${rows.map((row) => `${nameOf(row)} ${times(row.speedup)}`).join(", ")}`, (svg, width) => {
    const left = Math.min(longest * letter + 14, width * 0.4);
    const x = scaleLinear([0, most], [left, width - 60]);
    const classOf = (row: Row): string => `bar ${kindOf(row)}${row.shape === workload.best && row.engine === "fanout" ? " best" : ""}`;
    rows.forEach((row, at) => {
      const bar = svg.append("g").attr("class", classOf(row));
      bar.append("title").text(visible(`${nameOf(row)}: ${times(row.speedup)}, ${seconds(row.wall_s)}`));
      bar.append("rect").attr("x", left).attr("y", y(String(at))!).attr("height", y.bandwidth()).attr("width", x(row.speedup!) - left);
    });
    svg.append("line").attr("class", "reference").attr("x1", x(1)).attr("x2", x(1)).attr("y1", 0).attr("y2", rows.length * tall + 6);
    rows.forEach((row, at) => {
      const middle = y(String(at))! + y.bandwidth() / 2;
      svg.append("text").attr("x", left - 8).attr("y", middle).attr("text-anchor", "end").text(cut(nameOf(row), (left - 10) / letter));
      svg.append("text").attr("x", x(row.speedup!) + 6).attr("y", middle).text(times(row.speedup));
    });
    const ticks = Math.max(2, Math.floor((width - left) / 60));
    svg
      .append("g")
      .attr("transform", `translate(0,${rows.length * tall + 6})`)
      .call(axisBottom(x).ticks(ticks).tickFormat((value) => `${value}×`));
    axisName(svg, "times as fast as one after another", width - 60, height - 7, "end");
    return height;
  });
  const above = cores ? rows.filter((row) => row.speedup! > cores * 1.005).map(nameOf) : [];
  const limit =
    workload.kind === "CPU-bound" && cores
      ? ` Computing cannot gain more than the ${plural(cores, "core")} of this machine allow, ${times(cores)}` +
        (above.length > 0 ? `; a larger figure (${above.join(", ")}) is measurement noise in the run of sync.` : ".")
      : "";
  return figure(
    "How much faster",
    "How many times as fast is each shape as one task after another?",
    `Longer is better. The line at 1 × is the plain loop, sync, in the same language.${limit}`,
    [picture],
    plainTable(
      ["shape", "speed-up", "time", "share of the lower bound"],
      rows.map((row) => [nameOf(row), times(row.speedup), seconds(row.wall_s), percent(row.of_bound)]),
    ),
  );
}

/** Whether they differ by so much that the small ones would be on top of each other. */
const farApart = (values: number[]): boolean => Math.max(...values) / Math.min(...values) > 20;

/** A scale that shows small and large alike where they are far apart. */
function spread(values: number[], range: [number, number]): Scale {
  const most = Math.max(...values);
  if (farApart(values)) return scaleLog([Math.min(...values) / 1.6, most * 1.6], range);
  return scaleLinear([0, Math.max(most, 1e-9) * 1.15], range).nice();
}

export function costFigure(workload: Workload, cores: number | undefined): HTMLElement | null {
  const rows = workload.rows.filter((row): row is Counted => succeeded(row) && row.wall_s > 0 && row.cpu_s != null && row.cpu_s > 0);
  if (rows.length === 0) return null;
  const [height, left, bottom] = [330, 66, 44];
  const walls = rows.map((row) => row.wall_s);
  const used = rows.map((row) => row.cpu_s!);
  const label = `CPU against time: ${rows.map((row) => `${nameOf(row)} took ${seconds(row.wall_s)} and ${seconds(row.cpu_s)} of CPU`).join("; ")}`;
  let lines = 0;
  const picture = fitted(label, (svg, width) => {
    const x = spread(walls, [left, width - 20]);
    const y = spread(used, [height - bottom, 22]);
    svg.append("g").attr("transform", `translate(0,${height - bottom})`)
      .call(axisBottom(x).tickValues(someTicks(x, width < 420 ? 4 : 7)).tickFormat((value) => shortSeconds(Number(value))));
    svg.append("g").attr("transform", `translate(${left},0)`)
      .call(axisLeft(y).tickValues(someTicks(y, 7)).tickFormat((value) => shortSeconds(Number(value))));
    axisName(svg, "time it took →", width - 20, height - 7, "end");
    axisName(svg, "↑ CPU time it used", left - 58, 8, "start");
    lines = coreLines(svg, x, y, cores);
    const places = rows.map((row) => ({ x: x(row.wall_s), y: y(row.cpu_s!) }));
    const taken: Box[] = places.map((at) => ({ x: at.x - 8, y: at.y, w: 16 }));
    const points = rows.map((row, number) => {
      const at = places[number]!;
      const point = svg.append("g").attr("class", `point ${kindOf(row)}`);
      point.append("title").text(visible(`${nameOf(row)}: ${seconds(row.wall_s)}, ${seconds(row.cpu_s)} of CPU`));
      if (row.engine === "fanout") point.append("circle").attr("cx", at.x).attr("cy", at.y).attr("r", 5.5);
      else point.append("rect").attr("x", at.x - 5).attr("y", at.y - 5).attr("width", 10).attr("height", 10);
      return point;
    });
    points.forEach((point, number) => nameBeside(point, cut(nameOf(rows[number]!), 30), places[number]!, { right: width, bottom: height - bottom }, taken));
    return height;
  });
  const idle = rows.every((row) => row.cpu_s! < row.wall_s / 2);
  const reading = [
    "Left is faster, low is cheaper.",
    lines > 0
      ? "A point on the line “1 core busy” kept one core busy all the time; a point far below it mostly waited."
      : idle && "No shape kept even one core busy: all of them mostly waited.",
    (farApart(walls) || farApart(used)) && "An axis without a 0 is logarithmic.",
  ];
  return figure(
    "What it cost",
    "How much CPU time did each shape use, and how long did it take?",
    reading.filter(Boolean).join(" "),
    [picture],
    plainTable(
      ["shape", "time", "CPU", "cores busy"],
      rows.map((row) => [nameOf(row), seconds(row.wall_s), seconds(row.cpu_s), row.cores_used == null ? "–" : digits(row.cores_used)]),
    ),
  );
}

/** `most` at most: a logarithmic scale would give nine for every power of ten. */
function someTicks(scale: Scale, most: number): number[] {
  let ticks = scale.ticks(most - 2);
  if (ticks.length > most) ticks = ticks.filter((value) => /^[125]/.test(value.toExponential()));
  if (ticks.length > most) ticks = ticks.filter((value) => value.toExponential().startsWith("1e"));
  return ticks;
}

/** Where one core, and all of them, were busy all the time. Returns how many of these lines can be seen. */
function coreLines(svg: Svg, x: Scale, y: Scale, cores: number | undefined): number {
  const [x0, x1] = x.domain() as [number, number];
  const [y0, y1] = y.domain() as [number, number];
  let seen = 0;
  for (const busy of new Set([1, cores ?? 1])) {
    const points: [number, number][] = [];
    for (let step = 0; step <= 200; step++) {
      const time = x0 > 0 ? x0 * (x1 / x0) ** (step / 200) : (x1 * step) / 200;
      if (time * busy >= y0 && time * busy <= y1) points.push([x(time), y(time * busy)]);
    }
    const last = points.at(-1);
    const before = points.at(-12) ?? points[0];
    if (!last || !before || points.length < 12) continue;
    seen++;
    svg.append("path").attr("class", "reference").attr("fill", "none").attr("d", line()(points));
    const slope = (Math.atan2(last[1] - before[1], last[0] - before[0]) * 180) / Math.PI;
    svg.append("text").attr("class", "axis-name").attr("text-anchor", "end").attr("dy", -7)
      .attr("transform", `translate(${last[0]},${last[1]}) rotate(${slope})`)
      .text(busy === 1 ? "1 core busy" : `${busy} cores busy`);
  }
  return seen;
}

interface Box {
  x: number;
  y: number; // its middle
  w: number;
}

/** Beside its point, at the first of a few places that nothing else has. */
function nameBeside(
  on: Selection<SVGGElement, unknown, null, undefined>,
  text: string,
  at: { x: number; y: number },
  within: { right: number; bottom: number },
  taken: Box[],
): void {
  const w = text.length * letter;
  const places: { x: number; y: number }[] = [];
  for (const rise of [0, -14, 14, -28, 28, -42, 42, -56, 56, -70, 70, -84, 84]) {
    if (at.x + 10 + w < within.right) places.push({ x: at.x + 10, y: at.y + rise });
    if (at.x - 10 - w > 70) places.push({ x: at.x - 10 - w, y: at.y + rise });
  }
  const free = places.find(
    (place) =>
      place.y > 26 && place.y < within.bottom - 8 &&
      taken.every((other) => Math.abs(other.y - place.y) >= 13 || other.x > place.x + w || place.x > other.x + other.w),
  ) ?? places[0];
  if (!free) return;
  taken.push({ ...free, w });
  if (Math.abs(free.y - at.y) > 14)
    on.append("line").attr("class", "leader").attr("x1", at.x).attr("y1", at.y)
      .attr("x2", free.x > at.x ? free.x - 2 : free.x + w + 2).attr("y2", free.y);
  on.append("text").attr("x", free.x).attr("y", free.y).text(text);
}
