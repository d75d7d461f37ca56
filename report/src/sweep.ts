// How the work grows with the number of places.

import { axisBottom, axisLeft } from "d3-axis";
import { scaleLinear, scaleLog } from "d3-scale";
import { line } from "d3-shape";
import { el, figure, plainTable } from "./dom.ts";
import { drawing, wrapped } from "./drawing.ts";
import { count, digits, percent, seconds, times, visible } from "./format.ts";
import { amdahl, usl, type Sweep } from "./model.ts";

/** Speed-up against the number of places, with the two laws fitted to it. */
export function sweepFigure(sweep: Sweep): HTMLElement | null {
  const points = sweep.points.filter((point) => point.speedup > 0);
  if (points.length === 0) return null;
  const [width, height, left, bottom] = [560, 330, 50, 44];
  const most = Math.max(...points.map((point) => point.n));
  const highest = Math.max(...points.map((point) => point.speedup), 1);
  const x = scaleLog([1, Math.max(most, 2)], [left, width - 20]).base(2);
  const y = scaleLinear([0, highest * 1.25], [height - bottom, 14]).nice();
  const svg = drawing(width, height, `Speed-up of ${sweep.shape}: ${points.map((point) => `${point.n}: ${times(point.speedup)}`).join(", ")}`);
  svg.append("g").attr("transform", `translate(0,${height - bottom})`)
    .call(axisBottom(x).tickValues(points.map((point) => point.n)).tickFormat((value) => String(value)));
  svg.append("g").attr("transform", `translate(${left},0)`).call(axisLeft(y).ticks(6).tickFormat((value) => `${value}×`));
  svg.append("text").attr("class", "axis-name").attr("x", width - 20).attr("y", height - 8).attr("text-anchor", "end")
    .text(visible(`${sweep.shape}: how many →`));
  const curve = (of: (n: number) => number, kind: string): void => {
    const along: [number, number][] = [];
    for (let step = 0; step <= 80; step++) {
      const n = most ** (step / 80);
      if (of(n) <= y.domain()[1]!) along.push([x(n), y(of(n))]);
    }
    svg.append("path").attr("class", `curve ${kind}`).attr("fill", "none").attr("d", line()(along));
  };
  const facts: string[] = [];
  curve((n) => n, "ideal");
  if (sweep.amdahl) {
    const serial = sweep.amdahl.serial_share;
    curve((n) => amdahl(serial, n), "amdahl");
    facts.push(`By Amdahl's law ${percent(serial)} of the work cannot be shared out.`);
  }
  if (sweep.usl) {
    const { contention, coherency, peak_n } = sweep.usl;
    curve((n) => usl(contention, coherency, n), "usl");
    facts.push(
      `By the universal scalability law places lose ${percent(contention)} to waiting for each other and ${percent(coherency)} ` +
        `to keeping each other up to date${peak_n ? `; ${digits(peak_n)} is the most that helps` : ""}.`,
    );
  }
  if (sweep.stops_paying_at) facts.push(`More than ${count(sweep.stops_paying_at)} stopped paying.`);
  svg.append("path").attr("class", "curve measured").attr("fill", "none")
    .attr("d", line()(points.map((point): [number, number] => [x(point.n), y(point.speedup)])));
  for (const point of points) {
    const dot = svg.append("g").attr("class", "point ours");
    dot.append("circle").attr("cx", x(point.n)).attr("cy", y(point.speedup)).attr("r", 5);
    dot.append("title").text(`${point.n}: ${times(point.speedup)}, ${seconds(point.wall_s)}`);
  }
  const key = (kind: string, text: string): HTMLElement => el("li", {}, el("span", { class: `stroke ${kind}`, "aria-hidden": "true" }), text);
  return figure(
    `How it grows: ${sweep.shape}`,
    `Each point is the same work with twice the places. On the straight law of “ideal” twice the places are twice as fast. ${facts.join(" ")}`,
    [
      el("ul", { class: "legend" }, key("measured", "measured"), key("ideal", "ideal"), sweep.amdahl ? key("amdahl", "Amdahl's law") : null, sweep.usl ? key("usl", "universal scalability law") : null),
      wrapped(svg),
    ],
    plainTable([sweep.shape, "time", "speed-up"], points.map((point) => [count(point.n), seconds(point.wall_s), times(point.speedup)])),
  );
}
