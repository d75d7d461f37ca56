// All figures of all rows, in any order.

import { el, freshId } from "./dom.ts";
import { bytes, count, digits, percent, seconds, times } from "./format.ts";
import { nameOf, succeeded, type Row, type Workload } from "./model.ts";

interface Column {
  name: string;
  meaning: string;
  value: (row: Row) => number | string | null | undefined;
  text: (row: Row) => string;
}

const number = (
  name: string,
  meaning: string,
  value: (row: Row) => number | null | undefined,
  text: (value: number | null | undefined) => string,
): Column => ({ name, meaning, value, text: (row) => text(value(row)) });

const round = (value: number | null | undefined): string => (value == null ? "–" : digits(value));

const columns: Column[] = [
  { name: "shape", meaning: "how the tasks were run", value: nameOf, text: nameOf },
  number("time", "from start to end", (row) => row.wall_s, seconds),
  number("± spread", "range of its runs over the median", (row) => (row.walls_s?.length === 1 ? null : row.spread), percent),
  number("speed-up", "times as fast as sync", (row) => row.speedup, times),
  number("of bound", "lower bound / time: 100 % is perfect", (row) => row.of_bound, percent),
  number("CPU", "CPU time of all cores", (row) => row.cpu_s, seconds),
  number("user", "of that, in the program", (row) => row.cpu_user_s, seconds),
  number("system", "of that, in the kernel", (row) => row.cpu_system_s, seconds),
  number("cores busy", "CPU time / time", (row) => row.cores_used, round),
  number("memory", "peak resident memory", (row) => row.peak_rss_bytes, bytes),
  number("waits", "context switches because a thread had to wait", (row) => row.voluntary_switches, count),
  number("preempted", "context switches because the scheduler chose another thread", (row) => row.involuntary_switches, count),
  number("processes", "", (row) => row.processes, count),
  number("threads", "", (row) => row.threads, count),
  number("start-up", "until the first task started", (row) => row.startup_s, seconds),
  number("between processes", "bytes sent, both ways", (row) => row.ipc_bytes, bytes),
  number("time for them", "to encode, write, read and decode data between processes", (row) => row.ipc_s, seconds),
  number("median task", "half of the tasks took at most this long", (row) => row.latency_s?.p50, seconds),
  number("99 % of tasks", "99 of 100 tasks took at most this long", (row) => row.latency_s?.p99, seconds),
  number("slowest task", "", (row) => row.latency_s?.max, seconds),
];

export function resultTable(workload: Workload): HTMLElement {
  const used = columns.filter((column) => workload.rows.some((row) => column.value(row) != null));
  const body = el("tbody");
  const heads = used.map((column) => el("th", { scope: "col", title: column.meaning }));
  let by = -1;
  let rising = true;

  const fill = (): void => {
    const rows = [...workload.rows];
    const column = used[by];
    if (column) rows.sort((a, b) => compareValues(column.value(a), column.value(b)) * (rising ? 1 : -1));
    body.replaceChildren(...rows.map((row) => line(row, used, workload)));
    heads.forEach((head, at) => head.setAttribute("aria-sort", at !== by ? "none" : rising ? "ascending" : "descending"));
  };
  used.forEach((column, at) => {
    const button = el("button", { type: "button" }, column.name);
    button.addEventListener("click", () => {
      rising = by === at ? !rising : true;
      by = at;
      fill();
    });
    heads[at]!.append(button);
  });
  fill();
  const id = freshId("table");
  return el(
    "section",
    { class: "figure", "aria-labelledby": id },
    el("h3", { id }, "All the figures"),
    el("p", { class: "question" }, "What exactly was measured?"),
    el("p", { class: "reading" }, "Each row is the median run of a shape. Click a column's name to sort by it; point at it to see what it means."),
    el(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-labelledby": id },
      el("table", { class: "results" }, el("thead", {}, el("tr", {}, ...heads)), body),
    ),
  );
}

function compareValues(a: number | string | null | undefined, b: number | string | null | undefined): number {
  if (a == null || b == null) return a == null ? (b == null ? 0 : 1) : -1;
  return typeof a === "string" || typeof b === "string"
    ? String(a).localeCompare(String(b), "en", { numeric: true })
    : a - b;
}

function line(row: Row, used: Column[], workload: Workload): HTMLElement {
  const head = el("th", { scope: "row" }, nameOf(row));
  if (!succeeded(row)) {
    const failures = row.failures ? `${count(row.failures)} failed` : "no number";
    return el("tr", { class: "failed" }, head, el("td", { colspan: used.length - 1 }, row.error ?? failures));
  }
  if (row.interpreter?.library) head.append(el("small", {}, ` with ${row.interpreter.library}`));
  const best = row.engine === "fanout" && row.shape === workload.best;
  if (best) head.append(el("span", { class: "badge" }, "best"));
  return el("tr", { class: best ? "best" : null }, head, ...used.slice(1).map((column) => el("td", {}, column.text(row))));
}
