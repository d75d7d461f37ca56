// What the small figures share.

import type { ScaleContinuousNumeric } from "d3-scale";
import { select, type Selection } from "d3-selection";
import { el } from "./dom.ts";
import { visible } from "./format.ts";

export type Svg = Selection<SVGSVGElement, unknown, null, undefined>;
export type Scale = ScaleContinuousNumeric<number, number>;

export const letter = 7; // the width of one, about, in the text of a figure

const narrowest = 280;
const usual = 560;
const widest = 640;

/** Drawn for the width that it gets, so that its text is as large on a telephone as elsewhere. `draw` returns the height. */
export function fitted(label: string, draw: (svg: Svg, width: number) => number): HTMLElement {
  const frame = el("div", { class: "chart-frame" });
  let drawn = 0;
  const redraw = (room: number): void => {
    const width = Math.min(Math.max(Math.round(room), narrowest), widest);
    if (width === drawn) return;
    drawn = width;
    const svg = select(document.createElementNS("http://www.w3.org/2000/svg", "svg"));
    svg.attr("role", "img").attr("aria-label", visible(label)).attr("class", "chart");
    svg.attr("viewBox", `0 0 ${width} ${draw(svg, width)}`);
    frame.replaceChildren(svg.node()!);
  };
  redraw(usual);
  new ResizeObserver((entries) => {
    const room = entries.at(-1)!.contentRect.width;
    if (room > 0) redraw(room);
  }).observe(frame);
  return frame;
}

export const cut = (name: string, most: number): string => {
  const shown = visible(name);
  return shown.length <= most ? shown : `${shown.slice(0, Math.max(most - 1, 1))}…`;
};

export function axisName(svg: Svg, text: string, x: number, y: number, anchor: "start" | "end"): void {
  svg.append("text").attr("class", "axis-name").attr("x", x).attr("y", y).attr("text-anchor", anchor).text(visible(text));
}
