import { createHash } from 'node:crypto';

/** Letters and digits that form no words. Source: apimachinery `pkg/util/rand` (alphanums). */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/**
 * A short name for a value, the same for equal values whatever the order of their keys. `collisionCount` yields another
 * name where two values clash. Like upstream's it is up to 10 characters, but not the same: upstream hashes Go's own
 * print-out of the value.
 */
export function toSafeHash(value: unknown, collisionCount?: number): string {
  const hash = createHash('sha256').update(toStableText(value));
  if (collisionCount !== undefined) hash.update(`#${collisionCount}`);
  return toSafeText(hash.digest().readUInt32BE(0).toString());
}

/** Replaces each character by one of the safe alphabet. */
export function toSafeText(text: string): string {
  return Array.from(text, (character) => alphabet[character.charCodeAt(0) % alphabet.length]).join('');
}

/** Random characters of the safe alphabet. */
export function randomSuffix(length: number, random: () => number): string {
  return Array.from({ length }, () => alphabet[Math.floor(random() * alphabet.length)]).join('');
}

/** JSON with sorted keys, without absent fields. */
export function toStableText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toStableText).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value)
    .filter(([, child]) => child !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${entries.map(([key, child]) => `${JSON.stringify(key)}:${toStableText(child)}`).join(',')}}`;
}
