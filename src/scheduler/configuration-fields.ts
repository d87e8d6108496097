/** Thrown for a configuration that cannot be taken; says where the fault is. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

export type Fields = Readonly<Record<string, unknown>>;

export function invalid(path: string, value: unknown, why: string): ConfigurationError {
  return new ConfigurationError(`${path}: Invalid value: ${JSON.stringify(value)}: ${why}`);
}

/** An object; nothing is an empty one. @throws ConfigurationError */
export function toFields(value: unknown, path: string, known?: readonly string[]): Fields {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw new ConfigurationError(`${path} must be an object`);
  const stranger = known === undefined ? undefined : Object.keys(value).find((field) => !known.includes(field));
  if (stranger !== undefined) throw new ConfigurationError(`${path}: unknown field "${stranger}"`);
  return value as Fields;
}

/** A list; nothing is an empty one. @throws ConfigurationError */
export function toList(value: unknown, path: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw new ConfigurationError(`${path} must be a list`);
}

/** A whole number within limits. @throws ConfigurationError */
export function toWhole(
  value: unknown,
  path: string,
  {
    fallback,
    least,
    most,
    why,
  }: { readonly fallback: number; readonly least: number; readonly most: number; readonly why: string },
): number {
  if (value === undefined || value === null) return fallback;
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw invalid(path, value, why);
}

/** One of several words. @throws ConfigurationError */
export function toWord<T extends string>(value: unknown, path: string, words: readonly T[], fallback: T): T {
  if (value === undefined || value === null) return fallback;
  const found = words.find((word) => word === value);
  if (found !== undefined) return found;
  const supported = words.map((word) => JSON.stringify(word)).join(', ');
  throw new ConfigurationError(`${path}: Unsupported value: ${JSON.stringify(value)}: supported values: ${supported}`);
}
