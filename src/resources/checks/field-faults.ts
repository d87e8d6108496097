import {
  FieldError,
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldNotFound,
  fieldNotSupported,
  fieldRequired,
  fieldTooLong,
  fieldTooMany,
} from '../../machinery/errors/field-error.ts';

/** Gathers the faults of one object, in the order in which upstream finds them. Paths are texts such as `spec.ports[0]`. */
export class FieldFaults {
  readonly list: FieldError[] = [];

  get count(): number {
    return this.list.length;
  }

  add(...faults: readonly FieldError[]): void {
    this.list.push(...faults);
  }

  required(field: string, detail = ''): void {
    this.list.push(fieldRequired(field, detail));
  }

  invalid(field: string, value: unknown, detail: string): void {
    this.list.push(fieldInvalid(field, value, detail));
  }

  /** One fault for each sentence: what a name rule says of a value. */
  invalidFor(field: string, value: unknown, details: readonly string[]): void {
    for (const detail of details) this.list.push(fieldInvalid(field, value, detail));
  }

  forbidden(field: string, detail: string): void {
    this.list.push(fieldForbidden(field, detail));
  }

  duplicate(field: string, value: unknown, detail = ''): void {
    this.list.push(
      detail === '' ? fieldDuplicate(field, value) : new FieldError('FieldValueDuplicate', field, value, detail),
    );
  }

  notFound(field: string, value: unknown, detail = ''): void {
    this.list.push(
      detail === '' ? fieldNotFound(field, value) : new FieldError('FieldValueNotFound', field, value, detail),
    );
  }

  notSupported(field: string, value: unknown, supported: readonly string[]): void {
    this.list.push(fieldNotSupported(field, value, supported));
  }

  tooLong(field: string, maxBytes: number): void {
    this.list.push(fieldTooLong(field, maxBytes));
  }

  /** Unlike the other size faults, this one shows the size. Source: apimachinery `field/errors.go` (TooMany). */
  tooMany(field: string, actual: number, max: number): void {
    this.list.push(fieldTooMany(field, actual, max));
  }

  internal(field: string, detail: string): void {
    this.list.push(new FieldError('InternalError', field, '', detail));
  }

  /** A number that may be absent, but not below zero. */
  nonNegative(field: string, value: number | undefined): void {
    if (value !== undefined && value < 0) this.invalid(field, value, 'must be greater than or equal to 0');
  }

  positive(field: string, value: number): void {
    if (value <= 0) this.invalid(field, value, 'must be greater than zero');
  }

  /** A value of a closed list. Empty counts as absent, and absent is a fault of its own. */
  oneOf(field: string, value: string | undefined, supported: readonly string[]): void {
    if (!value) this.required(field);
    else if (!supported.includes(value)) this.notSupported(field, value, supported);
  }

  /** A value of a closed list that may be absent, but not empty. */
  optionalOneOf(field: string, value: string | undefined, supported: readonly string[]): void {
    if (value !== undefined && !supported.includes(value)) this.notSupported(field, value, supported);
  }

  /** A value that never changes. Nothing, an empty list and an empty map are the same to upstream. */
  immutable(field: string, next: unknown, previous: unknown, isSame: (a: unknown, b: unknown) => boolean): void {
    if (!isSame(next, previous)) this.invalid(field, next, 'field is immutable');
  }
}
