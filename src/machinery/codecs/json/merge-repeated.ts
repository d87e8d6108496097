/**
 * Reads valid JSON in which keys stand twice as Go reads it into structs: of repeated objects each adds its fields to the
 * former, of everything else the last counts.
 * @param parse - Reads a value that holds no object.
 */
export function parseMergingRepeated(text: string, parse: (text: string) => unknown): unknown {
  const scan = { at: 0 };
  return read(undefined);

  function read(former: unknown): unknown {
    skipBlanks();
    const char = text[scan.at];
    if (char === '{') return readObject(isFields(former) ? former : {});
    if (char === '[') return readArray();
    return parse(text.slice(scan.at, pass()));
  }

  function readObject(into: Record<string, unknown>): Record<string, unknown> {
    scan.at++;
    for (;;) {
      skipBlanks();
      if (text[scan.at] === '}') break;
      if (text[scan.at] === ',') {
        scan.at++;
        continue;
      }
      const start = scan.at;
      const key = JSON.parse(text.slice(start, pass())) as string;
      skipBlanks();
      scan.at++;
      const former = Object.hasOwn(into, key) ? into[key] : undefined;
      const value = read(former);
      Object.defineProperty(into, key, { value, writable: true, enumerable: true, configurable: true });
    }
    scan.at++;
    return into;
  }

  function readArray(): unknown[] {
    const items: unknown[] = [];
    scan.at++;
    for (;;) {
      skipBlanks();
      if (text[scan.at] === ']') break;
      if (text[scan.at] === ',') scan.at++;
      else items.push(read(undefined));
    }
    scan.at++;
    return items;
  }

  /** Goes behind a text, a number or a word. @returns where that is */
  function pass(): number {
    if (text[scan.at] !== '"') {
      while (scan.at < text.length && !/[\s,\]}]/.test(text[scan.at] as string)) scan.at++;
      return scan.at;
    }
    scan.at++;
    while (text[scan.at] !== '"') scan.at += text[scan.at] === '\\' ? 2 : 1;
    scan.at++;
    return scan.at;
  }

  function skipBlanks(): void {
    while (scan.at < text.length && ' \t\r\n'.includes(text[scan.at] as string)) scan.at++;
  }
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
