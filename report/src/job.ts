// The page of `fanout job report`: how a bulk fetch went.

import { axisBottom, axisLeft } from "d3-axis";
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { el, figure, freshId, plainTable } from "./dom.ts";
import { axisName, fitted, type Svg } from "./drawing.ts";
import { axisSeconds, bytes, count, digits, percent, plural, seconds } from "./format.ts";
import type { About } from "./model.ts";

export interface Moment {
  t: number; // seconds since the run began
  done: number;
  failed: number;
  bytes: number;
  in_flight: number;
  p50_ms?: number;
  p99_ms?: number;
}

export interface HostLimit {
  host: string;
  in_flight: number;
  per_s?: number; // absent: the host has refused no request
}

export interface JobRun {
  started: string;
  shape: string;
  shard?: number | null;
  done_before: number;
  ended: boolean;
  moments: Moment[];
  limits?: HostLimit[];
}

export interface Job {
  path: string;
  state: string;
  done: number;
  failed: number;
  total?: number | null;
  failures: Record<string, number>;
  hosts: { host: string; failed: number }[];
  runs: JobRun[];
}

/** The job in `text`, or null where it is something else; throws an Error that says what is wrong with it. */
export function parseJob(text: string): Job | null {
  const value = JSON.parse(text) as { job?: Job } | null;
  if (typeof value !== "object" || value === null || !value.job) return null;
  const { job } = value;
  if (!Array.isArray(job.runs) || job.runs.some((run) => !Array.isArray(run.moments))) throw new Error("this is no report of a job: it has no runs");
  return { ...job, failures: job.failures ?? {}, hosts: job.hosts ?? [] };
}

export interface Rate {
  t: number; // in the middle of the span
  done: number; // a second
  failed: number;
  bytes: number;
}

/** What happened a second between one moment and the next. Moments that are next to each other are taken together. */
export function ratesOf(moments: Moment[], most = 400): Rate[] {
  const rates: Rate[] = [];
  let from: Moment = { t: 0, done: 0, failed: 0, bytes: 0, in_flight: 0 };
  const last = moments.at(-1)?.t ?? 0;
  const shortest = Math.max(last / most, 0.05);
  for (const to of moments) {
    const took = to.t - from.t;
    if (took < shortest && to.t !== last) continue;
    if (took <= 0) continue;
    rates.push({ t: (from.t + to.t) / 2, done: (to.done - from.done) / took, failed: (to.failed - from.failed) / took, bytes: (to.bytes - from.bytes) / took });
    from = to;
  }
  return rates;
}

export function nameOfRun(run: JobRun, number: number): string {
  return `${run.shard == null ? "" : `Shard ${run.shard}, `}${run.shard == null ? "Run" : "run"} ${number}: ${run.started}, ${run.shape}`;
}

interface Curve {
  kind: string; // class of its stroke
  name: string;
  points: [number, number][];
}

function draw(svg: Svg, width: number, curves: Curve[], unit: string): number {
  const [height, left, bottom] = [230, 66, 44];
  const all = curves.flatMap((curve) => curve.points);
  const x = scaleLinear([0, Math.max(...all.map((point) => point[0]), 1e-3)], [left, width - 20]);
  const y = scaleLinear([0, Math.max(...all.map((point) => point[1]), 1)], [height - bottom, 22]).nice();
  const ticks = x.ticks(width < 420 ? 4 : 7);
  const words = axisSeconds(ticks);
  svg.append("g").attr("transform", `translate(0,${height - bottom})`).call(axisBottom(x).tickValues(ticks).tickFormat((value) => words(Number(value))));
  svg.append("g").attr("transform", `translate(${left},0)`).call(axisLeft(y).ticks(5).tickFormat((value) => count(Number(value))));
  axisName(svg, "time since the run began →", width - 20, height - 7, "end");
  axisName(svg, `↑ ${unit}`, left - 58, 8, "start");
  for (const curve of curves)
    svg.append("path").attr("class", `curve ${curve.kind}`).attr("fill", "none")
      .attr("d", line()(curve.points.map(([time, value]): [number, number] => [x(time), y(value)])));
  return height;
}

/** At most 20 of them, for the table. */
const some = <T>(all: T[]): T[] => all.filter((_, at) => at % Math.ceil(all.length / 20) === 0);

function curvesFigure(title: string, question: string, reading: string, unit: string, curves: Curve[], table: Node): HTMLElement {
  const drawn = curves.filter((curve) => curve.points.length > 0);
  const key = (curve: Curve): HTMLElement => el("li", {}, el("span", { class: `stroke ${curve.kind}`, "aria-hidden": "true" }), curve.name);
  const label = `${title}: ${drawn.map((curve) => `${curve.name}, ${digits(Math.max(...curve.points.map((point) => point[1])))} at most`).join("; ")}`;
  return figure(title, question, reading, [el("ul", { class: "legend" }, ...drawn.map(key)), fitted(label, (svg, width) => draw(svg, width, drawn, unit))], table);
}

function runSection(run: JobRun, number: number): HTMLElement {
  const id = freshId("run");
  const last = run.moments.at(-1);
  const rates = ratesOf(run.moments);
  const failed = run.moments.some((moment) => moment.failed > 0);
  const facts = last
    ? `${plural(last.done, "request")} in ${seconds(last.t)}, ${count(last.failed)} failed, ${bytes(last.bytes)}. ` +
      `Latency: half took at most ${digits(last.p50_ms ?? 0)} ms, 99 % at most ${digits(last.p99_ms ?? 0)} ms. ` +
      (run.ended ? "" : "It did not end by itself, or goes on. ")
    : "It ended before the first line of its log. ";
  return el(
    "section",
    { class: "workload run", "aria-labelledby": id },
    el("h2", { id }, nameOfRun(run, number)),
    el("p", {}, facts + (run.done_before > 0 ? `${plural(run.done_before, "input")} had been done before.` : "")),
    rates.length > 0 && el("div", { class: "side-by-side" },
      curvesFigure("Rate", "How many requests ended in a second?", "What falls to 0 stood still.", "requests a second", [
        { kind: "measured", name: "all", points: rates.map((rate) => [rate.t, rate.done]) },
        ...(failed ? [{ kind: "failing", name: "failed", points: rates.map((rate): [number, number] => [rate.t, rate.failed]) }] : []),
      ], plainTable(["time", "requests a second", "failed", "bytes a second"], some(rates).map((rate) => [seconds(rate.t), digits(rate.done), digits(rate.failed), bytes(rate.bytes)]))),
      curvesFigure("In flight", "How many requests were under way at the same time?", "A flat line at the limit means that it never lacked work.", "requests in flight", [
        { kind: "measured", name: "in flight", points: run.moments.map((moment) => [moment.t, moment.in_flight]) },
      ], plainTable(["time", "in flight"], some(run.moments).map((moment) => [seconds(moment.t), count(moment.in_flight)])))),
    limitsTable(run.limits ?? []),
  );
}

/** What the run found out about hosts: how many requests in flight gave the most throughput, and how many a second they took. */
function limitsTable(limits: HostLimit[]): HTMLElement | false {
  if (limits.length === 0) return false;
  const rate = (limit: HostLimit): string => (limit.per_s === undefined ? "" : digits(limit.per_s));
  return el("details", { class: "as-text" },
    el("summary", {}, `Limits found for ${plural(limits.length, "host")}`),
    plainTable(["host", "requests in flight", "requests a second, as it refused more"], limits.map((limit) => [limit.host, count(limit.in_flight), rate(limit)])));
}

function failuresSection(job: Job): HTMLElement | false {
  const kinds = Object.entries(job.failures).sort((a, b) => b[1] - a[1]);
  if (kinds.length === 0) return false;
  const id = freshId("failures");
  return el(
    "section",
    { "aria-labelledby": id },
    el("h2", { id }, "Failures"),
    plainTable(["kind", "requests", "share of all"], kinds.map(([kind, number]) => [kind, count(number), percent(number / Math.max(job.done, 1))])),
    job.hosts.length > 0 && el("h3", {}, "Hosts with most failures"),
    job.hosts.length > 0 && plainTable(["host", "requests that failed"], job.hosts.map((each) => [each.host, count(each.failed)])),
  );
}

/** All that is in the page of a job. */
export function jobPage(job: Job, about: About): HTMLElement[] {
  const numbers = new Map<number | null, number>();
  const sections = job.runs.map((run) => {
    const shard = run.shard ?? null;
    numbers.set(shard, (numbers.get(shard) ?? 0) + 1);
    return runSection(run, numbers.get(shard)!);
  });
  const id = freshId("again");
  return [
    el("header", {},
      el("h1", {}, `Fetched: ${job.path}`),
      el("p", { class: "lead" },
        `The job is ${job.state}: ${count(job.done)}${job.total == null ? "" : ` of ${count(job.total)}`} done, ${count(job.failed)} failed` +
          (job.done > 0 ? ` (${percent(job.failed / job.done)}).` : "."))),
    ...[failuresSection(job)].filter((each): each is HTMLElement => each !== false),
    ...sections,
    el("section", { "aria-labelledby": id }, el("h2", { id }, "Do it again"),
      el("pre", {}, el("code", {}, about.command ?? "fanout job report FILE --html report.html")),
      el("p", { class: "quiet" }, [about.version && `fanout ${about.version}`, about.made].filter(Boolean).join(", "))),
  ];
}
