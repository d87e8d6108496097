import type { TypeSchema } from './type-schema.ts';

/**
 * The value with whole numbers that fit their type: Go keeps the lowest bits of those that are too large, where it makes
 * an object of a map of values and not of a text. Other values stay as they are, whether they fit or not.
 *
 * Source: apimachinery `pkg/runtime/converter.go` (fromUnstructured), Go's `reflect` (Convert).
 */
export function wrapNumbers(value: unknown, type: TypeSchema): unknown {
  switch (type.shape) {
    case 'object': {
      if (!isRecord(value)) return value;
      return mapValues(value, (inner, name) => {
        const field = type.fields.get(name);
        return field === undefined ? inner : wrapNumbers(inner, field.type);
      });
    }
    case 'map':
      return isRecord(value) ? mapValues(value, (inner) => wrapNumbers(inner, type.values)) : value;
    case 'list':
      return Array.isArray(value) ? value.map((inner) => wrapNumbers(inner, type.items)) : value;
    case 'scalar':
      if (type.type === 'int32') return wrapTo(32, value);
      return type.type === 'int64' ? wrapTo(64, value) : value;
    default:
      return value;
  }
}

const SMALLEST = -(2n ** 63n);

/** What 64 bits do not hold has become a number of floating point, which becomes the smallest whole one. */
function wrapTo(bits: 32 | 64, value: unknown): unknown {
  if (typeof value !== 'bigint' && !(typeof value === 'number' && Number.isInteger(value))) return value;
  const exact = BigInt(value);
  const held = BigInt.asIntN(64, exact) === exact ? exact : SMALLEST;
  const wrapped = BigInt.asIntN(bits, held);
  const plain = Number(wrapped);
  return Number.isSafeInteger(plain) ? plain : wrapped;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function mapValues(
  value: Record<string, unknown>,
  change: (inner: unknown, name: string) => unknown,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, change(inner, name)]));
}
