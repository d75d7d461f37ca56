// Elements from text. There is no way here to make an element from markup: what servers sent stays text.

import { visible } from "./format.ts";

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined>;

export function el<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes))
    if (value != null && value !== false) element.setAttribute(key, value === true ? "" : String(value));
  for (const child of children)
    if (child) element.append(typeof child === "string" ? document.createTextNode(visible(child)) : child);
  return element;
}

let numbered = 0;
export const freshId = (stem: string): string => `${stem}-${++numbered}`;

/** A figure: a heading, the question it answers, how to read it, the picture, and the same as text. */
export function figure(title: string, question: string, reading: string, picture: Node[], alternative: Node | null): HTMLElement {
  const id = freshId("figure");
  return el(
    "section",
    { class: "figure", "aria-labelledby": id },
    el("h3", { id }, title),
    el("p", { class: "question" }, question),
    el("p", { class: "reading" }, reading),
    ...picture,
    alternative && el("details", { class: "as-text" }, el("summary", {}, "The same as text"), alternative),
  );
}

/** A table of text. The first column names the row. */
export function plainTable(head: string[], rows: string[][]): HTMLElement {
  return el(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table" },
    el(
      "table",
      {},
      el("thead", {}, el("tr", {}, ...head.map((name) => el("th", { scope: "col" }, name)))),
      el(
        "tbody",
        {},
        ...rows.map((cells) =>
          el("tr", {}, ...cells.map((cell, at) => (at === 0 ? el("th", { scope: "row" }, cell) : el("td", {}, cell)))),
        ),
      ),
    ),
  );
}
