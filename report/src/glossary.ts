// The words of the page: each is explained at the end, and linked from where it is used first.

import { el } from "./dom.ts";

export const words: [string, string][] = [
  ["task", "One call of a function with one input, for example fetching one page."],
  ["shape", "How many tasks run at the same time, and where: one after another, on threads, on an event loop, in processes."],
  ["in flight", "A task is in flight from its start to its end, whether it waits or computes."],
  ["sync", "One task after another: the plain loop. All other shapes are measured against it."],
  ["threads:N", "N threads of one process, one task on each. They share memory and can compute on different cores."],
  ["async:N", "N tasks that take turns on one thread, an event loop. While one waits, another continues."],
  ["processes:N", "N worker processes, one task in each. They share nothing; starting them and sending data takes time."],
  ["hybrid:N", "An event loop on every core, with N tasks in flight in total."],
  ["event loop", "A thread that continues whichever task can go on, and waits for all the others at the same time."],
  ["lane", "One thread or process of a shape: one row of the timeline."],
  ["core", "A part of the processor that executes one thread at a time."],
  ["lower bound", "The least time this work can take on this machine. One task cannot be split, and a core gives one second of CPU time per second."],
  ["CPU time", "The time for which cores executed the program, added up over all cores."],
  ["concurrency", "Tasks overlap: several have started and have not ended. One core is enough for that."],
  ["parallelism", "Tasks compute at the same time, on different cores."],
  ["ready", "A task that could compute but has no core: other threads have them all."],
  ["measurement noise", "How much the time of the same work varies between runs. Smaller differences mean nothing."],
  ["GIL", "The lock of the CPython interpreter: one thread at a time can execute Python code."],
];

const idOf = (word: string): string => `word-${word.replace(/[^A-Za-z]/g, "").toLowerCase()}`;

export function glossary(): HTMLElement {
  return el("dl", {}, ...words.map(([name, value]) => el("div", { id: idOf(name) }, el("dt", {}, name), el("dd", {}, value))));
}

/** Where a word stands in a text: as a whole word, also in the plural; shapes with any number. */
export function findWord(text: string, word: string): { at: number; length: number } | null {
  const pattern = word.endsWith(":N") ? `${word.slice(0, -1)}\\d+(?!\\w)` : `${word}s?(?![\\w:])`;
  const found = new RegExp(`(?<![\\w:])${pattern}`, word === "GIL" || word === "CPU time" ? "" : "i").exec(text);
  return found ? { at: found.index, length: found[0].length } : null;
}

/** Links the first use of each word below `root`, in the order of the page, to its explanation. Text stays text. */
export function linkFirstUses(root: Element): void {
  const left = new Map(words);
  const places = root.querySelectorAll(".lead, .claims li, section.workload > p, .verdict p, .question, .reading, .legend li, .strip-head .quiet");
  for (const place of places) {
    for (const node of [...place.childNodes]) {
      if (node.nodeType !== Node.TEXT_NODE) continue;
      let rest = node as Text;
      for (;;) {
        let first: { at: number; length: number; word: string } | null = null;
        for (const word of left.keys()) {
          const found = findWord(rest.data, word);
          if (found && (!first || found.at < first.at || (found.at === first.at && found.length > first.length))) first = { ...found, word };
        }
        if (!first) break;
        const used = rest.splitText(first.at);
        rest = used.splitText(first.length);
        used.replaceWith(el("a", { class: "word", href: `#${idOf(first.word)}`, title: left.get(first.word)! }, used.data));
        left.delete(first.word);
      }
    }
  }
}
