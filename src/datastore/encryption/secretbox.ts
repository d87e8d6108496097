import { timingSafeEqual } from 'node:crypto';

/**
 * NaCl's secretbox: XSalsa20 and Poly1305, which `node:crypto` does not have. The values are those of Secrets, a few
 * kilobytes each, so plain code does.
 *
 * Source: https://cr.yp.to/snuffle/xsalsa-20110204.pdf, https://cr.yp.to/mac/poly1305-20050329.pdf
 */
export const SECRETBOX_NONCE_BYTES = 24;
const TAG_BYTES = 16;
const SIGMA = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;
const MODULUS = (1n << 130n) - 5n;
const CLAMP = 0x0ffffffc0ffffffc0ffffffc0fffffffn;

/** @param key - 32 bytes. @param nonce - 24 bytes, never twice with a key. @returns the tag, then the ciphertext. */
export function sealSecretbox(message: Buffer, nonce: Buffer, key: Buffer): Buffer {
  const stream = keystream(message.length + 32, nonce, key);
  const ciphertext = xor(message, stream.subarray(32));
  return Buffer.concat([authenticate(ciphertext, stream.subarray(0, 32)), ciphertext]);
}

/** @throws Error where the box was made with another key, or was changed. */
export function openSecretbox(box: Buffer, nonce: Buffer, key: Buffer): Buffer {
  if (box.length < TAG_BYTES) throw new Error('the secretbox is cut off');
  const ciphertext = box.subarray(TAG_BYTES);
  const stream = keystream(ciphertext.length + 32, nonce, key);
  if (!timingSafeEqual(authenticate(ciphertext, stream.subarray(0, 32)), box.subarray(0, TAG_BYTES)))
    throw new Error('the secretbox does not open with this key');
  return xor(ciphertext, stream.subarray(32));
}

function xor(bytes: Buffer, stream: Buffer): Buffer {
  const result = Buffer.alloc(bytes.length);
  for (let index = 0; index < bytes.length; index++) result[index] = (bytes[index] ?? 0) ^ (stream[index] ?? 0);
  return result;
}

function words(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length >> 2 }, (_, index) => bytes.readUInt32LE(index * 4));
}

function keystream(length: number, nonce: Buffer, key: Buffer): Buffer {
  const first = doubleRounds(layout(words(key), words(nonce.subarray(0, 16))));
  // HSalsa20 takes the words of the constants and of the nonce, without adding the input.
  const subkey = [0, 5, 10, 15, 6, 7, 8, 9].map((place) => (first[place] ?? 0) >>> 0);
  const rest = words(nonce.subarray(16));
  const stream = Buffer.alloc(Math.ceil(length / 64) * 64);
  for (let block = 0; block * 64 < length; block++) {
    const input = layout(subkey, [rest[0] ?? 0, rest[1] ?? 0, block, 0]);
    doubleRounds(input).forEach((word, index) => {
      stream.writeUInt32LE((word + (input[index] ?? 0)) >>> 0, block * 64 + index * 4);
    });
  }
  return stream.subarray(0, length);
}

function layout(key: readonly number[], input: readonly number[]): number[] {
  const [a, b, c, d] = SIGMA;
  return [a, ...key.slice(0, 4), b, ...input, c, ...key.slice(4), d];
}

/** Places of the four quarter rounds over columns, and of those over rows. */
const QUARTERS = [
  [0, 4, 8, 12],
  [5, 9, 13, 1],
  [10, 14, 2, 6],
  [15, 3, 7, 11],
  [0, 1, 2, 3],
  [5, 6, 7, 4],
  [10, 11, 8, 9],
  [15, 12, 13, 14],
] as const;

function doubleRounds(input: readonly number[]): Int32Array {
  const state = Int32Array.from(input, (word) => word | 0);
  const mix = (to: number, one: number, two: number, bits: number): void => {
    const sum = ((state[one] ?? 0) + (state[two] ?? 0)) | 0;
    state[to] = (state[to] ?? 0) ^ ((sum << bits) | (sum >>> (32 - bits)));
  };
  for (let round = 0; round < 10; round++) {
    for (const [a, b, c, d] of QUARTERS) {
      mix(b, a, d, 7);
      mix(c, b, a, 9);
      mix(d, c, b, 13);
      mix(a, d, c, 18);
    }
  }
  return state;
}

function toNumber(bytes: Buffer): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}

function authenticate(message: Buffer, key: Buffer): Buffer {
  const r = toNumber(key.subarray(0, 16)) & CLAMP;
  let sum = 0n;
  for (let at = 0; at < message.length; at += 16) {
    const block = message.subarray(at, at + 16);
    sum = ((sum + toNumber(block) + (1n << BigInt(block.length * 8))) * r) % MODULUS;
  }
  const tag = (sum + toNumber(key.subarray(16))) & ((1n << 128n) - 1n);
  return Buffer.from(tag.toString(16).padStart(32, '0'), 'hex').reverse();
}
