import { randomInt } from 'node:crypto';

const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
const MAX_LENGTH = 63;

/**
 * A prefix with five random characters behind it, cut so that the whole fits a DNS label. The alphabet has no vowels,
 * so that it spells no words. Source: apiserver `pkg/storage/names/generate.go`.
 */
export function generateName(prefix: string): string {
  let suffix = '';
  for (let index = 0; index < SUFFIX_LENGTH; index++) suffix += ALPHABET[randomInt(ALPHABET.length)];
  return prefix.slice(0, MAX_LENGTH - SUFFIX_LENGTH) + suffix;
}
