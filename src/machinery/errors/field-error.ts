/** Kinds of field faults and the cause reasons that stand for them. Source: apimachinery `util/validation/field/errors.go`. */
export type FieldErrorReason =
  | 'FieldValueNotFound'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTypeInvalid'
  | 'InternalError';

const titles: Record<FieldErrorReason, string> = {
  FieldValueNotFound: 'Not found',
  FieldValueRequired: 'Required value',
  FieldValueDuplicate: 'Duplicate value',
  FieldValueInvalid: 'Invalid value',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueForbidden: 'Forbidden',
  FieldValueTooLong: 'Too long',
  FieldValueTooMany: 'Too many',
  FieldValueTypeInvalid: 'Invalid value',
  InternalError: 'Internal error',
};

/** Reasons whose text does not show the value. */
const silent = new Set<FieldErrorReason>([
  'FieldValueRequired',
  'FieldValueForbidden',
  'FieldValueTooLong',
  'InternalError',
]);

/** Stands for a value that a fault does not show. Source: apimachinery `util/validation/field/errors.go` (OmitValueType). */
export const OMITTED_VALUE = Symbol('omitted');

/** One fault of one field. Validation returns lists of these; it never throws. */
export class FieldError {
  readonly reason: FieldErrorReason;
  readonly field: string;
  readonly value: unknown;
  readonly detail: string;

  constructor(reason: FieldErrorReason, field: string, value: unknown, detail: string) {
    this.reason = reason;
    this.field = field;
    this.value = value;
    this.detail = detail;
  }

  /** The text without the path, as it stands in `details.causes`. */
  text(): string {
    const isSilent = silent.has(this.reason) || this.value === OMITTED_VALUE;
    const head = isSilent ? titles[this.reason] : `${titles[this.reason]}: ${toGoText(this.value)}`;
    return this.detail === '' ? head : `${head}: ${this.detail}`;
  }

  toString(): string {
    return `${this.field}: ${this.text()}`;
  }
}

/** The value as Go's error text shows it: strings quoted, objects as JSON, nothing as `null`. */
function toGoText(value: unknown): string {
  if (value === undefined || value === null) return 'null';
  if (typeof value === 'bigint') return value.toString();
  return typeof value === 'string' ? quoteGo(value) : escapeHtml(JSON.stringify(value));
}

/** JSON as Go writes it: safe to stand in HTML. Source: Go encoding/json. */
export function escapeHtml(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const shortEscapes: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '"': '\\"',
  '\\': '\\\\',
};

/** A text in quotes as Go's `%q` shows it. Source: Go strconv/quote.go. */
export function quoteGo(text: string): string {
  if (/^[ !#-[\]-~]*$/.test(text)) return `"${text}"`;
  let quoted = '"';
  for (const char of text) {
    const point = char.codePointAt(0) ?? 0;
    if (shortEscapes[char] !== undefined) quoted += shortEscapes[char];
    else if (point === 0x20 || (!/[\p{C}\p{Z}]/u.test(char) && point > 0x20)) quoted += char;
    else if (point < 0x80) quoted += `\\x${point.toString(16).padStart(2, '0')}`;
    else if (point < 0x10000) quoted += `\\u${point.toString(16).padStart(4, '0')}`;
    else quoted += `\\U${point.toString(16).padStart(8, '0')}`;
  }
  return `${quoted}"`;
}

export const fieldRequired = (field: string, detail = ''): FieldError =>
  new FieldError('FieldValueRequired', field, '', detail);
export const fieldInvalid = (field: string, value: unknown, detail: string): FieldError =>
  new FieldError('FieldValueInvalid', field, value, detail);
export const fieldTypeInvalid = (field: string, value: unknown, detail: string): FieldError =>
  new FieldError('FieldValueTypeInvalid', field, value, detail);
export const fieldForbidden = (field: string, detail: string): FieldError =>
  new FieldError('FieldValueForbidden', field, '', detail);
export const fieldDuplicate = (field: string, value: unknown): FieldError =>
  new FieldError('FieldValueDuplicate', field, value, '');
export const fieldNotFound = (field: string, value: unknown): FieldError =>
  new FieldError('FieldValueNotFound', field, value, '');
/** Upstream says "may not be more than N bytes" and leaves the value out. */
export const fieldTooLong = (field: string, maxBytes: number): FieldError =>
  new FieldError('FieldValueTooLong', field, '', `may not be more than ${maxBytes} bytes`);
export const fieldTooMany = (field: string, actual: number, max: number): FieldError =>
  new FieldError('FieldValueTooMany', field, actual, `must have at most ${max} item${max === 1 ? '' : 's'}`);

/** An unsupported value with the supported ones, quoted, in the order given. */
export function fieldNotSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const list = supported.map((item) => JSON.stringify(item)).join(', ');
  const detail = supported.length === 0 ? '' : `supported values: ${list}`;
  return new FieldError('FieldValueNotSupported', field, value, detail);
}

/** One line for many faults, repeated ones once. Source: apimachinery `util/errors` (Aggregate). */
export function toAggregateText(faults: readonly FieldError[]): string {
  const texts = [...new Set(faults.map((fault) => fault.toString()))];
  return texts.length === 1 ? (texts[0] as string) : `[${texts.join(', ')}]`;
}
