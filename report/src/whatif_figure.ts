// The predictions of whatif.ts as a table.

import { figure, plainTable } from "./dom.ts";
import { count, seconds } from "./format.ts";
import { succeeded, type Workload } from "./model.ts";
import { predict, questions } from "./whatif.ts";

/** Null also for a run that shows no order: a law fitted to it would be as wrong. */
export function whatIfFigure(workload: Workload): HTMLElement | null {
  if (workload.doubt) return null;
  const rows = workload.rows.filter((row) => row.engine === "fanout" && succeeded(row));
  const row = rows.find((each) => each.shape === workload.best) ?? rows.sort((a, b) => a.wall_s! - b.wall_s!)[0];
  if (!row) return null;
  const lines = questions(workload).flatMap(({ tasks, cores }) => {
    const found = predict(workload, row, tasks, cores);
    const now = tasks === workload.tasks && cores === workload.lower_bound?.cores;
    return found
      ? [[`${count(tasks)} tasks`, count(cores), found.shape, `${seconds(found.likely)}`, `${seconds(found.least)} to ${seconds(found.most)}`, now ? "measured here" : "predicted"]]
      : [];
  });
  if (lines.length < 2) return null;
  return figure(
    "What if there were more tasks, or more cores?",
    "How long would it take with 50 tasks, or on 8 cores?",
    `A law fitted to this run: the time is the greatest of three: the slowest task; the CPU time of all tasks over the cores; the time of all tasks over the tasks in flight. It is multiplied by what ${row.shape} took beyond that here. The range is the measurement noise, or how far the other shapes are from the law if that is more. It does not know the server's limits, nor another machine's speed.`,
    [plainTable(["tasks", "cores", "shape", "time", "range", ""], lines)],
    null,
  );
}
