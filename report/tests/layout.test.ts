import assert from "node:assert/strict";
import { test } from "node:test";
import { findAt, layOut, makeFilter } from "../src/layout.ts";
import type { TimelineTask } from "../src/model.ts";

const task = (index: number, lane: number, start: number, end: number, ok = 1): TimelineTask => [index, lane, start, end, null, ok, null];

test("tasks that overlap on a lane get rows of their own, others share one", () => {
  const made = layOut(["a", "b"], [task(0, 0, 0, 2), task(1, 0, 1, 3), task(2, 0, 2, 4), task(3, 1, 0, 1)]);
  assert.equal(made.rowCount, 3);
  assert.deepEqual(made.lanes.map((lane) => lane.rows.map((row) => row.map((each) => each.task[0]))), [[[0, 2], [1]], [[3]]]);
  assert.deepEqual(made.inOrder.map((each) => each.task[0]), [0, 3, 1, 2]);
});

test("no two bars of a row overlap, whatever the tasks", () => {
  let seed = 7;
  const random = (): number => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  const tasks = Array.from({ length: 3000 }, (_, at) => {
    const start = random() * 100;
    return task(at, Math.floor(random() * 4), start, start + random() * 10);
  });
  const made = layOut(["a", "b", "c", "d"], tasks);
  for (const lane of made.lanes)
    for (const row of lane.rows)
      for (let at = 1; at < row.length; at++) assert.ok(row[at - 1]!.task[3] <= row[at]!.task[2]);
  assert.equal(made.inOrder.length, tasks.length);
});

test("lanes without a name, and lanes without a task, are lanes", () => {
  const made = layOut(["only"], [task(0, 2, 0, 1)]);
  assert.deepEqual(made.lanes.map((lane) => lane.name), ["only", "lane 3"]);
});

test("the bar under the pointer is found, or one nearby", () => {
  const row = layOut(["a"], [task(0, 0, 0, 1), task(1, 0, 2, 3)]).lanes[0]!.rows[0]!;
  assert.equal(findAt(row, 0.5, 0)?.task[0], 0);
  assert.equal(findAt(row, 1.9, 0.2)?.task[0], 1);
  assert.equal(findAt(row, 1.5, 0.2), null);
  assert.equal(findAt(row, 99, Infinity)?.task[0], 1);
});

test("filters by result, by slowness and by number", () => {
  const tasks = Array.from({ length: 20 }, (_, at) => task(at, 0, 0, at + 1, at === 3 ? 0 : 1));
  const kept = (which: string, numbers: string): number[] => tasks.filter(makeFilter(tasks, which, numbers)).map((each) => each[0]);
  assert.deepEqual(kept("failed", ""), [3]);
  assert.deepEqual(kept("slowest", ""), [18, 19]);
  assert.deepEqual(kept("all", "2, 5-7"), [2, 5, 6, 7]);
  assert.equal(kept("all", "").length, 20);
});
