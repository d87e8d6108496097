import { type FieldError, fieldInvalid, fieldTooLong } from '../../errors/field-error.ts';

export const MANAGER_MAX_BYTES = 128;
/** Each fault shows the whole name, so that they would add up to far more than was sent. */
const MOST_FAULTS = 100;

/** Length and printable characters of a manager's name. */
export function validateFieldManager(manager: string, path: string): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (Buffer.byteLength(manager) > MANAGER_MAX_BYTES) faults.push(fieldTooLong(path, MANAGER_MAX_BYTES));
  let position = 0;
  for (const character of manager) {
    if (faults.length > MOST_FAULTS) break;
    if (!isPrintable(character)) {
      faults.push(fieldInvalid(path, manager, `invalid character ${toCodePoint(character)} (at position ${position})`));
    }
    position += Buffer.byteLength(character);
  }
  return faults;
}

/** Go's `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space. */
export function isPrintable(character: string): boolean {
  return character === ' ' || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character);
}

/** Go's `%#U`: the number, with the character behind it where it can be shown. */
function toCodePoint(character: string): string {
  const hex = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return `U+${hex}`;
}
