import type { ObjectShape, ScalarType, TypeSchema } from '../../machinery/schema/type-schema.ts';
import type { Random } from './random.ts';

const names = [
  'a',
  'b',
  'web',
  'kube-system',
  'default',
  'x.y',
  'A_B',
  '',
  '-',
  '.',
  '..',
  'a'.repeat(254),
  'é',
  '%2e',
];
const texts = [
  ...names,
  '0',
  '1',
  '-1',
  '80',
  'http',
  'true',
  'null',
  'TCP',
  'Always',
  'ClusterIP',
  'example.com/x',
  'a/b/c',
  '10.43.0.1',
  '::1',
  '10.0.0.0/8',
  '1h',
  '1e400',
  'k8s.io/api',
  '2020-01-01T00:00:00Z',
  'a=b',
  '[',
  '(?i)x{1000}',
  '$(VAR)',
  '\u0000',
  '\ud800',
  '\u2028',
  '<&>',
  '__proto__',
  'constructor',
  'toString',
  'YQ==',
  '*',
];
const numbers = [0, 1, -1, 2, 80, 65_535, 65_536, 2 ** 31, -(2 ** 31) - 1, 2 ** 53, 1e300, 1.5, -0, 1e-9];

/** Any JSON value; nothing is too odd. */
export function anyValue(random: Random, depth = 3): unknown {
  switch (random.below(depth > 0 ? 8 : 5)) {
    case 0:
      return null;
    case 1:
      return random.once(2);
    case 2:
      return random.pick(numbers);
    case 3:
    case 4:
      return anyText(random);
    case 5:
      return Array.from({ length: random.below(4) }, () => anyValue(random, depth - 1));
    default:
      return Object.fromEntries(
        Array.from({ length: random.below(4) }, () => [anyText(random), anyValue(random, depth - 1)]),
      );
  }
}

export function anyText(random: Random): string {
  return random.once(40) ? random.pick(texts).repeat(random.below(2000)) : random.pick(texts);
}

export function anyName(random: Random): string {
  return random.pick(names);
}

/** A value that mostly fits a type, filled to some depth. */
export function valueFor(type: TypeSchema, random: Random, depth: number): unknown {
  if (random.isOdd()) return anyValue(random);
  switch (type.shape) {
    case 'object':
      return objectOf(type, random, depth);
    case 'map':
      return Object.fromEntries(
        Array.from({ length: random.below(3) }, () => [anyText(random), valueFor(type.values, random, depth - 1)]),
      );
    case 'list':
      return Array.from({ length: random.below(3) }, () => valueFor(type.items, random, depth - 1));
    case 'scalar':
      return scalarOf(type.type, random);
    default:
      return anyValue(random);
  }
}

/** An object with some of its fields. */
export function objectOf({ fields }: ObjectShape, random: Random, depth: number): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  if (depth <= 0) return result;
  const share = random.pick([2, 3, 8]);
  for (const [name, field] of fields) {
    if (field.required ? random.isOdd() : !random.once(share)) continue;
    result[name] = valueFor(field.type, random, depth - 1);
  }
  if (random.isOdd()) result[anyText(random)] = anyValue(random);
  return result;
}

function scalarOf(type: ScalarType, random: Random): unknown {
  switch (type) {
    case 'boolean':
      return random.once(2);
    case 'int32':
    case 'int64':
    case 'double':
      return random.pick(numbers.slice(0, random.isOdd() ? numbers.length : 7));
    case 'int-or-string':
      return random.once(2) ? random.pick(numbers.slice(0, 7)) : anyText(random);
    case 'quantity':
      return random.pick(
        random.isOdd() ? ['', 'x', '1.', '1KiB'] : ['1', '100m', '1Gi', '-1', '1e3', `${10n ** 21n}`, 5],
      );
    case 'time':
    case 'micro-time':
      return random.pick(random.isOdd() ? ['soon', ''] : ['2020-01-01T00:00:00Z', '2020-01-01T00:00:00.123456Z']);
    case 'duration':
      return random.pick(['1s', '1h30m', '-1s', '0']);
    case 'bytes':
      return random.pick(random.isOdd() ? ['x', 'YQ'] : ['', 'YQ==', 'LS0tLS1CRUdJTi0tLS0t']);
    default:
      return anyText(random);
  }
}
