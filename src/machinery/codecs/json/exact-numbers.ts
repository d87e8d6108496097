/**
 * Whole numbers that a JavaScript number would round are held as `bigint`. They are rare: fields of 64 bits and custom
 * objects alone may have them, so only texts with so many digits in a row are read with care.
 */
const LONG_RUN = 16;
const WHOLE = /^-?\d+$/;

/** `JSON.parse` as it is since ECMAScript 2026. */
type ParseWithSource = (
  text: string,
  reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown;

/** As `JSON.parse`, without the loss of digits. @throws SyntaxError */
export function parseExactJson(text: string): unknown {
  return hasLongRun(text) ? (JSON.parse as ParseWithSource)(text, toExact) : JSON.parse(text);
}

/** Looks at one character of {@link LONG_RUN}: what is that long has a digit at such a place. */
function hasLongRun(text: string): boolean {
  for (let at = LONG_RUN - 1; at < text.length; at += LONG_RUN) {
    if (!isDigit(text.charCodeAt(at))) continue;
    let first = at;
    let last = at;
    while (isDigit(text.charCodeAt(first - 1))) first--;
    while (isDigit(text.charCodeAt(last + 1))) last++;
    if (last - first + 1 >= LONG_RUN) return true;
  }
  return false;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function toExact(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || source === undefined) return value;
  return WHOLE.test(source) ? BigInt(source) : value;
}

/** A number that is written with a point or an exponent: Go reads none such where a whole number is asked for. */
export class NumberText {
  readonly text: string;
  readonly value: number;

  constructor(text: string, value: number) {
    this.text = text;
    this.value = value;
  }

  toString(): string {
    return this.text;
  }

  toJSON(): number {
    return this.value;
  }
}

/** As {@link parseExactJson}, with {@link NumberText} for numbers that are not written as whole ones. */
export function parseJsonWithTexts(text: string): unknown {
  return (JSON.parse as ParseWithSource)(text, (key, value, context) => {
    const { source } = context;
    if (typeof value !== 'number' || source === undefined || WHOLE.test(source)) return toExact(key, value, context);
    return new NumberText(source, value);
  });
}

/**
 * As {@link parseExactJson}, with {@link NumberText} for numbers that are too large to be one.
 * @param onFound - Called for each of these.
 */
export function parseFinite(text: string, onFound: () => void): unknown {
  return (JSON.parse as ParseWithSource)(text, (key, value, context) => {
    if (typeof value !== 'number' || Number.isFinite(value)) return toExact(key, value, context);
    onFound();
    return new NumberText(context.source ?? '', value);
  });
}

/** The value with plain numbers; itself where it has no others. */
export function withoutNumberTexts(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof NumberText) return value.value;
  for (const [key, inner] of Object.entries(value)) {
    const plain = withoutNumberTexts(inner);
    if (plain !== inner) (value as Record<string, unknown>)[key] = plain;
  }
  return value;
}

/** Lets `JSON.stringify` write what {@link parseExactJson} reads. Called once, before anything is written. */
export function writeBigIntsAsNumbers(): void {
  Object.defineProperty(BigInt.prototype, 'toJSON', {
    configurable: true,
    value(this: bigint) {
      return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(this.toString());
    },
  });
}
