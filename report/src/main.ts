// Puts the page together from the data in it.

import { againstFigure } from "./against.ts";
import { costFigure, speedupFigure } from "./charts.ts";
import { el, freshId } from "./dom.ts";
import { bytes, count, percent, plural, seconds, visible } from "./format.ts";
import { jobPage, parseJob } from "./job.ts";
import { nameOf, paragraphs, parseReport, succeeded, type About, type Report, type Workload } from "./model.ts";
import { sweepFigure } from "./sweep.ts";
import { glossary, linkFirstUses } from "./glossary.ts";
import { resultTable } from "./table.ts";
import { timelineFigure } from "./timeline.ts";
import { whatIfFigure } from "./whatif_figure.ts";

const kinds: Record<string, string> = {
  "I/O-bound": "The tasks mostly wait for a network, a disk or another program. Waiting uses no core, so many tasks can wait at the same time.",
  "CPU-bound": "The tasks compute all the time. More cores make them faster; taking turns on one core does not.",
  mixed: "The tasks wait and compute. The waiting can overlap on one thread; the computing needs cores.",
  "lock-bound": "The tasks need the same lock, and one of them can hold it at a time. More threads only wait longer for it.",
  "memory-bound": "The tasks move more data than the memory can deliver. All cores share the memory.",
};

function verdict(workload: Workload): HTMLElement {
  const best = workload.rows.find((row) => row.engine === "fanout" && row.shape === workload.best);
  const id = freshId("verdict");
  return el(
    "section",
    { class: best ? "verdict" : "verdict open", "aria-labelledby": id },
    el("h3", { id }, best ? `Choose ${workload.best}` : workload.doubt ? "Cannot tell which shape is best" : "All shapes failed"),
    best && succeeded(best) && el("p", { class: "headline" },
      `${seconds(best.wall_s)} for ${plural(workload.tasks, "task")}` +
        (best.speedup != null && best.shape !== "sync" ? `, ${best.speedup.toFixed(2)} times as fast as one after another` : "") +
        (best.of_bound != null ? `; ${percent(best.of_bound)} of the lower bound` : "") + "."),
    (workload.ties?.length ?? 0) > 0 && el("p", {}, `As fast within the noise: ${workload.ties!.join(", ")}.`),
    ...paragraphs(workload.why ?? "").map((each) => el("p", { class: each.startsWith("Cannot tell") ? "beware" : null }, each)),
    workload.noise != null && el("p", { class: "quiet" },
      `Measurement noise: the same computation varied by ${percent(workload.noise)} between the runs.` +
        (workload.others_cores != null && workload.others_cores >= 0.05 ? ` Other programs used ${workload.others_cores.toFixed(2)} cores.` : "")),
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
    whatIfFigure(workload),
    before ? againstFigure(before, workload, about.against ?? "older") : null,
    resultTable(workload),
  ];
  return el(
    "section",
    { class: "workload", "aria-labelledby": id },
    el("h2", { id }, workload.name, workload.kind ? " " : null, workload.kind ? el("span", { class: "kind" }, workload.kind) : null),
    el("p", {}, [workload.description && `${described(workload)}.`, workload.kind && kinds[workload.kind]].filter(Boolean).join(" ").replace("..", ".")),
    verdict(workload),
    failed.length > 0 && el("div", { class: "failures" },
      el("p", {}, `${plural(failed.length, "shape")} failed:`),
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
      el("p", {}, "Run it on this or another machine; --against OLD compares the two reports:"),
      el("pre", {}, el("code", {}, about.command ?? "fanout compare --html report.html"))),
    part("The words", glossary()),
  ];
}

function read<T>(id: string, parse: (text: string) => T): T | null {
  const text = document.getElementById(id)?.textContent?.trim();
  return text ? parse(text) : null;
}

function main(): void {
  const page = document.getElementById("page")!;
  try {
    const job = read("report", parseJob);
    if (job) {
      document.title = visible(`fanout job: ${job.path}`);
      page.replaceChildren(...jobPage(job, read("about", (text) => JSON.parse(text) as About) ?? {}));
      document.documentElement.dataset["ready"] = "yes";
      return;
    }
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
          "The same tasks were run under several shapes on this machine. Some shapes let tasks wait at the same time: " +
            "concurrency. Some let them compute at the same time, on different cores: parallelism. The timelines show which " +
            "of the two happened; the charts show what it gained and what it cost."),
        claims.length > 0 && el("ul", { class: "claims" }, ...claims.map((claim) => el("li", {}, claim))),
        report.workloads.length > 1 && el("p", { class: "answers" }, "In short: ", ...report.workloads.map((each, at) =>
          el("span", {}, at > 0 ? "; " : "", `${each.name}: `, el("strong", {}, each.best ?? (each.doubt ? "cannot tell" : "none")))), ".")),
      ...report.workloads.map((workload) => section(workload, report, before, about)),
      ...ending(report, about),
    );
    linkFirstUses(page);
  } catch (failed) {
    page.replaceChildren(el("p", { role: "alert" }, `This report cannot be shown: ${failed instanceof Error ? failed.message : String(failed)}`));
  }
  document.documentElement.dataset["ready"] = "yes";
}

main();
