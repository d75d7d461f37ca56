// Draws the bars of one shape on a canvas. Bars are clipped to what is seen, and what would fall on the same pixels is
// drawn once, so that the cost is bounded by the picture and not by the number of tasks.

import type { Layout, Placed } from "./layout.ts";
import { computingSpans, shareOfCore, type TimelineTask } from "./model.ts";
import { seconds, visible } from "./format.ts";

export const gutter = 92; // for the names of lanes, left of the time axis

export interface Look {
  text: string;
  faint: string;
  ground: string;
  computing: string;
  waiting: string;
  ready: string;
  stripe: string;
  failed: string;
  bound: string;
  focus: string;
}

export function lookOf(element: Element): Look {
  const style = getComputedStyle(element);
  const of = (name: string): string => style.getPropertyValue(name).trim();
  return {
    text: of("--text"),
    faint: of("--line"),
    ground: of("--figure"),
    computing: of("--computing"),
    waiting: of("--waiting"),
    ready: of("--ready"),
    stripe: of("--stripe"),
    failed: of("--failed"),
    bound: of("--bound"),
    focus: of("--focus"),
  };
}

export interface Scene {
  layout: Layout;
  from: number;
  to: number;
  bound: number | null;
  wall: number;
  ready: number; // of what a task did not compute while it held a thread, how much it was ready
  keeps: (task: TimelineTask) => boolean;
  marked: Placed | null;
}

/** The height of one row of bars: many rows share what room there is, and may be thinner than a pixel. */
export function rowHeight(layout: Layout): number {
  return Math.min(16, 240 / Math.max(layout.rowCount, 1));
}

export const laneGap = (layout: Layout): number => (layout.lanes.length <= 24 ? 4 : 0);

export function heightOf(layout: Layout): number {
  return Math.ceil(layout.rowCount * rowHeight(layout) + (layout.lanes.length + 1) * laneGap(layout)) + 2;
}

/** Where a row of bars begins, from the top. */
export function topOf(layout: Layout, laneNumber: number, row: number): number {
  return row * rowHeight(layout) + (laneNumber + 1) * laneGap(layout);
}

export function stripes(look: Look, ratio: number): CanvasPattern | string {
  const size = Math.round(6 * ratio);
  const tile = document.createElement("canvas");
  tile.width = tile.height = size;
  const on = tile.getContext("2d");
  if (!on) return look.waiting;
  on.fillStyle = look.waiting;
  on.fillRect(0, 0, size, size);
  on.strokeStyle = look.stripe;
  on.lineWidth = 1.3 * ratio;
  on.beginPath();
  for (const shift of [-size, 0, size]) {
    on.moveTo(shift - 1, size + 1);
    on.lineTo(shift + size + 1, -1);
  }
  on.stroke();
  return on.createPattern(tile, "repeat") ?? look.waiting;
}

/** Ready, and without a core. */
function dotted(look: Look, of: CanvasRenderingContext2D): CanvasPattern | string {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 4;
  const on = tile.getContext("2d");
  if (!on) return look.ready;
  on.fillStyle = look.ready;
  on.fillRect(0, 0, 4, 4);
  on.fillStyle = look.ground;
  on.fillRect(0, 0, 1.5, 1.5);
  on.fillRect(2, 2, 1.5, 1.5);
  return of.createPattern(tile, "repeat") ?? look.ready;
}

export function paint(canvas: HTMLCanvasElement, scene: Scene, look: Look): void {
  const on = canvas.getContext("2d");
  if (!on) return;
  const ratio = canvas.width / Math.max(canvas.clientWidth, 1);
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  const scale = (width - gutter) / (scene.to - scene.from);
  const x = (time: number): number => gutter + (time - scene.from) * scale;
  on.setTransform(ratio, 0, 0, ratio, 0, 0);
  on.fillStyle = look.ground;
  on.fillRect(0, 0, width, height);

  const { layout } = scene;
  const tall = rowHeight(layout);
  const bar = tall >= 6 ? tall - 2 : tall;
  const hatch = bar >= 5 ? stripes(look, ratio) : look.waiting;
  const patternFits = typeof hatch !== "string";
  if (patternFits) hatch.setTransform(new DOMMatrix().scale(1 / ratio));

  nameLanes(on, layout, look, height);
  on.save();
  on.beginPath();
  on.rect(gutter, 0, width - gutter, height);
  on.clip();
  // All that waits, then all that computes: a change of style costs more than a bar.
  for (const pass of ["whole", "computing", "seams"] as const)
    layout.lanes.forEach((lane, laneNumber) => {
      lane.rows.forEach((row, within) => {
        const top = topOf(layout, laneNumber, lane.firstRow + within);
        if (pass === "whole") whole(on, row, top, Math.max(bar, 1), scene, x, look, hatch);
        else if (pass === "computing") computing(on, row, top, Math.max(bar, 1), scene, x, look);
        else seams(on, row, top, bar, scene, x, look);
      });
    });
  on.globalAlpha = 1;
  upright(on, x(scene.wall), height, look.text, []);
  if (scene.bound !== null) upright(on, x(scene.bound), height, look.bound, [5, 4]);
  if (scene.wall > scene.to) goesOn(on, width, height, scene.wall, look);
  if (scene.marked) ring(on, scene, x, bar, look);
  on.restore();
}

const faded = 0.12; // what the filter leaves out

function whole(
  on: CanvasRenderingContext2D,
  row: Placed[],
  top: number,
  tall: number,
  scene: Scene,
  x: (time: number) => number,
  look: Look,
  hatch: CanvasPattern | string,
): void {
  let painted = -1; // up to where this row has a bar already
  for (let at = firstSeen(row, scene.from); at < row.length; at++) {
    const task = row[at]!.task;
    if (task[2] > scene.to) break;
    const left = x(task[2]);
    const right = Math.max(x(task[3]), left + 1);
    if (right <= painted + 0.5) continue;
    painted = right;
    const alpha = scene.keeps(task) ? 1 : faded;
    if (on.globalAlpha !== alpha) on.globalAlpha = alpha;
    const failed = task[5] === 0;
    on.fillStyle = failed ? look.failed : right - left >= 4 ? hatch : look.waiting;
    on.fillRect(left, top, right - left, tall);
    if (tall < 4 || right - left < 4) continue;
    on.strokeStyle = failed ? look.failed : look.computing;
    on.lineWidth = 1;
    on.strokeRect(left + 0.5, top + 0.5, right - left - 1, tall - 1);
    if (failed && right - left >= 14) cross(on, left + 7, top + tall / 2, look.ground);
  }
}

function computing(
  on: CanvasRenderingContext2D,
  row: Placed[],
  top: number,
  tall: number,
  scene: Scene,
  x: (time: number) => number,
  look: Look,
): void {
  const dots = tall >= 5 ? dotted(look, on) : look.ready;
  on.fillStyle = look.computing;
  let painted = -1;
  for (let at = firstSeen(row, scene.from); at < row.length; at++) {
    const task = row[at]!.task;
    if (task[2] > scene.to) break;
    const spans = computingSpans(task);
    if (!spans || task[5] === 0) continue;
    const alpha = scene.keeps(task) ? 1 : faded;
    if (on.globalAlpha !== alpha) on.globalAlpha = alpha;
    const share = shareOfCore(task) > 0.9 ? 1 : shareOfCore(task); // a tenth is within the error of the clocks
    const readyTall = Math.floor((tall - Math.max(tall * share, Math.min(tall, 1))) * scene.ready);
    for (const [from, to] of spans) {
      if (to < scene.from || from > scene.to) continue;
      const left = x(from);
      const right = Math.max(x(to), left + 0.75);
      if (right <= painted + 0.5) continue;
      painted = right;
      const solid = Math.max(tall * share, Math.min(tall, 1));
      on.fillRect(left, top + tall - solid, right - left, solid);
      if (readyTall < 1) continue;
      on.fillStyle = dots;
      on.fillRect(left, top + tall - solid - readyTall, right - left, readyTall);
      on.fillStyle = look.computing;
    }
  }
}

/** Between tasks that follow each other at once, which would look like one where both compute. */
function seams(on: CanvasRenderingContext2D, row: Placed[], top: number, tall: number, scene: Scene, x: (time: number) => number, look: Look): void {
  const least = 8; // of a bar, in pixels: less would be seams for the most part
  if (tall < 4) return;
  on.globalAlpha = 1;
  on.fillStyle = look.ground;
  for (let at = Math.max(firstSeen(row, scene.from), 1); at < row.length; at++) {
    const task = row[at]!.task;
    const before = row[at - 1]!.task;
    if (task[2] > scene.to) break;
    const left = x(task[2]);
    const end = x(before[3]);
    if (left - end < 2 && x(task[3]) - left >= least && end - x(before[2]) >= least) on.fillRect(Math.round(left) - 1, top, 1.5, tall);
  }
}

function firstSeen(row: Placed[], from: number): number {
  let low = 0;
  let high = row.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (row[middle]!.task[3] < from) low = middle + 1;
    else high = middle;
  }
  return low;
}

function nameLanes(on: CanvasRenderingContext2D, layout: Layout, look: Look, height: number): void {
  on.font = "11px system-ui, sans-serif";
  on.textBaseline = "middle";
  on.fillStyle = look.text;
  let last = -Infinity;
  layout.lanes.forEach((lane, number) => {
    const top = topOf(layout, number, lane.firstRow);
    const middle = top + (lane.rows.length * rowHeight(layout)) / 2;
    if (number > 0 && laneGap(layout) > 0) {
      on.fillStyle = look.faint;
      on.fillRect(0, Math.round(top - laneGap(layout) / 2), on.canvas.clientWidth, 1);
      on.fillStyle = look.text;
    }
    if (middle - last < 12 || middle < 7 || middle + 6 > height) return;
    last = middle;
    on.fillText(shortened(on, visible(lane.name)), 6, middle);
  });
}

function shortened(on: CanvasRenderingContext2D, name: string): string {
  if (on.measureText(name).width <= gutter - 10) return name;
  let kept = name.length;
  while (kept > 1 && on.measureText(`${name.slice(0, kept)}…`).width > gutter - 10) kept--;
  return `${name.slice(0, kept)}…`;
}

function upright(on: CanvasRenderingContext2D, at: number, height: number, colour: string, dashes: number[]): void {
  on.strokeStyle = colour;
  on.lineWidth = dashes.length > 0 ? 2 : 1;
  on.setLineDash(dashes);
  on.beginPath();
  on.moveTo(at, 0);
  on.lineTo(at, height);
  on.stroke();
  on.setLineDash([]);
}

/** An arrow at the right: this shape has not ended where the picture does. */
function goesOn(on: CanvasRenderingContext2D, width: number, height: number, until: number, look: Look): void {
  const words = width < 600 ? "" : `goes on to ${seconds(until)}`;
  const room = on.measureText(words).width + (words ? 24 : 14);
  on.fillStyle = look.ground;
  on.fillRect(width - room, height / 2 - 8, room, 16);
  on.fillStyle = look.text;
  on.fillText(words, width - room + 6, height / 2);
  on.beginPath();
  on.moveTo(width - 9, height / 2 - 6);
  on.lineTo(width - 1, height / 2);
  on.lineTo(width - 9, height / 2 + 6);
  on.fill();
}

function cross(on: CanvasRenderingContext2D, x: number, y: number, colour: string): void {
  on.strokeStyle = colour;
  on.lineWidth = 1.5;
  on.beginPath();
  on.moveTo(x - 3, y - 3);
  on.lineTo(x + 3, y + 3);
  on.moveTo(x + 3, y - 3);
  on.lineTo(x - 3, y + 3);
  on.stroke();
}

function ring(on: CanvasRenderingContext2D, scene: Scene, x: (time: number) => number, bar: number, look: Look): void {
  const { layout, marked } = scene;
  if (!marked) return;
  const laneNumber = layout.lanes.findIndex(
    (lane) => marked.row >= lane.firstRow && marked.row < lane.firstRow + lane.rows.length,
  );
  const top = topOf(layout, laneNumber, marked.row);
  const left = x(marked.task[2]);
  on.strokeStyle = look.focus;
  on.lineWidth = 2.5;
  on.strokeRect(left - 1, top - 1, Math.max(x(marked.task[3]) - left, 2) + 2, Math.max(bar, 3) + 2);
}
