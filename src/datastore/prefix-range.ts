/**
 * The first key behind all keys that begin with the prefix: its last character raised by one. Undefined for the empty
 * prefix, which has no end. Keys are ASCII, so this is also the order of bytes.
 */
export function endOfPrefix(prefix: string): string | undefined {
  if (prefix === '') return undefined;
  const last = prefix.charCodeAt(prefix.length - 1);
  return prefix.slice(0, -1) + String.fromCharCode(last + 1);
}

/** The keys with a prefix that lie behind `startAfter`: from `from` on, before `end`. */
export function rangeOf(prefix: string, startAfter = ''): { readonly from: string; readonly end: string } {
  const behind = `${startAfter}\0`;
  return { from: startAfter !== '' && behind > prefix ? behind : prefix, end: endOfPrefix(prefix) ?? '\u{10ffff}' };
}
