import type { FieldFaults } from '../checks/field-faults.ts';

/** Source of all: resource/validation (validateSlice, validateSet, validateMap). */

type CheckItem<T> = (item: T, path: string) => void;

/** A list of limited length; a longer one is not looked at. */
export function checkList<T>(
  items: readonly T[] | undefined,
  max: number,
  path: string,
  faults: FieldFaults,
  check: CheckItem<T>,
): boolean {
  if ((items ?? []).length > max) {
    faults.tooMany(path, (items ?? []).length, max);
    return false;
  }
  items?.forEach((item, index) => {
    check(item, `${path}[${index}]`);
  });
  return true;
}

/** The same for a list in which no key stands twice. @param keyOf - A text, or an object that is shown as JSON. */
export function checkSet<T>(
  items: readonly T[] | undefined,
  max: number,
  path: string,
  faults: FieldFaults,
  keyOf: (item: T) => unknown,
  check: CheckItem<T>,
): void {
  if (!checkList(items, max, path, faults, check)) return;
  const seen = new Set<string>();
  items?.forEach((item, index) => {
    const key = keyOf(item);
    const text = JSON.stringify(key);
    if (seen.has(text)) faults.duplicate(`${path}[${index}]`, key);
    seen.add(text);
  });
}

/** A map of limited size. @param checkKey - Its faults stand at the map itself. */
export function checkMap<T>(
  map: Readonly<Record<string, T>> | undefined,
  limits: { readonly size: number; readonly keyLength: number },
  path: string,
  faults: FieldFaults,
  checkKey: (key: string, path: string) => void,
  check: CheckItem<T>,
): void {
  const entries = Object.entries(map ?? {});
  if (entries.length > limits.size) return faults.tooMany(path, entries.length, limits.size);
  for (const [key, item] of entries) {
    checkKey(key, path);
    check(item, `${path}[${shorten(key, limits.keyLength)}]`);
  }
}

/** A text of at most `max` characters, its middle left out. */
function shorten(text: string, max: number): string {
  if (text.length <= max) return text;
  const rest = max - 3;
  return `${text.slice(0, Math.floor((rest + 1) / 2))}...${text.slice(text.length - Math.floor(rest / 2))}`;
}
