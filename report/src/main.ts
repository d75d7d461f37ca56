// Puts the page together from the data in it.

import { againstFigure } from "./against.ts";
import { costFigure, speedupFigure } from "./charts.ts";
import { el, freshId } from "./dom.ts";
import { bytes, count, percent, plural, seconds, visible } from "./format.ts";
import { nameOf, paragraphs, parseReport, succeeded, type About, type Report, type Workload } from "./model.ts";
import { sweepFigure } from "./sweep.ts";
import { resultTable } from "./table.ts";
import { timelineFigure } from "./timeline.ts";

const kinds: Record<string, string> = {
  "I/O-bound": "Its tasks mostly wait, for a network, a disk or another program. Tasks that wait can wait together.",
  "CPU-bound": "Its tasks compute all the time. Only more cores make them faster; taking turns does not.",
  mixed: "Its tasks wait for a while and compute for a while. The waiting can overlap, the computing needs cores.",
  "lock-bound": "Its tasks need the same lock, and only one can have it. More threads wait for each other.",
  "memory-bound": "Its tasks move more data than the memory can deliver. More cores share the same memory.",
};

const words: [string, string][] = [
  ["task", "One call of a function with one input, such as fetching one page."],
  ["shape", "How many tasks can be under way, and where: one after another, on threads, on an event loop, in processes."],
  ["sync", "One task after another: the plain loop all others are measured against."],
  ["threads:N", "N threads of one process, a task on each. They share memory, and can compute on different cores."],
  ["async:N", "N tasks that take turns on one thread, an event loop. While one waits, another goes on."],
  ["processes:N", "N separate programs, a task in each. They share nothing; starting them and sending data costs time."],
  ["hybrid:N", "An event loop on every core, N tasks in flight altogether."],
  ["lane", "One thread or process of a shape: a row of the timeline."],
  ["lower bound", "The least time this work can take here: one task cannot be split, and the cores can do only so much."],
  ["concurrency", "Tasks overlap: several have begun and have not ended. One core is enough for that."],
  ["parallelism", "Tasks compute at the same moment, on different cores."],
];

function verdict(workload: Workload): HTMLElement {
  const best = workload.rows.find((row) => row.engine === "fanout" && row.shape === workload.best);
  const id = freshId("verdict");
  return el(
    "section",
    { class: "verdict", "aria-labelledby": id },
    el("h3", { id }, best ? `Choose ${workload.best}` : "No shape to choose"),
    best && succeeded(best) && el("p", { class: "headline" },
      `${seconds(best.wall_s)} for ${plural(workload.tasks, "task")}` +
        (best.speedup != null && best.shape !== "sync" ? `, ${best.speedup.toFixed(2)} times as fast as one after another` : "") +
        (best.of_bound != null ? `; ${percent(best.of_bound)} of the lower bound` : "") + "."),
    ...paragraphs(workload.why ?? "").map((each) => el("p", { class: each.startsWith("Beware: ") ? "beware" : null }, each)),
    workload.noise != null && el("p", { class: "quiet" }, `The same piece of work, measured again and again, varied by ${percent(workload.noise)} on this machine: smaller differences mean nothing.`),
  );
}

/** "5 fetches of a page": a description that does not begin with how many tasks there are gets it. */
function described(workload: Workload): string {
  const description = workload.description ?? "";
  return description.startsWith(`${workload.tasks} `) ? description : `${plural(workload.tasks, "task")}: ${description}`;
}

function section(workload: Workload, report: Report, before: Report | null, about: About): HTMLElement {
  const id = freshId("workload");
  const failed = workload.rows.filter((row) => !succeeded(row));
  const figures = [
    timelineFigure(workload, report.machine.cores ?? 1),
    el("div", { class: "side-by-side" }, speedupFigure(workload, report.machine.cores), costFigure(workload, report.machine.cores)),
    workload.sweep ? sweepFigure(workload.sweep) : null,
    before ? againstFigure(before, workload, about.against ?? "older") : null,
    resultTable(workload),
  ];
  return el(
    "section",
    { class: "workload", "aria-labelledby": id },
    el("h2", { id }, workload.name, workload.kind ? el("span", { class: "kind" }, workload.kind) : null),
    el("p", {}, [workload.description && `${described(workload)}.`, workload.kind && kinds[workload.kind]].filter(Boolean).join(" ").replace("..", ".")),
    verdict(workload),
    failed.length > 0 && el("div", { class: "failures" },
      el("p", {}, `${plural(failed.length, "shape")} without a number:`),
      el("ul", {}, ...failed.map((row) => el("li", {}, el("strong", {}, nameOf(row)), ` ${row.error ?? `${count(row.failures)} failed`}`)))),
    ...figures,
  );
}

function ending(report: Report, about: About): HTMLElement[] {
  const { machine } = report;
  const facts: [string, string][] = [
    ["Cores", count(machine.cores)],
    ["Processor", machine.cpu ?? "–"],
    ["Memory", bytes(machine.memory_bytes)],
    ["System", machine.system ?? "–"],
  ];
  if (about.version) facts.push(["Measured by", `fanout ${about.version}`]);
  if (about.made) facts.push(["When", about.made]);
  const list = (pairs: [string, string][]): HTMLElement =>
    el("dl", {}, ...pairs.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
  const part = (title: string, ...content: (Node | false)[]): HTMLElement => {
    const id = freshId("part");
    return el("section", { "aria-labelledby": id }, el("h2", { id }, title), ...content);
  };
  return [
    part("The machine", list(facts)),
    part("Do it again",
      el("p", {}, "On this or another machine, and lay the two reports side by side with --against:"),
      el("pre", {}, el("code", {}, about.command ?? "fanout compare --html report.html"))),
    part("The words", list(words)),
  ];
}

function read<T>(id: string, parse: (text: string) => T): T | null {
  const text = document.getElementById(id)?.textContent?.trim();
  return text ? parse(text) : null;
}

function main(): void {
  const page = document.getElementById("page")!;
  try {
    const report = read("report", parseReport);
    if (!report) throw new Error("there is no report in this page");
    const before = read("before", parseReport);
    const about = read("about", (text) => JSON.parse(text) as About) ?? {};
    const claims = report.claims ?? [];
    document.title = visible(`fanout compare: ${report.workloads.map((each) => each.name).join(", ")}`);
    page.replaceChildren(
      el("header", {},
        el("h1", {}, "Concurrent or parallel, and which kind?"),
        el("p", { class: "lead" },
          "The same work was run in several ways on this machine. Some ways let tasks wait together, some let them compute at " +
            "the same moment on different cores. The pictures show which of the two happened, the figures what it gained and " +
            "what it cost."),
        claims.length > 0 && el("ul", { class: "claims" }, ...claims.map((claim) => el("li", {}, claim))),
        report.workloads.length > 1 && el("p", { class: "answers" }, "In short: ", ...report.workloads.map((each, at) =>
          el("span", {}, at > 0 ? "; " : "", `${each.name}: `, el("strong", {}, each.best ?? "none"))), ".")),
      ...report.workloads.map((workload) => section(workload, report, before, about)),
      ...ending(report, about),
    );
  } catch (failed) {
    page.replaceChildren(el("p", { role: "alert" }, `This report cannot be shown: ${failed instanceof Error ? failed.message : String(failed)}`));
  }
  document.documentElement.dataset["ready"] = "yes";
}

main();
