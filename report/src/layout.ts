// Where the bars of a timeline go. Tasks that overlap on one lane get rows of their own within it, so that
// concurrency is seen as bars above each other.

import type { TimelineTask } from "./model.ts";

export interface Placed {
  task: TimelineTask;
  row: number; // within the whole shape
}

export interface Lane {
  name: string;
  firstRow: number;
  rows: Placed[][]; // each in order of time, no two overlapping
}

export interface Layout {
  lanes: Lane[];
  rowCount: number;
  inOrder: Placed[]; // by start, then by index
}

/** Each task goes to the row of its lane that has been free the longest: first free, first taken. */
export function layOut(laneNames: string[], tasks: TimelineTask[]): Layout {
  const byLane = new Map<number, TimelineTask[]>();
  const ordered = [...tasks].sort((a, b) => a[2] - b[2] || a[0] - b[0]);
  for (const task of ordered) {
    const lane = byLane.get(task[1]);
    if (lane) lane.push(task);
    else byLane.set(task[1], [task]);
  }
  const lanes: Lane[] = [];
  let rowCount = 0;
  const count = Math.max(laneNames.length, 0, ...[...byLane.keys()].map((lane) => lane + 1));
  for (let number = 0; number < count; number++) {
    const own = byLane.get(number) ?? [];
    if (own.length === 0 && number >= laneNames.length) continue;
    const rows = packed(own, rowCount);
    lanes.push({ name: laneNames[number] ?? `lane ${number + 1}`, firstRow: rowCount, rows });
    rowCount += rows.length;
  }
  const place = new Map<TimelineTask, Placed>();
  for (const lane of lanes) for (const row of lane.rows) for (const each of row) place.set(each.task, each);
  return { lanes, rowCount, inOrder: ordered.flatMap((task) => place.get(task) ?? []) };
}

function packed(tasks: TimelineTask[], firstRow: number): Placed[][] {
  const rows: Placed[][] = [];
  const free: [at: number, row: number][] = []; // a heap, the earliest first
  for (const task of tasks) {
    const earliest = free[0];
    let row: number;
    if (earliest && earliest[0] <= task[2]) {
      row = earliest[1];
      popHeap(free);
    } else {
      row = rows.length;
      rows.push([]);
    }
    rows[row]!.push({ task, row: firstRow + row });
    pushHeap(free, [task[3], row]);
  }
  if (rows.length === 0) rows.push([]);
  return rows;
}

function pushHeap(heap: [number, number][], item: [number, number]): void {
  let at = heap.push(item) - 1;
  while (at > 0) {
    const above = (at - 1) >> 1;
    if (heap[above]![0] <= item[0]) break;
    heap[at] = heap[above]!;
    at = above;
  }
  heap[at] = item;
}

function popHeap(heap: [number, number][]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= heap.length) break;
    if (below + 1 < heap.length && heap[below + 1]![0] < heap[below]![0]) below++;
    if (heap[below]![0] >= last[0]) break;
    heap[at] = heap[below]!;
    at = below;
  }
  heap[at] = last;
}

/** The task of `row` at `time`, or the nearest within `slack`. */
export function findAt(row: Placed[], time: number, slack: number): Placed | null {
  let low = 0;
  let high = row.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (row[middle]!.task[2] <= time) low = middle + 1;
    else high = middle;
  }
  let nearest: Placed | null = null;
  let distance = slack;
  for (const each of [row[low - 1], row[low]]) {
    if (!each) continue;
    const away = Math.max(each.task[2] - time, time - each.task[3], 0);
    if (away <= distance) {
      nearest = each;
      distance = away;
    }
  }
  return nearest;
}

/** Which tasks a filter of words keeps: "all", "failed", "slowest", or numbers such as "3, 10-20". */
export function makeFilter(tasks: TimelineTask[], which: string, numbers: string): (task: TimelineTask) => boolean {
  const ranges = [...numbers.matchAll(/(\d+)(?:\s*[-–]\s*(\d+))?/g)].map((found): [number, number] => {
    const first = Number(found[1]);
    return [first, found[2] === undefined ? first : Number(found[2])];
  });
  let slow = -Infinity;
  if (which === "slowest") {
    const took = tasks.map((task) => task[3] - task[2]).sort((a, b) => a - b);
    slow = took[Math.floor(took.length * 0.9)] ?? -Infinity;
  }
  return (task) =>
    (which !== "failed" || task[5] === 0) &&
    task[3] - task[2] >= slow &&
    (ranges.length === 0 || ranges.some(([from, to]) => task[0] >= from && task[0] <= to));
}
