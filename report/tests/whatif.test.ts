import assert from "node:assert/strict";
import { test } from "node:test";
import { findWord, words } from "../src/glossary.ts";
import { placesOf, predict, questions } from "../src/whatif.ts";
import { workload } from "./fixture.ts";

/** Close enough for a law that a made-up run follows but for its start. */
const near = (value: number, wanted: number, by = 0.06): void => assert.ok(Math.abs(value / wanted - 1) < by, `${value} is not ${wanted}`);

const rowOf = (of: ReturnType<typeof workload>, shape: string) => of.rows.find((row) => row.shape === shape)!;

test("a shape's name says how many places it has", () => {
  assert.deepEqual(placesOf("sync", 2), { lanes: 1, inFlight: 1, perCore: false, kind: "sync" });
  assert.deepEqual(placesOf("threads:2", 2), { lanes: 2, inFlight: 2, perCore: true, kind: "threads" });
  assert.deepEqual(placesOf("threads:5", 2), { lanes: 5, inFlight: 5, perCore: false, kind: "threads" });
  assert.deepEqual(placesOf("hybrid:64", 4), { lanes: 4, inFlight: 64, perCore: true, kind: "hybrid" });
  assert.equal(placesOf("auto", 2), null);
});

test("what waits takes longer with more tasks than places, and no less with more cores", () => {
  const io = workload("io", 5, 0.4, 0.001, 5);
  const row = rowOf(io, "async:5");
  near(predict(io, row, 5, 2)!.likely, row.wall_s!);
  near(predict(io, row, 50, 2)!.likely, 10 * row.wall_s!);
  near(predict(io, row, 5, 8)!.likely, row.wall_s!);
});

test("what computes takes ten times as long with ten times the tasks, and less with more cores", () => {
  const cpu = workload("cpu", 6, 0.0001, 0.3, 2);
  const row = rowOf(cpu, "threads:2");
  near(predict(cpu, row, 60, 2)!.likely, 10 * row.wall_s!);
  const eight = predict(cpu, row, 60, 8)!;
  assert.equal(eight.shape, "threads:8");
  near(eight.likely, (60 * 0.3) / 8, 0.1);
  assert.ok(eight.least <= eight.likely && eight.likely <= eight.most);
  assert.equal(predict(cpu, rowOf(cpu, "sync"), 6, 8)!.likely, predict(cpu, rowOf(cpu, "sync"), 6, 2)!.likely);
});

test("the range is at least the noise, and nothing is said of memory on other machines", () => {
  const cpu = workload("cpu", 6, 0.0001, 0.3, 2);
  cpu.noise = 0.15;
  const found = predict(cpu, rowOf(cpu, "threads:2"), 6, 2)!;
  assert.ok(found.most >= found.likely * 1.149);
  cpu.kind = "memory-bound";
  assert.equal(predict(cpu, rowOf(cpu, "threads:2"), 6, 8), null);
  assert.notEqual(predict(cpu, rowOf(cpu, "threads:2"), 60, 2), null);
  delete cpu.lower_bound;
  assert.equal(predict(cpu, rowOf(cpu, "threads:2"), 6, 2), null, "an older report has no figures to fit");
});

test("the questions name each case once", () => {
  const cpu = workload("cpu", 50, 0.0001, 0.3, 2);
  assert.deepEqual(questions(cpu).map((each) => `${each.tasks} on ${each.cores}`), ["50 on 2", "50 on 8", "500 on 2"]);
});

test("words are found as words", () => {
  assert.deepEqual(findWord("many tasks at once", "task"), { at: 5, length: 5 });
  assert.equal(findWord("multitasking", "task"), null);
  assert.deepEqual(findWord("Choose async:64: 1 s", "async:N"), { at: 7, length: 8 });
  assert.equal(findWord("async:", "async:N"), null);
  assert.equal(findWord("gil", "GIL"), null);
  for (const [word] of words) assert.ok(findWord(`a ${word.replace(":N", ":5")} b`, word), word);
});
