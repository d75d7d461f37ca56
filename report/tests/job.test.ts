import assert from "node:assert/strict";
import { test } from "node:test";
import { nameOfRun, parseJob, ratesOf } from "../src/job.ts";
import { job } from "./fixture.ts";

test("what happened a second is between one moment and the next", () => {
  const moment = (t: number, done: number, failed = 0): { t: number; done: number; failed: number; bytes: number; in_flight: number } => ({ t, done, failed, bytes: done * 10, in_flight: 1 });
  assert.deepEqual(ratesOf([]), []);
  assert.deepEqual(ratesOf([moment(1, 10), moment(3, 50, 4)]), [
    { t: 0.5, done: 10, failed: 0, bytes: 100 },
    { t: 2, done: 20, failed: 2, bytes: 200 },
  ]);
  assert.deepEqual(ratesOf([moment(1, 10), moment(1, 10)]).length, 1, "an end at the time of the last line");
  const many = Array.from({ length: 5000 }, (_, at) => moment(at + 1, (at + 1) * 7));
  const few = ratesOf(many);
  assert.ok(few.length <= 400 && few.every((rate) => Math.abs(rate.done - 7) < 1e-9));
});

test("a job is told from a report of fanout compare", () => {
  assert.equal(parseJob('{"workloads":[]}'), null);
  assert.equal(parseJob("[]"), null);
  assert.throws(() => parseJob('{"job":{}}'), /no runs/);
  assert.equal(parseJob(JSON.stringify(job()))!.runs.length, 2);
});

test("runs of shards are told apart", () => {
  const run = job().job.runs[0]!;
  assert.equal(nameOfRun(run, 1), "Run 1: 2026-11-30T12:00:00Z, async:64");
  assert.equal(nameOfRun({ ...run, shard: 3 }, 2), "Shard 3, run 2: 2026-11-30T12:00:00Z, async:64");
});
