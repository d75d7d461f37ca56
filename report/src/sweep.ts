// How the work grows with the number of places.

import { axisBottom, axisLeft } from "d3-axis";
import { scaleLog } from "d3-scale";
import { line } from "d3-shape";
import { el, figure, plainTable } from "./dom.ts";
import { axisName, fitted, type Svg } from "./drawing.ts";
import { count, digits, percent, seconds, times, visible } from "./format.ts";
import { amdahl, usl, type Sweep } from "./model.ts";

/** What the curve says, a sentence each. */
export function factsOf(sweep: Sweep): string[] {
  const facts: string[] = [];
  if (sweep.doubt) facts.push(`Cannot tell how it scales: ${sweep.doubt}.`);
  const last = sweep.points.at(-1)?.n;
  if (sweep.stops_paying_at)
    facts.push(
      sweep.stops_paying_at === last
        ? `More still pays at ${count(last)}, the largest count measured.`
        : sweep.stops_paying_at === 1
          ? "More than 1 does not pay: it is not faster."
          : `It pays up to ${count(sweep.stops_paying_at)}; more is not faster.`,
    );
  if (sweep.amdahl)
    facts.push(
      `Amdahl's law (a part of the work is always serial) fits best with a serial part of ${percent(sweep.amdahl.serial_share)}.`,
    );
  if (sweep.usl) {
    const { contention, coherency, peak_n } = sweep.usl;
    facts.push(
      `The universal scalability law adds the cost of waiting for each other (contention) and of keeping data consistent ` +
        `(coherency). It fits best with ${percent(contention)} and ${percent(coherency)}` +
        `${peak_n ? `; its maximum is at ${digits(Math.max(peak_n, 1))}` : ""}.`,
    );
  }
  return facts;
}

function draw(svg: Svg, width: number, sweep: Sweep): number {
  const points = sweep.points.filter((point) => point.speedup > 0);
  const [height, left, bottom] = [330, 50, 44];
  const most = Math.max(...points.map((point) => point.n), 2);
  const speedups = points.map((point) => point.speedup);
  const x = scaleLog([1, most], [left, width - 20]).base(2);
  const y = scaleLog([Math.min(...speedups, 1) / 1.15, Math.max(...speedups, 1.6) * 1.25], [height - bottom, 22]).base(2);
  const [low, high] = y.domain() as [number, number];
  const powers: number[] = [];
  for (let power = 2 ** Math.ceil(Math.log2(low)); power <= high; power *= 2) powers.push(power);
  svg.append("g").attr("transform", `translate(0,${height - bottom})`)
    .call(axisBottom(x).tickValues(points.map((point) => point.n)).tickFormat((value) => String(value)));
  svg.append("g").attr("transform", `translate(${left},0)`).call(axisLeft(y).tickValues(powers).tickFormat((value) => `${value}×`));
  axisName(svg, `${sweep.shape}: count →`, width - 20, height - 7, "end");
  axisName(svg, "↑ times as fast as 1", left - 42, 8, "start");
  const curve = (of: (n: number) => number, kind: string): void => {
    const along: [number, number][] = [];
    for (let step = 0; step <= 200; step++) {
      const n = most ** (step / 200);
      if (of(n) <= high && of(n) >= low) along.push([x(n), y(of(n))]);
    }
    svg.append("path").attr("class", `curve ${kind}`).attr("fill", "none").attr("d", line()(along));
  };
  curve((n) => n, "ideal");
  const { amdahl: serial, usl: both } = sweep;
  if (serial) curve((n) => amdahl(serial.serial_share, n), "amdahl");
  if (both) curve((n) => usl(both.contention, both.coherency, n), "usl");
  svg.append("path").attr("class", "curve measured").attr("fill", "none")
    .attr("d", line()(points.map((point): [number, number] => [x(point.n), y(point.speedup)])));
  for (const point of points) {
    const dot = svg.append("g").attr("class", "point ours");
    dot.append("circle").attr("cx", x(point.n)).attr("cy", y(point.speedup)).attr("r", 5);
    dot.append("title").text(`${point.n}: ${times(point.speedup)}, ${seconds(point.wall_s)}`);
  }
  return height;
}

/** Speed-up against the number of places, with the two laws fitted to it. */
export function sweepFigure(sweep: Sweep): HTMLElement | null {
  const points = sweep.points.filter((point) => point.speedup > 0);
  if (points.length === 0) return null;
  const key = (kind: string, text: string): HTMLElement => el("li", {}, el("span", { class: `stroke ${kind}`, "aria-hidden": "true" }), text);
  const label = visible(`Speed-up of ${sweep.shape}: ${points.map((point) => `${point.n}: ${times(point.speedup)}`).join(", ")}`);
  return figure(
    `How it scales: ${sweep.shape}`,
    `How many ${sweep.shape === "async" || sweep.shape === "hybrid" ? "tasks in flight" : sweep.shape} pay?`,
    "Each point is the same work with a larger count. Along the straight line “ideal”, twice the count is twice as fast.",
    [
      el("ul", { class: "legend" }, key("measured", "measured"), key("ideal", "ideal"), sweep.amdahl ? key("amdahl", "Amdahl's law") : null, sweep.usl ? key("usl", "universal scalability law") : null),
      el(
        "div",
        { class: "with-facts" },
        fitted(label, (svg, width) => draw(svg, width, sweep)),
        el("ul", { class: "facts" }, ...factsOf(sweep).map((fact) => el("li", {}, fact))),
      ),
    ],
    plainTable([sweep.shape, "time", "speed-up"], points.map((point) => [count(point.n), seconds(point.wall_s), times(point.speedup)])),
  );
}
