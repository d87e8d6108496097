import { badRequest } from '../../machinery/errors/status-error.ts';

/** Reads a whole number as Go's `strconv.ParseInt` does. @throws StatusError 400 with Go's text. */
export function parseInt64(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  const value = BigInt(text);
  if (value > 9223372036854775807n || value < -9223372036854775808n) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
  }
  return Number(value);
}

/** The first value of a whole-number parameter; an absent or empty one is undefined. */
export function readInteger(query: URLSearchParams, key: string): number | undefined {
  const text = query.get(key);
  return text === null || text === '' ? undefined : parseInt64(text);
}

/**
 * The first value of a yes-no parameter: absent is undefined, `false` and `0` are false, all else is true, the empty
 * text too. Source: apimachinery `pkg/runtime/converter` (Convert_Slice_string_To_bool).
 */
export function readBoolean(query: URLSearchParams, key: string): boolean | undefined {
  const text = query.get(key);
  if (text === null) return undefined;
  return text !== '0' && text.toLowerCase() !== 'false';
}

export function readText(query: URLSearchParams, key: string): string {
  return query.get(key) ?? '';
}
