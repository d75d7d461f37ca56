// Numbers and foreign text as people read them.

/** Three or four digits, in the unit that suits: "0.402 s", "1.50 ms". */
export function seconds(value: number | null | undefined): string {
  if (value == null) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0 s";
  if (size < 1e-3) return `${digits(value * 1e6)} µs`;
  if (size < 0.1) return `${digits(value * 1e3)} ms`;
  if (size < 600) return `${value.toFixed(size < 10 ? 3 : size < 100 ? 2 : 1)} s`;
  return `${digits(value / 60)} min`;
}

/** As few digits as it takes: "400 ms", "1.5 s". */
export const shortSeconds = (value: number): string => {
  if (value === 0) return "0";
  return value < 1 ? `${Number((value * 1e3).toPrecision(3))} ms` : `${Number(value.toPrecision(3))} s`;
};

/** For an axis of time: all its numbers in one unit, with the digits that tell neighbours apart. */
export function axisSeconds(ticks: number[]): (value: number) => string {
  const most = Math.max(...ticks.map(Math.abs), 0);
  const [unit, size] = most >= 1 ? (["s", 1] as const) : most >= 1e-3 ? (["ms", 1e3] as const) : (["µs", 1e6] as const);
  const step = ticks.length > 1 ? Math.abs(ticks[1]! - ticks[0]!) * size : 1;
  const behind = Math.max(0, Math.min(9, -Math.floor(Math.log10(step) + 1e-6)));
  return (value) => (value === 0 ? "0" : `${(value * size).toFixed(behind)} ${unit}`);
}

export function digits(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

export const times = (value: number | null | undefined): string => (value == null ? "–" : `${digits(value)} ×`);

export const percent = (value: number | null | undefined): string =>
  value == null ? "–" : `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`;

export const count = (value: number | null | undefined): string =>
  value == null ? "–" : Math.round(value).toLocaleString("en-US");

export function bytes(value: number | null | undefined): string {
  if (value == null) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : digits(value)} ${units[unit]}`;
}

export const plural = (number: number, word: string, words = `${word}s`): string =>
  `${count(number)} ${number === 1 ? word : words}`;

// Controls, and what turns the direction of text round: a server chose some of this text.
const hidden = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** `text` with every character that would not be seen written out. */
export const visible = (text: string): string =>
  text.replace(hidden, (c) => `\\u{${c.charCodeAt(0).toString(16)}}`);
