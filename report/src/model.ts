// What `fanout compare --json` prints, as far as the page uses it, and what follows from it. Times are in seconds.

import { plural } from "./format.ts";

export type Segment = [from: number, to: number];
/** index, lane, start, end, CPU, whether it succeeded, when it was computing */
export type TimelineTask = [number, number, number, number, number | null, number, Segment[] | null];

export interface Timeline {
  lanes: string[];
  ready_s?: number | null; // how long its threads were ready and had no core, in total
  tasks: TimelineTask[];
}

export interface Row {
  engine: string;
  shape: string;
  interpreter?: { path: string; version: string; gil: boolean; library: string | null } | null;
  error?: string | null;
  failures?: number;
  wall_s: number | null;
  median_s?: number | null;
  walls_s?: number[];
  spread?: number | null;
  speedup?: number | null;
  of_bound?: number | null;
  cpu_s?: number | null;
  cpu_user_s?: number | null;
  cpu_system_s?: number | null;
  cores_used?: number | null;
  peak_rss_bytes?: number | null;
  voluntary_switches?: number | null;
  involuntary_switches?: number | null;
  processes?: number | null;
  threads?: number | null;
  startup_s?: number | null;
  ipc_bytes?: number | null;
  ipc_s?: number | null;
  latency_s?: { p50: number; p90: number; p99: number; max: number } | null;
  timeline?: Timeline | null;
}

export interface Sweep {
  shape: string;
  points: { n: number; wall_s: number; speedup: number }[];
  amdahl?: { serial_share: number } | null;
  usl?: { contention: number; coherency: number; peak_n: number | null } | null;
  stops_paying_at?: number | null;
  doubt?: string | null; // why nothing is concluded
}

export interface Workload {
  name: string;
  description?: string;
  tasks: number;
  kind?: string | null;
  cpu_share?: number | null;
  noise?: number | null;
  lower_bound_s?: number | null;
  lower_bound?: { task_s?: number; cpu_s?: number; in_turn_s?: number; cores?: number; why?: string } | null;
  others_cores?: number | null;
  best?: string | null;
  ties?: string[];
  doubt?: string | null;
  why?: string;
  rows: Row[];
  sweep?: Sweep | null;
}

export interface Report {
  machine: { cores?: number; cpu?: string; memory_bytes?: number; system?: string };
  workloads: Workload[];
  claims?: string[];
}

export interface About {
  command?: string;
  version?: string;
  made?: string;
  against?: string;
}

/** "threads:5", or "Python 3.11 threads:5". */
export function nameOf(row: Row): string {
  if (row.engine === "fanout") return row.shape;
  const python = row.interpreter;
  return python ? `Python ${python.version}${python.gil ? "" : " (no GIL)"} ${row.shape}` : `${row.engine} ${row.shape}`;
}

export function succeeded(row: Row): row is Row & { wall_s: number } {
  return row.wall_s != null && !row.error && !(row.failures && row.failures > 0);
}

/** The greatest number of intervals that hold the same moment. */
export function mostAtOnce(intervals: Segment[]): number {
  const starts = intervals.map((each) => each[0]).sort((a, b) => a - b);
  const ends = intervals.map((each) => each[1]).sort((a, b) => a - b);
  let most = 0;
  let ended = 0;
  for (let started = 0; started < starts.length; started++) {
    while (ended < ends.length && ends[ended]! <= starts[started]!) ended++;
    most = Math.max(most, started + 1 - ended);
  }
  return most;
}

export interface Overlap {
  underWay: number;
  computing: number | null; // null: not recorded
}

/** When it was computing. Where only how long is known: all the time, a little, unless it is next to nothing. */
export function computingSpans(task: TimelineTask): Segment[] | null {
  if (task[6] || task[4] === null) return task[6];
  return task[4] > 0.02 * (task[3] - task[2]) ? [[task[2], task[3]]] : [];
}

/** How many tasks were under way, and how many computing, at the same moment at most. */
export function overlapOf(timeline: Timeline): Overlap {
  const computing = timeline.tasks.flatMap((task) => computingSpans(task) ?? []);
  const known = timeline.tasks.every((task) => computingSpans(task) !== null);
  return {
    underWay: mostAtOnce(timeline.tasks.map((task): Segment => [task[2], task[3]])),
    computing: known ? mostAtOnce(computing) : null,
  };
}

/** Whether hardly any of the time of its tasks was computing: what is drawn of it cannot be seen. */
export function mostlyWaiting(timeline: Timeline): boolean {
  let computing = 0;
  let all = 0;
  for (const task of timeline.tasks) {
    computing += computingTime(task) ?? 0;
    all += task[3] - task[2];
  }
  return computing < 0.02 * all;
}

/** "5 threads": lanes are called by what they are and a number. */
export function lanesInWords(lanes: string[]): string {
  const kinds = new Set(lanes.map((name) => /^(thread|process) \d+$/.exec(name)?.[1] ?? "lane"));
  const kind = kinds.size === 1 ? [...kinds][0]! : "lane";
  return plural(lanes.length, kind, kind === "process" ? "processes" : `${kind}s`);
}

/** The sentences of a verdict, in paragraphs: what the work is, what to choose or why not, and what an event loop made of it. */
export function paragraphs(why: string): string[] {
  return why.split(/ (?=Choose \S+: |Cannot tell which shape is best: |\S+ (?:overlapped|did not overlap) the tasks: )/);
}

export function computingTime(task: TimelineTask): number | null {
  if (task[4] !== null) return task[4];
  return task[6] && task[6].reduce((sum, [from, to]) => sum + to - from, 0);
}

/** Of a core, while it wanted one: less than 1 where others used it too. 1 where the CPU time is not known. */
export function shareOfCore(task: TimelineTask): number {
  const wanted = (computingSpans(task) ?? []).reduce((sum, [from, to]) => sum + to - from, 0);
  return task[4] === null || wanted <= 0 ? 1 : Math.min(task[4] / wanted, 1);
}

/**
 * Of the time for which its tasks held a thread and did not compute, how much the threads were ready and had no core:
 * the rest they waited for something else. 0 to 1; null where that was not measured.
 */
export function readyShare(timeline: Timeline): number | null {
  if (timeline.ready_s == null) return null;
  let idle = 0;
  for (const task of timeline.tasks) {
    const wanted = (computingSpans(task) ?? []).reduce((sum, [from, to]) => sum + to - from, 0);
    if (task[4] !== null) idle += Math.max(wanted - task[4], 0);
  }
  return idle > 0 ? Math.min(timeline.ready_s / idle, 1) : 0;
}

/** Amdahl's law: what n places gain when `serial` of the work cannot be shared. */
export const amdahl = (serial: number, n: number): number => 1 / (serial + (1 - serial) / n);

/** Gunther's universal scalability law: places also wait for each other, and keep each other up to date. */
export const usl = (contention: number, coherency: number, n: number): number =>
  n / (1 + contention * (n - 1) + coherency * n * (n - 1));

/** The report in `text`; throws an Error that says what is wrong with it. */
export function parseReport(text: string): Report {
  const value: unknown = JSON.parse(text);
  const report = value as Report;
  if (typeof value !== "object" || value === null || !Array.isArray(report.workloads))
    throw new Error("this is no report of fanout compare: it has no workloads");
  for (const workload of report.workloads)
    if (!Array.isArray(workload.rows)) throw new Error("this is no report of fanout compare: a workload has no rows");
  return { ...report, machine: report.machine ?? {} };
}
