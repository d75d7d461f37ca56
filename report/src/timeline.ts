// The figure that explains: for each shape its lanes, all shapes on one axis of time.

import { axisBottom, axisTop } from "d3-axis";
import { scaleLinear } from "d3-scale";
import { select } from "d3-selection";
import { el, figure, freshId, plainTable } from "./dom.ts";
import { axisSeconds, count, percent, plural, seconds, visible } from "./format.ts";
import { findAt, layOut, makeFilter, type Layout, type Placed } from "./layout.ts";
import { computingTime, lanesInWords, mostlyWaiting, nameOf, overlapOf, readyShare, shareOfCore, type Row, type Timeline, type TimelineTask, type Workload } from "./model.ts";
import { gutter, heightOf, lookOf, paint, rowHeight, topOf } from "./paint.ts";

type Drawn = Row & { timeline: Timeline };

interface Strip {
  row: Drawn;
  layout: Layout;
  canvas: HTMLCanvasElement;
  block: HTMLElement;
  marked: Placed | null;
  keeps: (task: TimelineTask) => boolean;
  end: number; // of the run that is drawn
  ready: number; // readyShare, 0 where it is not known
  note: { at: number; element: HTMLElement } | null; // an arrow to a moment of it
  seen: boolean; // by the reader: others are drawn when they come into view
}

const mostTextRows = 200;

/** What the picture of one shape shows, in a sentence. */
export function describe(row: Drawn, cores: number): string {
  const known = described.get(row);
  if (known !== undefined) return known;
  const text = overlapInWords(row, cores);
  described.set(row, text);
  return text;
}

const described = new WeakMap<Drawn, string>();

function overlapInWords(row: Drawn, cores: number): string {
  const overlap = overlapOf(row.timeline);
  const lanes = lanesInWords(row.timeline.lanes);
  const under =
    overlap.underWay <= 1 ? "one task at a time" : `up to ${plural(overlap.underWay, "task")} in flight at once`;
  const computing =
    overlap.computing === null
      ? ""
      : mostlyWaiting(row.timeline)
        ? ", waiting nearly all the time"
        : overlap.computing === 1
          ? ", never more than one computing at the same moment"
          : overlap.computing <= cores
            ? `, up to ${count(overlap.computing)} computing at the same moment`
            : `, up to ${count(overlap.computing)} that want to compute at the same moment, on ${plural(cores, "core")}: while ${count(cores)} of them compute${cores === 1 ? "s" : ""}, the others are ready and wait for a core`;
  return `${lanes}; ${under}${computing}.`;
}

export function describeTask(task: TimelineTask, timeline: Timeline, ready = 0): string[] {
  const took = task[3] - task[2];
  const computing = computingTime(task);
  const lines = [
    `Task ${task[0]}, ${timeline.lanes[task[1]] ?? `lane ${task[1] + 1}`}`,
    `from ${seconds(task[2])} to ${seconds(task[3])}: took ${seconds(took)}`,
  ];
  if (computing !== null)
    lines.push(
      `computing ${seconds(computing)}${took > 0 ? ` (${percent(Math.min(computing / took, 1))})` : ""}, ` +
        `waiting ${seconds(Math.max(took - computing, 0))}` +
        (ready > 0.1 && computing < 0.9 * took ? ", for a core too" : ""),
    );
  lines.push(task[5] === 0 ? "failed" : "succeeded");
  return lines;
}

export function timelineFigure(workload: Workload, cores: number): HTMLElement | null {
  const rows = workload.rows.filter((row): row is Drawn => !!row.timeline && row.timeline.tasks.length > 0);
  if (rows.length === 0) return null;
  const stack = new Stack(workload, rows, cores);
  const sharesUnknown = rows.some((row) => !mostlyWaiting(row.timeline) && row.timeline.tasks.some((task) => task[4] === null));
  return figure(
    "What happened, moment by moment",
    "When did each task wait, and when did it compute?",
    "Time runs from left to right, on the same scale for all shapes. Each bar is one task. Bars above each other in one lane " +
      "take turns on one thread or process: concurrency. Solid parts in several lanes at the same moment compute on " +
      "different cores: parallelism. A bar that is solid to a part of its height had a core for that part of the time; the " +
      "dotted part above it was ready and had none" +
      (sharesUnknown ? "; tasks of an event loop are drawn as if they had a core all the time. " : ". ") +
      "All bars and times here are of one run, made to be drawn; the other figures are of the median run.",
    stack.elements,
    stack.asText(),
  );
}

class Stack {
  readonly elements: Node[];
  private readonly strips: Strip[];
  private readonly end: number;
  private readonly closeUp: number; // where all but the slowest shape have ended
  private from = 0;
  private to: number;
  private readonly bound: number | null;
  private readonly axis = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  private readonly foot = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  private readonly tip = el("div", { class: "tip", hidden: true });
  private readonly spoken = el("p", { class: "spoken", "aria-live": "polite" });
  private readonly frame: HTMLElement;
  private waiting = false;

  constructor(workload: Workload, rows: Drawn[], private readonly cores: number) {
    this.bound = workload.lower_bound_s ?? null;
    this.end = Math.max(...rows.map((row) => lastEnd(row.timeline)), this.bound ?? 0, 1e-9) * 1.02;
    const walls = rows.map((row) => lastEnd(row.timeline)).sort((a, b) => a - b);
    this.closeUp = Math.min((walls.at(-2) ?? this.end) * 1.15, this.end);
    // Next to a plain loop that takes a hundred times as long the others would be a line.
    this.to = this.end > this.closeUp * 6 ? this.closeUp : this.end;
    this.strips = rows.map((row) => this.strip(row));
    for (const svg of [this.axis, this.foot]) svg.setAttribute("aria-hidden", "true");
    this.axis.classList.add("axis", "axis-top");
    this.foot.classList.add("axis");
    this.frame = el(
      "div",
      { class: "timelines" },
      this.axis,
      ...this.strips.map((strip) => strip.block),
      this.foot,
      this.tip,
      this.spoken,
    );
    this.elements = [this.legend(), this.toolbar(), this.frame];
    new ResizeObserver(() => this.drawSoon()).observe(this.frame);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.drawSoon());
    // What is printed has the colours of paper: the canvas has to be painted with them before.
    const onPaper = matchMedia("print");
    onPaper.addEventListener("change", () => this.draw(onPaper.matches));
    addEventListener("beforeprint", () => this.draw(true));
    addEventListener("afterprint", () => this.drawSoon());
    const watch = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          const strip = this.strips.find((each) => each.canvas === entry.target);
          if (strip) strip.seen = entry.isIntersecting;
        }
        this.drawSoon();
      },
      { rootMargin: "200px" },
    );
    for (const strip of this.strips) watch.observe(strip.canvas);
    this.addNotes();
  }

  /** Points at the first overlap on one thread, and at the first moment at which several cores compute. */
  private addNotes(): void {
    const add = (strip: Strip | undefined, at: number, text: string): void => {
      if (!strip || strip.note) return;
      const element = el("p", { class: "note" }, `↑ ${text}`);
      strip.block.append(element);
      strip.note = { at, element };
    };
    // Where the first task that ends is half done, all that start with it are in flight.
    const middle = (strip: Strip | undefined): number => (strip ? Math.min(...strip.row.timeline.tasks.map((task) => task[3])) / 2 : 0);
    const hasCores = (timeline: Timeline): boolean => timeline.tasks.reduce((sum, task) => sum + shareOfCore(task), 0) > 0.7 * timeline.tasks.length;
    const loop = this.strips.find(({ row }) => row.timeline.lanes.length === 1 && overlapOf(row.timeline).underWay > 1 && mostlyWaiting(row.timeline));
    add(loop, middle(loop), `these ${count(loop ? overlapOf(loop.row.timeline).underWay : 0)} tasks overlap on one thread: concurrency`);
    const parallel = this.strips.find(({ row }) => row.timeline.lanes.length > 1 && !mostlyWaiting(row.timeline) && hasCores(row.timeline) && (overlapOf(row.timeline).computing ?? 0) > 1);
    add(parallel, middle(parallel), `${plural(Math.min(this.cores, parallel ? overlapOf(parallel.row.timeline).computing ?? 0 : 0), "core")} compute at this moment: parallelism`);
  }

  private placeNote(strip: Strip): void {
    if (!strip.note) return;
    const { at, element } = strip.note;
    const x = gutter + ((at - this.from) / (this.to - this.from)) * (strip.canvas.clientWidth - gutter);
    element.hidden = at < this.from || at > this.to;
    const right = x > strip.canvas.clientWidth / 2;
    element.style.paddingLeft = right ? "0" : `${Math.max(x - 5, 0)}px`;
    element.style.paddingRight = right ? `${Math.max(strip.canvas.clientWidth - x - 5, 0)}px` : "0";
    element.style.textAlign = right ? "right" : "left";
  }

  asText(): HTMLElement {
    return el(
      "div",
      {},
      plainTable(
        ["shape", "time", "what the picture shows"],
        this.strips.map(({ row, end }) => [nameOf(row), seconds(end), describe(row, this.cores)]),
      ),
      ...this.strips.map(({ row }) => this.tasksAsText(row)),
    );
  }

  // Made when it is opened: ten thousand rows that nobody reads would slow the page down.
  private tasksAsText(row: Drawn): HTMLElement {
    const details = el("details", {}, el("summary", {}, `${nameOf(row)}: the tasks`));
    details.addEventListener("toggle", () => {
      if (!details.open || details.childElementCount > 1) return;
      const shown = row.timeline.tasks.slice(0, mostTextRows);
      details.append(
        plainTable(
          ["task", "lane", "start", "end", "took", "computing", "result"],
          shown.map((task) => [
            count(task[0]),
            row.timeline.lanes[task[1]] ?? `lane ${task[1] + 1}`,
            seconds(task[2]),
            seconds(task[3]),
            seconds(task[3] - task[2]),
            seconds(computingTime(task)),
            task[5] === 0 ? "failed" : "ok",
          ]),
        ),
      );
      const left = row.timeline.tasks.length - shown.length;
      if (left > 0) details.append(el("p", {}, `and ${count(left)} more, in the JSON`));
    });
    return details;
  }

  private legend(): HTMLElement {
    const key = (kind: string, text: string): HTMLElement =>
      el("li", {}, el("span", { class: `swatch ${kind}`, "aria-hidden": "true" }), text);
    return el(
      "ul",
      { class: "legend" },
      key("computing", "computing: uses a core"),
      this.strips.some((strip) => strip.ready > 0.1) && key("ready", "ready: wants to compute, waits for a core"),
      key("waiting", "waiting: needs no core"),
      key("failed", "failed"),
      this.bound !== null && key("bound", `lower bound, ${seconds(this.bound)}: no shape can be faster`),
      key("wall", "end of the last task"),
    );
  }

  private toolbar(): HTMLElement {
    const button = (label: string, title: string, act: () => void): HTMLElement => {
      const made = el("button", { type: "button", title }, label);
      made.addEventListener("click", act);
      return made;
    };
    const which = el(
      "select",
      { "aria-label": "Which tasks" },
      el("option", { value: "all" }, "all tasks"),
      el("option", { value: "slowest" }, "slowest tenth"),
      el("option", { value: "failed" }, "failed"),
    );
    const numbers = el("input", { type: "text", placeholder: "task numbers: 3, 10-20", "aria-label": "Task numbers" });
    const filter = (): void => {
      for (const strip of this.strips)
        strip.keeps = makeFilter(strip.row.timeline.tasks, which.value, numbers.value);
      const kept = this.strips.map((strip) => strip.row.timeline.tasks.filter(strip.keeps).length);
      this.spoken.textContent =
        which.value === "all" && numbers.value === ""
          ? ""
          : `Shown: ${this.strips.map((strip, at) => `${nameOf(strip.row)} ${count(kept[at])}`).join(", ")}`;
      this.drawSoon();
    };
    which.addEventListener("change", filter);
    numbers.addEventListener("input", filter);
    const shapes = this.strips.map((strip) => {
      const box = el("input", { type: "checkbox", checked: true });
      box.addEventListener("change", () => {
        strip.block.hidden = !box.checked;
        this.drawSoon();
      });
      return el("label", {}, box, ` ${nameOf(strip.row)}`);
    });
    return el(
      "div",
      { class: "toolbar", role: "group", "aria-label": "Zoom and filter" },
      button("+", "Zoom in (+)", () => this.zoom(0.5)),
      button("−", "Zoom out (-)", () => this.zoom(2)),
      button("whole run", "Show the whole run (0)", () => this.show(0, this.end)),
      button("without the slowest", "Show the time until all but the slowest have ended (1)", () => this.show(0, this.closeUp)),
      which,
      numbers,
      el("span", { class: "shapes" }, ...shapes),
      el("span", { class: "hint" }, "Point at a bar, or Tab to a picture and use ← → ↑ ↓; + − 0 or Ctrl + wheel zoom; drag moves."),
    );
  }

  private strip(row: Drawn): Strip {
    const layout = layOut(row.timeline.lanes, row.timeline.tasks);
    const id = freshId("strip");
    const canvas = el("canvas", {
      tabindex: 0,
      role: "img",
      "aria-roledescription": "timeline",
      "aria-label": visible(`Timeline of ${nameOf(row)}: ${seconds(lastEnd(row.timeline))}. ${describe(row, this.cores)} Arrow keys go through the tasks.`),
      "aria-describedby": id,
    });
    canvas.style.height = `${heightOf(layout)}px`;
    const block = el(
      "div",
      { class: "strip" },
      el(
        "div",
        { class: "strip-head", id },
        el("strong", {}, nameOf(row)),
        ` ${seconds(lastEnd(row.timeline))}`,
        el("span", { class: "quiet" }, ` · ${describe(row, this.cores)}`),
      ),
      canvas,
    );
    const strip: Strip = { row, layout, canvas, block, marked: null, keeps: () => true, seen: false, end: lastEnd(row.timeline), ready: readyShare(row.timeline) ?? 0, note: null };
    canvas.addEventListener("pointermove", (event) => this.hover(strip, event));
    canvas.addEventListener("pointerleave", () => this.mark(strip, null));
    canvas.addEventListener("pointerdown", (event) => this.drag(strip, event));
    canvas.addEventListener("wheel", (event) => this.wheel(strip, event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(strip, event));
    canvas.addEventListener("blur", () => this.mark(strip, null));
    return strip;
  }

  private scale(strip: Strip): (pixel: number) => number {
    const width = Math.max(strip.canvas.clientWidth - gutter, 1);
    return (pixel) => this.from + ((pixel - gutter) / width) * (this.to - this.from);
  }

  private at(strip: Strip, event: PointerEvent): Placed | null {
    const time = this.scale(strip);
    const { layout } = strip;
    const tall = rowHeight(layout);
    for (const [number, lane] of layout.lanes.entries()) {
      const within = Math.floor((event.offsetY - topOf(layout, number, lane.firstRow)) / tall);
      const row = lane.rows[within];
      if (event.offsetX >= gutter && row) return findAt(row, time(event.offsetX), time(gutter + 4) - time(gutter));
    }
    return null;
  }

  private hover(strip: Strip, event: PointerEvent): void {
    if (event.buttons !== 0) return;
    this.mark(strip, this.at(strip, event), event);
  }

  private mark(strip: Strip, placed: Placed | null, near?: PointerEvent): void {
    if (strip.marked !== placed) {
      strip.marked = placed;
      this.drawSoon();
    }
    this.tip.hidden = !placed;
    if (!placed) return;
    const lines = describeTask(placed.task, strip.row.timeline, strip.ready);
    this.tip.replaceChildren(...lines.map((line, at) => el(at === 0 ? "strong" : "div", {}, line)));
    if (!near) this.spoken.textContent = visible(`${lines.join(", ")}.`);
    const frame = this.frame.getBoundingClientRect();
    const canvas = strip.canvas.getBoundingClientRect();
    const width = strip.canvas.clientWidth - gutter;
    const x = near
      ? near.clientX - frame.left
      : canvas.left - frame.left + gutter + ((placed.task[2] - this.from) / (this.to - this.from)) * width;
    const y = near ? near.clientY - frame.top : canvas.top - frame.top + strip.canvas.clientHeight * (placed.row / Math.max(strip.layout.rowCount, 1));
    this.tip.style.left = `${Math.min(Math.max(x + 14, 0), Math.max(frame.width - 270, 0))}px`;
    this.tip.style.top = `${y + 18}px`;
  }

  private drag(strip: Strip, event: PointerEvent): void {
    if (event.button !== 0) return;
    const { from, to } = this;
    const perPixel = (to - from) / Math.max(strip.canvas.clientWidth - gutter, 1);
    const move = (moved: PointerEvent): void => {
      const by = (event.clientX - moved.clientX) * perPixel;
      this.show(from + by, to + by);
    };
    const end = (): void => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  }

  // The plain wheel scrolls the page, unless the reader has chosen this picture.
  private wheel(strip: Strip, event: WheelEvent): void {
    if (!event.ctrlKey && document.activeElement !== strip.canvas) return;
    event.preventDefault();
    this.zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 200))), this.scale(strip)(event.offsetX));
  }

  private key(strip: Strip, event: KeyboardEvent): void {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const step = (this.to - this.from) / 4;
    const acts: Record<string, () => void> = {
      "+": () => this.zoom(0.5),
      "=": () => this.zoom(0.5),
      "-": () => this.zoom(2),
      "0": () => this.show(0, this.end),
      "1": () => this.show(0, this.closeUp),
      PageUp: () => this.show(this.from - step, this.to - step),
      PageDown: () => this.show(this.from + step, this.to + step),
      Escape: () => this.mark(strip, null),
      ArrowRight: () => this.step(strip, 1),
      ArrowLeft: () => this.step(strip, -1),
      ArrowDown: () => this.stepLane(strip, 1),
      ArrowUp: () => this.stepLane(strip, -1),
      Home: () => this.step(strip, -Infinity),
      End: () => this.step(strip, Infinity),
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  private step(strip: Strip, by: number): void {
    const order = strip.layout.inOrder.filter((placed) => strip.keeps(placed.task));
    if (order.length === 0) return;
    const now = strip.marked ? order.indexOf(strip.marked) : by > 0 ? -1 : order.length;
    const next = order[Math.max(0, Math.min(order.length - 1, now + by))];
    if (next) this.focusOn(strip, next);
  }

  private stepLane(strip: Strip, by: number): void {
    const { lanes } = strip.layout;
    const marked = strip.marked;
    if (!marked) return this.step(strip, 1);
    const rows = lanes.flatMap((lane) => lane.rows);
    const next = rows[marked.row + by];
    const found = next && findAt(next, (marked.task[2] + marked.task[3]) / 2, Infinity);
    if (found) this.focusOn(strip, found);
  }

  private focusOn(strip: Strip, placed: Placed): void {
    const { task } = placed;
    if (task[3] < this.from || task[2] > this.to) {
      const half = (this.to - this.from) / 2;
      this.show(task[2] - half, task[2] + half);
    }
    this.mark(strip, placed);
  }

  private zoom(factor: number, around = (this.from + this.to) / 2): void {
    const least = this.end / 1e6;
    const span = Math.min(Math.max((this.to - this.from) * factor, least), this.end);
    const share = (around - this.from) / (this.to - this.from);
    this.show(around - span * share, around + span * (1 - share));
  }

  private show(from: number, to: number): void {
    const span = Math.min(to - from, this.end);
    this.from = Math.min(Math.max(from, 0), this.end - span);
    this.to = this.from + span;
    this.drawSoon();
  }

  private drawSoon(): void {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw();
    });
  }

  private draw(all = false): void {
    const look = lookOf(this.frame);
    const ratio = devicePixelRatio || 1;
    for (const strip of this.strips) {
      const { canvas } = strip;
      this.placeNote(strip);
      if (!(strip.seen || all) || strip.block.hidden || canvas.clientWidth === 0) continue;
      const width = Math.round(canvas.clientWidth * ratio);
      const height = Math.round(canvas.clientHeight * ratio);
      if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width;
        canvas.height = height;
      }
      paint(
        canvas,
        {
          layout: strip.layout,
          from: this.from,
          to: this.to,
          bound: this.bound,
          wall: strip.end,
          ready: strip.ready,
          keeps: strip.keeps,
          marked: strip.marked,
        },
        look,
      );
    }
    this.frame.dataset["from"] = String(this.from);
    this.frame.dataset["to"] = String(this.to);
    this.drawAxes();
  }

  private drawAxes(): void {
    const width = this.frame.clientWidth;
    if (width <= gutter) return;
    const scale = scaleLinear([this.from, this.to], [gutter, width - 1]);
    const ticks = scale.ticks(Math.max(2, Math.floor((width - gutter) / 90)));
    const inWords = axisSeconds(ticks);
    for (const [svg, axis, shift] of [
      [this.axis, axisTop(scale), 25],
      [this.foot, axisBottom(scale), 1],
    ] as const) {
      const on = select(svg).attr("width", width).attr("height", 27);
      on.selectAll("*").remove();
      on.append("g")
        .attr("transform", `translate(0,${shift})`)
        .call(axis.tickValues(ticks).tickFormat((value) => inWords(Number(value))))
        .selectAll<SVGTextElement, unknown>(".tick text")
        .filter((value) => scale(Number(value)) > width - 28) // or its end would be cut off
        .attr("text-anchor", "end")
        .attr("dx", 4);
    }
  }
}

function lastEnd(timeline: Timeline): number {
  let last = 0;
  for (const task of timeline.tasks) last = Math.max(last, task[3]);
  return last;
}
