// What the small figures share.

import { select, type Selection } from "d3-selection";
import { el } from "./dom.ts";
import { visible } from "./format.ts";

export type Svg = Selection<SVGSVGElement, unknown, null, undefined>;

export function drawing(width: number, height: number, label: string): Svg {
  const svg = select(document.createElementNS("http://www.w3.org/2000/svg", "svg"));
  return svg
    .attr("viewBox", `0 0 ${width} ${height}`)
    .attr("role", "img")
    .attr("aria-label", visible(label))
    .attr("class", "chart");
}

export function wrapped(svg: Svg): HTMLElement {
  return el("div", { class: "chart-frame" }, svg.node());
}
