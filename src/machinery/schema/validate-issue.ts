import { type FieldError, fieldInvalid } from '../errors/field-error.ts';

/** What a check found. `name` is the path as kube-openapi has it, empty at the root; unset for faults without a place. */
export interface Issue {
  readonly message: string;
  readonly name?: string;
  readonly build?: (path: string) => FieldError;
}

/** A fault that shows the value. */
export function invalidIssue(path: string, value: unknown, what: string): Issue {
  const message = `${path} in body ${what}`;
  return { name: path, message, build: (place) => fieldInvalid(place, value, message) };
}
