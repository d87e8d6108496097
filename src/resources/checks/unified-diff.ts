/** Source of all: github.com/pmezard/go-difflib (a port of Python's difflib); apimachinery `pkg/util/diff`. */

const CONTEXT_LINES = 3;
/** From this many lines on, those that come up too often are no anchors. */
const POPULAR_FROM = 200;

interface Match {
  readonly a: number;
  readonly b: number;
  readonly size: number;
}

interface Step {
  readonly tag: 'equal' | 'replace' | 'delete' | 'insert';
  readonly a1: number;
  readonly a2: number;
  readonly b1: number;
  readonly b2: number;
}

/** What changed between two texts, hunk after hunk, without a header; empty where they are equal. */
export function unifiedDiff(before: string, after: string): string {
  const a = before.split('\n').map((line) => `${line}\n`);
  const b = after.split('\n').map((line) => `${line}\n`);
  return hunksOf(stepsOf(a, b))
    .map((hunk) => hunkText(hunk, a, b))
    .join('');
}

function hunkText(hunk: readonly Step[], a: readonly string[], b: readonly string[]): string {
  const [first, last] = [hunk[0], hunk.at(-1)];
  if (first === undefined || last === undefined) return '';
  const lines = [`@@ -${rangeText(first.a1, last.a2)} +${rangeText(first.b1, last.b2)} @@\n`];
  for (const { tag, a1, a2, b1, b2 } of hunk) {
    if (tag === 'equal') lines.push(...a.slice(a1, a2).map((line) => ` ${line}`));
    if (tag === 'replace' || tag === 'delete') lines.push(...a.slice(a1, a2).map((line) => `-${line}`));
    if (tag === 'replace' || tag === 'insert') lines.push(...b.slice(b1, b2).map((line) => `+${line}`));
  }
  return lines.join('');
}

function rangeText(start: number, stop: number): string {
  const length = stop - start;
  if (length === 1) return String(start + 1);
  return `${length === 0 ? start : start + 1},${length}`;
}

/** Steps with three lines of what is equal around them; steps that are far apart go to hunks of their own. */
function hunksOf(all: readonly Step[]): readonly (readonly Step[])[] {
  const steps = [...all];
  const [first, last] = [steps[0], steps.at(-1)];
  if (first?.tag === 'equal') {
    const { a2, b2 } = first;
    const a1 = Math.max(first.a1, a2 - CONTEXT_LINES);
    steps[0] = { tag: 'equal', a1, a2, b1: Math.max(first.b1, b2 - CONTEXT_LINES), b2 };
  }
  const tail = steps.length > 1 ? last : steps[0];
  if (tail?.tag === 'equal') {
    const { a1, b1 } = tail;
    const a2 = Math.min(tail.a2, a1 + CONTEXT_LINES);
    steps[steps.length - 1] = { tag: 'equal', a1, a2, b1, b2: Math.min(tail.b2, b1 + CONTEXT_LINES) };
  }
  const hunks: Step[][] = [];
  let hunk: Step[] = [];
  for (const step of steps) {
    let { a1, b1 } = step;
    const { tag, a2, b2 } = step;
    if (tag === 'equal' && a2 - a1 > 2 * CONTEXT_LINES) {
      hunk.push({ tag, a1, a2: Math.min(a2, a1 + CONTEXT_LINES), b1, b2: Math.min(b2, b1 + CONTEXT_LINES) });
      hunks.push(hunk);
      hunk = [];
      a1 = Math.max(a1, a2 - CONTEXT_LINES);
      b1 = Math.max(b1, b2 - CONTEXT_LINES);
    }
    hunk.push({ tag, a1, a2, b1, b2 });
  }
  if (hunk.length > 0 && !(hunk.length === 1 && hunk[0]?.tag === 'equal')) hunks.push(hunk);
  return hunks;
}

function stepsOf(a: readonly string[], b: readonly string[]): readonly Step[] {
  const steps: Step[] = [];
  let [i, j] = [0, 0];
  for (const { a: ai, b: bj, size } of matchesOf(a, b)) {
    const tag = i < ai && j < bj ? 'replace' : i < ai ? 'delete' : 'insert';
    if (i < ai || j < bj) steps.push({ tag, a1: i, a2: ai, b1: j, b2: bj });
    i = ai + size;
    j = bj + size;
    if (size > 0) steps.push({ tag: 'equal', a1: ai, a2: i, b1: bj, b2: j });
  }
  return steps;
}

/** What is equal, in order, neighbours joined, with an empty match at the end. */
function matchesOf(a: readonly string[], b: readonly string[]): readonly Match[] {
  const anchors = anchorsOf(b);
  const found: Match[] = [];
  const search = (aLow: number, aHigh: number, bLow: number, bHigh: number): void => {
    const match = longestMatch(a, b, anchors, { aLow, aHigh, bLow, bHigh });
    if (match.size === 0) return;
    if (aLow < match.a && bLow < match.b) search(aLow, match.a, bLow, match.b);
    found.push(match);
    const [aNext, bNext] = [match.a + match.size, match.b + match.size];
    if (aNext < aHigh && bNext < bHigh) search(aNext, aHigh, bNext, bHigh);
  };
  search(0, a.length, 0, b.length);
  const joined: Match[] = [];
  for (const match of found) {
    const before = joined.at(-1);
    if (before !== undefined && before.a + before.size === match.a && before.b + before.size === match.b)
      joined[joined.length - 1] = { ...before, size: before.size + match.size };
    else joined.push(match);
  }
  return [...joined, { a: a.length, b: b.length, size: 0 }];
}

/** Where each line of `b` stands, but for those that are too many. */
function anchorsOf(b: readonly string[]): ReadonlyMap<string, readonly number[]> {
  const anchors = new Map<string, number[]>();
  b.forEach((line, index) => {
    const places = anchors.get(line);
    if (places === undefined) anchors.set(line, [index]);
    else places.push(index);
  });
  if (b.length < POPULAR_FROM) return anchors;
  const most = Math.floor(b.length / 100) + 1;
  for (const [line, places] of anchors) if (places.length > most) anchors.delete(line);
  return anchors;
}

interface Window {
  readonly aLow: number;
  readonly aHigh: number;
  readonly bLow: number;
  readonly bHigh: number;
}

function longestMatch(
  a: readonly string[],
  b: readonly string[],
  anchors: ReadonlyMap<string, readonly number[]>,
  { aLow, aHigh, bLow, bHigh }: Window,
): Match {
  let best = { a: aLow, b: bLow, size: 0 };
  let lengths = new Map<number, number>();
  for (let i = aLow; i < aHigh; i++) {
    const next = new Map<number, number>();
    for (const j of anchors.get(a[i] ?? '') ?? []) {
      if (j < bLow) continue;
      if (j >= bHigh) break;
      const size = (lengths.get(j - 1) ?? 0) + 1;
      next.set(j, size);
      if (size > best.size) best = { a: i - size + 1, b: j - size + 1, size };
    }
    lengths = next;
  }
  let { a: i, b: j, size } = best;
  while (i > aLow && j > bLow && a[i - 1] === b[j - 1]) {
    i--;
    j--;
    size++;
  }
  while (i + size < aHigh && j + size < bHigh && a[i + size] === b[j + size]) size++;
  return { a: i, b: j, size };
}
