const escapes: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '`': '`',
  '?': '?',
};

/**
 * The text of a string literal, or the bytes of one with a `b` in front. Undefined where an escape is wrong.
 * Source: cel-go `parser/unescape.go`.
 */
export function readString(literal: string): string | undefined {
  const parts = split(literal);
  if (parts.raw) return parts.body;
  let result = '';
  let isValid = true;
  scan(parts.body, {
    text: (text) => {
      result += text;
    },
    point: (point) => {
      if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) isValid = false;
      else result += String.fromCodePoint(point);
    },
    fail: () => {
      isValid = false;
    },
  });
  return isValid ? result : undefined;
}

export function readBytes(literal: string): Uint8Array | undefined {
  const parts = split(literal.slice(1));
  if (parts.raw) return Buffer.from(parts.body);
  const chunks: Buffer[] = [];
  let isValid = true;
  scan(parts.body, {
    text: (text) => chunks.push(Buffer.from(text)),
    point: (point, width) => {
      // Octal and hex escapes are bytes; Unicode escapes have no place here.
      if (width > 3 || point > 255) isValid = false;
      else chunks.push(Buffer.from([point]));
    },
    fail: () => {
      isValid = false;
    },
  });
  return isValid ? Buffer.concat(chunks) : undefined;
}

function split(literal: string): { readonly raw: boolean; readonly body: string } {
  const raw = /^[rR]/.test(literal);
  const quoted = (raw ? literal.slice(1) : literal).replace(/\r\n?/g, '\n');
  const width = quoted.length >= 6 && /^("""|''')/.test(quoted) ? 3 : 1;
  return { raw, body: quoted.slice(width, -width) };
}

interface Sink {
  text(text: string): void;
  /** A character by number; `width` is how many digits the escape has. */
  point(point: number, width: number): void;
  fail(): void;
}

const ESCAPE = /\\(?:([abfnrtv\\'"`?])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))/y;

function scan(body: string, sink: Sink): void {
  let at = 0;
  while (at < body.length) {
    const slash = body.indexOf('\\', at);
    if (slash < 0) {
      sink.text(body.slice(at));
      return;
    }
    if (slash > at) sink.text(body.slice(at, slash));
    ESCAPE.lastIndex = slash;
    const match = ESCAPE.exec(body);
    if (match === null) {
      sink.fail();
      return;
    }
    const [all, simple, hex, short, long, octal] = match;
    if (simple !== undefined) sink.text(escapes[simple] ?? '');
    else if (octal !== undefined) sink.point(Number.parseInt(octal, 8), 3);
    else {
      const digits = hex ?? short ?? long ?? '';
      sink.point(Number.parseInt(digits, 16), digits.length);
    }
    at = slash + all.length;
  }
}
