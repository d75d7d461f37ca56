// "What if there were 50 tasks, or 8 cores?": the law of the lower bound, fitted to a measured row.

import { succeeded, type Row, type Workload } from "./model.ts";

export interface Prediction {
  tasks: number;
  cores: number;
  shape: string;
  least: number; // seconds
  likely: number;
  most: number;
}

interface Places {
  lanes: number;
  inFlight: number;
  perCore: boolean; // its lanes follow the cores
  kind: string;
}

/** What a shape's name says. Null for one whose places are not known: auto, and names of later versions. */
export function placesOf(shape: string, cores: number): Places | null {
  if (shape === "sync") return { lanes: 1, inFlight: 1, perCore: false, kind: shape };
  const named = /^(threads|async|processes|hybrid):(\d+)$/.exec(shape);
  if (!named) return null;
  const kind = named[1]!;
  const inFlight = Number(named[2]);
  const lanes = kind === "async" ? 1 : kind === "hybrid" ? Math.min(cores, inFlight) : inFlight;
  return { lanes, inFlight, perCore: kind === "hybrid" || (kind !== "async" && inFlight === cores), kind };
}

/** The shape on a machine with other cores: one that has a lane for each core gets a lane for each. */
function onCores(places: Places, cores: number): Places {
  if (!places.perCore) return places;
  return places.kind === "hybrid" ? { ...places, lanes: Math.min(cores, places.inFlight) } : { ...places, lanes: cores, inFlight: cores };
}

/** Seconds that the law gives: the greatest of the slowest task, the CPU over the cores, and the tasks in turn over the places. */
function law(workload: Workload, places: Places, tasks: number, cores: number): number | null {
  const bound = workload.lower_bound;
  if (bound?.task_s == null || bound.cpu_s == null || bound.cores == null || bound.in_turn_s == null || workload.tasks < 1) return null;
  const cpu = (bound.cpu_s * bound.cores) / workload.tasks;
  const each = bound.in_turn_s / workload.tasks;
  const locked = workload.kind === "lock-bound" && places.kind !== "processes";
  const computing = (cpu * tasks) / Math.min(locked ? 1 : cores, places.lanes);
  const rounds = Math.ceil(tasks / Math.min(places.inFlight, tasks));
  return Math.max(bound.task_s, computing, rounds * each);
}

/** How far measured rows are from the law, as factors: of each row that succeeded. */
function misfits(workload: Workload): number[] {
  const cores = workload.lower_bound?.cores ?? 1;
  return workload.rows.flatMap((row) => {
    const places = row.engine === "fanout" && succeeded(row) ? placesOf(row.shape, cores) : null;
    const ideal = places && law(workload, places, workload.tasks, cores);
    return ideal ? [row.wall_s! / ideal] : [];
  });
}

/**
 * The time of `row`'s shape for other tasks and cores. What the row took beyond the law is taken to grow with it; the
 * range is the noise, or how far the other rows are from the law if that is more. Null where the law says nothing: more
 * cores share the same memory, and nobody measured another machine's.
 */
export function predict(workload: Workload, row: Row, tasks: number, cores: number): Prediction | null {
  const now = workload.lower_bound?.cores ?? 1;
  const places = placesOf(row.shape, now);
  const measured = places && succeeded(row) ? law(workload, places, workload.tasks, now) : null;
  if (!places || !measured || (workload.kind === "memory-bound" && cores > now)) return null;
  const there = onCores(places, cores);
  const ideal = law(workload, there, tasks, cores);
  if (ideal === null) return null;
  const factor = row.wall_s! / measured;
  const all = misfits(workload).map((each) => each / factor);
  const noise = Math.max(workload.noise ?? 0, row.spread ?? 0, 0.02);
  const extrapolates = tasks !== workload.tasks || cores !== now;
  const low = Math.min(1 - noise, ...(extrapolates ? all : []));
  const high = Math.max(1 + noise, ...(extrapolates ? all : []));
  const likely = ideal * factor;
  const shape = there === places || there.inFlight === places.inFlight ? row.shape : `${places.kind}:${there.inFlight}`;
  return { tasks, cores, shape, least: Math.max(likely * low, ideal * 0.98), likely, most: likely * high };
}

/** The questions that a reader asks first. */
export function questions(workload: Workload): { tasks: number; cores: number }[] {
  const cores = workload.lower_bound?.cores ?? 1;
  const others = [
    { tasks: workload.tasks, cores },
    { tasks: 50, cores },
    { tasks: workload.tasks, cores: 8 },
    { tasks: 50, cores: 8 },
    { tasks: 10 * workload.tasks, cores },
  ];
  const seen = new Set<string>();
  return others.filter((each) => {
    const key = `${each.tasks} ${each.cores}`;
    return seen.has(key) ? false : seen.add(key);
  });
}
