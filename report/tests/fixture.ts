// Made-up reports: what the page has to draw, at sizes and with texts that a test can choose.

import type { Job, Moment } from "../src/job.ts";
import type { Report, Row, Segment, TimelineTask, Workload } from "../src/model.ts";

interface Wanted {
  shape: string;
  lanes: number;
  inFlight: number;
}

/** Tasks that wait `wait_s` and compute `cpu_s` at the end, as `wanted` would run them on `cores`. */
export function row(tasks: number, wanted: Wanted, wait_s: number, cpu_s: number, cores: number): Row {
  const timeline: TimelineTask[] = [];
  const places = Array.from({ length: wanted.lanes * wanted.inFlight }, (_, at) => ({ free: 0, lane: at % wanted.lanes }));
  const laneFree = new Array<number>(wanted.lanes).fill(0);
  const coreFree = new Array<number>(cores).fill(0);
  for (let index = 0; index < tasks; index++) {
    const place = places.reduce((a, b) => (b.free < a.free ? b : a));
    const start = place.free;
    const core = coreFree.indexOf(Math.min(...coreFree));
    const from = Math.max(start + wait_s * (1 + (index % 7) / 100), laneFree[place.lane]!, coreFree[core]!);
    const end = from + cpu_s;
    laneFree[place.lane] = coreFree[core] = end;
    place.free = end;
    const segments: Segment[] = [[from, end]];
    timeline.push([index, place.lane, start, end, cpu_s, 1, segments]);
  }
  const wall = Math.max(...timeline.map((task) => task[3]));
  const cpu = tasks * cpu_s;
  const processes = wanted.shape.startsWith("processes") ? wanted.lanes : 1;
  return {
    engine: "fanout",
    shape: wanted.shape,
    error: null,
    failures: 0,
    wall_s: wall,
    spread: 0.01,
    cpu_s: cpu,
    cpu_user_s: cpu * 0.9,
    cpu_system_s: cpu * 0.1,
    cores_used: cpu / wall,
    peak_rss_bytes: 7_500_000 * processes,
    voluntary_switches: tasks,
    involuntary_switches: 3,
    processes,
    threads: wanted.lanes,
    startup_s: 0.0002,
    ipc_bytes: processes > 1 ? tasks * 240 : 0,
    latency_s: { p50: wait_s + cpu_s, p90: wait_s * 1.05 + cpu_s, p99: wait_s * 1.06 + cpu_s, max: wall },
    timeline: { ready_s: 0, lanes: Array.from({ length: wanted.lanes }, (_, at) => `${processes > 1 ? "process" : "thread"} ${at + 1}`), tasks: timeline },
  };
}

export function workload(name: string, tasks: number, wait_s: number, cpu_s: number, n: number): Workload {
  const cores = 2;
  const shapes: Wanted[] = [
    { shape: "sync", lanes: 1, inFlight: 1 },
    { shape: `threads:${n}`, lanes: n, inFlight: 1 },
    { shape: `async:${n}`, lanes: 1, inFlight: n },
    { shape: `processes:${n}`, lanes: n, inFlight: 1 },
    { shape: `hybrid:${n}`, lanes: 2, inFlight: Math.ceil(n / 2) },
  ];
  const rows = shapes.map((shape) => row(tasks, shape, wait_s, cpu_s, cores));
  const bound = Math.max(wait_s + cpu_s, (tasks * cpu_s) / cores);
  for (const each of rows) {
    each.speedup = rows[0]!.wall_s! / each.wall_s!;
    each.of_bound = bound / each.wall_s!;
  }
  const waits = wait_s > cpu_s;
  return {
    name,
    description: waits ? `fetch a page that takes ${wait_s} s` : `count primes for ${cpu_s} s`,
    tasks,
    kind: waits ? "I/O-bound" : "CPU-bound",
    cpu_share: cpu_s / (wait_s + cpu_s),
    noise: 0.02,
    lower_bound_s: bound,
    lower_bound: { task_s: wait_s + cpu_s, cpu_s: (tasks * cpu_s) / cores, in_turn_s: tasks * (wait_s + cpu_s), cores, why: "the slowest task took at least this long in every run" },
    best: waits ? `async:${n}` : `threads:${n}`,
    ties: [],
    doubt: null,
    why: "A task computes for a small part of its time and waits for the rest. While it waits, another continues.",
    rows,
  };
}

export function report(...workloads: Workload[]): Report {
  return {
    machine: { cores: 2, cpu: "A processor", memory_bytes: 8 * 2 ** 30, system: "Linux x86_64" },
    workloads,
  };
}

export const small = (): Report => {
  const made = report(workload("io", 5, 0.4, 0.004, 5), workload("cpu", 5, 0.0001, 0.3, 5));
  made.workloads[0]!.rows.push({ ...row(5, { shape: "threads:5", lanes: 5, inFlight: 1 }, 0.4, 0.01, 2), engine: "python", speedup: 4.6, timeline: null,
    interpreter: { path: "/usr/bin/python3", version: "3.11.2", gil: true, library: "urllib" } });
  made.workloads[1]!.sweep = {
    shape: "threads",
    points: [1, 2, 4, 8].map((n) => ({ n, wall_s: 1.5 / Math.min(n, 1.95), speedup: Math.min(n, 1.95) })),
    amdahl: { serial_share: 0.12 },
    usl: { contention: 0.1, coherency: 0.02, peak_n: 6.7 },
    stops_paying_at: 2,
  };
  return made;
};

export const large = (): Report => report(workload("io", 10_000, 0.05, 0.0001, 256));

export const hostileText = '</script><img src=x onerror="window.broken=1"><b>bold</b> \u001b[31mred\u202e <!--';

export function hostile(): Report {
  const made = small();
  const first = made.workloads[0]!;
  made.machine.cpu = hostileText;
  first.name = hostileText;
  first.description = `fetch http://127.0.0.1/${hostileText}`;
  first.why = hostileText;
  first.rows[1]!.timeline!.lanes[0] = hostileText;
  first.rows[2] = { engine: "fanout", shape: `async:5 ${hostileText}`, error: hostileText, failures: 5, wall_s: null };
  made.claims = [hostileText];
  return made;
}

/** A job of two runs, the first of which was killed; `name` stands where a list has texts. */
export function job(name = "slow.example"): { job: Job } {
  const moments = (failing: number): Moment[] =>
    Array.from({ length: 30 }, (_, at) => ({ t: at + 1, done: (at + 1) * 100, failed: Math.max(0, at - failing) * 10, bytes: at * 100_000, in_flight: at < 25 ? 64 : 8, p50_ms: 12.5, p99_ms: 80 }));
  return {
    job: {
      path: `${name}.jsonl.gz`, state: "complete", done: 6000, failed: 260, total: 6000, failures: { dns: 200, timeout: 60 },
      hosts: [{ host: name, failed: 200 }, { host: "b.example", failed: 60 }],
      runs: [
        { started: "2026-11-30T12:00:00Z", shape: "async:64", done_before: 0, ended: false, moments: moments(20) },
        { started: "2026-11-30T12:10:00Z", shape: name, done_before: 3000, ended: true, moments: moments(10), limits: [{ host: name, in_flight: 40 }, { host: "b.example:443", in_flight: 8, per_s: 12.5 }] },
      ],
    },
  };
}
