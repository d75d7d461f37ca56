import assert from "node:assert/strict";
import { test } from "node:test";
import { change, pairUp } from "../src/against.ts";
import { axisSeconds, bytes, seconds, shortSeconds, visible } from "../src/format.ts";
import {
  amdahl, computingSpans, computingTime, lanesInWords, mostAtOnce, mostlyWaiting, overlapOf, paragraphs, parseReport, readyShare, shareOfCore, usl, type TimelineTask,
} from "../src/model.ts";
import { factsOf } from "../src/sweep.ts";
import { row, small } from "./fixture.ts";

test("how many overlap, where one that ends as another begins does not", () => {
  assert.equal(mostAtOnce([]), 0);
  assert.equal(mostAtOnce([[0, 1], [1, 2]]), 1);
  assert.equal(mostAtOnce([[0, 2], [1, 3], [1.5, 1.6]]), 3);
});

test("concurrency and parallelism are told apart", () => {
  const loop = row(5, { shape: "async:5", lanes: 1, inFlight: 5 }, 0.1, 0.3, 2);
  const threads = row(5, { shape: "threads:5", lanes: 5, inFlight: 1 }, 0.1, 0.3, 2);
  assert.deepEqual(overlapOf(loop.timeline!), { underWay: 5, computing: 1 });
  assert.deepEqual(overlapOf(threads.timeline!), { underWay: 5, computing: 2 });
});

test("what is no report is refused, and says so", () => {
  assert.throws(() => parseReport("[]"), /no report of fanout compare/);
  assert.throws(() => parseReport('{"workloads":[{}]}'), /no rows/);
  assert.throws(() => parseReport("{"));
  assert.equal(parseReport('{"workloads":[]}').workloads.length, 0);
});

test("numbers with their units", () => {
  assert.deepEqual([0, 1.5e-5, 0.0042, 0.402, 12.34, null].map(seconds), ["0 s", "15.0 µs", "4.20 ms", "0.402 s", "12.34 s", "–"]);
  assert.deepEqual([1023, 1536, 7.5 * 2 ** 20].map(bytes), ["1023 B", "1.50 KiB", "7.50 MiB"]);
});

test("an axis has one unit, and the digits that tell its ticks apart", () => {
  const words = (ticks: number[]): string[] => ticks.map(axisSeconds(ticks));
  assert.deepEqual(words([0, 0.2, 0.4, 1]), ["0", "0.2 s", "0.4 s", "1.0 s"]);
  assert.deepEqual(words([0, 0.05, 0.1, 0.6]), ["0", "50 ms", "100 ms", "600 ms"]);
  assert.deepEqual(words([0.4001, 0.40015, 0.4002]), ["400.10 ms", "400.15 ms", "400.20 ms"]);
  assert.deepEqual(words([0, 1, 2]), ["0", "1 s", "2 s"]);
  assert.deepEqual([0, 0.4, 1.5, 12].map(shortSeconds), ["0", "400 ms", "1.5 s", "12 s"]);
});

test("a verdict is read in paragraphs, and one that is put differently in one", () => {
  const why =
    "I/O-bound: a task waits. No shape can be faster than 0.400 s: one task. Choose async:5: 0.401 s on 1 thread. " +
    "async:5 overlapped the tasks: its one thread did it. Waiting uses no CPU.";
  assert.deepEqual(paragraphs(why).map((each) => each.split(" ")[0]), ["I/O-bound:", "Choose", "async:5"]);
  const open = "CPU-bound: a task computes. Cannot tell which shape is best: other programs were running. async:5 did not overlap the tasks: it took 1 s.";
  assert.deepEqual(paragraphs(open).map((each) => each.split(" ")[0]), ["CPU-bound:", "Cannot", "async:5"]);
  assert.equal(paragraphs(why).join(" "), why);
  assert.deepEqual(paragraphs("All failed."), ["All failed."]);
});

test("lanes are called by what they are", () => {
  assert.equal(lanesInWords(["thread 1"]), "1 thread");
  assert.equal(lanesInWords(["process 1", "process 2"]), "2 processes");
  assert.equal(lanesInWords(["process 1", "thread 2"]), "2 lanes");
  assert.equal(lanesInWords(["<b>", "<b>"]), "2 lanes");
});

test("tasks that compute for a moment only are said to wait", () => {
  assert.equal(mostlyWaiting({ lanes: ["thread 1"], tasks: [[0, 0, 0, 1, 0.001, 1, [[0, 0.001]]]] }), true);
  assert.equal(mostlyWaiting({ lanes: ["thread 1"], tasks: [[0, 0, 0, 1, 0.5, 1, null]] }), false);
});

test("how far more places pay", () => {
  const points = [1, 2, 4].map((n) => ({ n, wall_s: 1 / n, speedup: n }));
  assert.deepEqual(factsOf({ shape: "threads", points, stops_paying_at: 4 }), ["More still pays at 4, the largest count measured."]);
  assert.match(factsOf({ shape: "threads", points, stops_paying_at: 2, amdahl: { serial_share: 0.5 } }).join(" "), /pays up to 2; more .* serial part of 50 %/);
  assert.match(factsOf({ shape: "threads", points, stops_paying_at: 1 })[0]!, /does not pay/);
  assert.deepEqual(factsOf({ shape: "threads", points }), []);
});

test("controls and turns of direction are written out", () => {
  assert.equal(visible("a\u001b[31m\u202eb\nc"), "a\\u{1b}[31m\\u{202e}b\nc");
});

test("the laws agree with their definitions", () => {
  assert.equal(amdahl(0, 8), 8);
  assert.ok(Math.abs(amdahl(0.5, 1e9) - 2) < 1e-6);
  assert.equal(usl(0, 0, 8), 8);
  assert.ok(usl(0, 0.1, 16) < usl(0, 0.1, 3));
});

test("the part of a held thread without a core is told from other waiting", () => {
  const shared = (ready_s: number | null) => ({ lanes: ["thread 1"], ready_s, tasks: [[0, 0, 0, 1, 0.4, 1, null]] as TimelineTask[] });
  assert.equal(readyShare(shared(0.6)), 1);
  assert.equal(readyShare(shared(0.3)), 0.5);
  assert.equal(readyShare(shared(null)), null);
  assert.equal(readyShare({ lanes: ["thread 1"], ready_s: 0.5, tasks: [[0, 0, 0, 1, 1, 1, null]] }), 0);
});

test("two reports: faster, slower, the same within the noise, new, gone", () => {
  const before = small().workloads[0]!;
  const now = small().workloads[0]!;
  now.rows[0]!.wall_s = before.rows[0]!.wall_s! * 1.01;
  now.rows[1]!.wall_s = before.rows[1]!.wall_s! * 0.5;
  now.rows[2]!.wall_s = before.rows[2]!.wall_s! * 2;
  now.rows[3]!.shape = "processes:9";
  now.rows[4]!.failures = 1;
  const words = new Map(pairUp(before, now).map((pair) => [pair.name, change(pair, 0.02)]));
  assert.match(words.get("sync")!, /^the same/);
  assert.equal(words.get("threads:5"), "50 % less time");
  assert.equal(words.get("async:5"), "100 % more time");
  assert.equal(words.get("processes:9"), "new");
  assert.equal(words.get("processes:5"), "gone");
  assert.equal(words.get("hybrid:5"), "not comparable");
});

test("a task that shared its core computed for its CPU time, and got a share", () => {
  assert.equal(shareOfCore([0, 0, 0, 1, 0.25, 1, [[0, 0.5]]]), 0.5);
  assert.equal(shareOfCore([0, 0, 0, 1, null, 1, [[0, 0.5]]]), 1);
  assert.equal(shareOfCore([0, 0, 0, 1, 0.25, 1, null]), 0.25);
  assert.deepEqual(computingSpans([0, 0, 0, 1, 0.25, 1, null]), [[0, 1]]);
  assert.deepEqual(computingSpans([0, 0, 0, 1, 0.01, 1, null]), []);
  assert.equal(computingSpans([0, 0, 0, 1, null, 1, null]), null);
  assert.equal(computingTime([0, 0, 0, 1, 0.25, 1, [[0, 0.5]]]), 0.25);
  assert.equal(computingTime([0, 0, 0, 1, null, 1, [[0, 0.5]]]), 0.5);
});
