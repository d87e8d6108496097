import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../generated/api/core/v1.ts';
import type { AnyObject } from '../machinery/object/object.ts';
import { toApiVersion } from '../machinery/object/object.ts';
import type { ResourceDefinition } from '../machinery/object/resource-definition.ts';
import { decodeObject } from '../machinery/schema/decode.ts';
import { toWire } from '../machinery/schema/to-wire.ts';
import type { ScalarShape, TypeSchema } from '../machinery/schema/type-schema.ts';
import { validateEphemeralContainersUpdate } from './core/pod/ephemeral-update.ts';
import { validatePodResize } from './core/pod/resize-validation.ts';
import { builtinResources } from './index.ts';

type Random = () => number;

/** Numbers below 1 that are the same in every run (mulberry32). */
function randomOf(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const TEXTS = [
  '',
  'a',
  'a.b',
  'a/b',
  'A b',
  '-',
  '10.0.0.1',
  '::1',
  '10.0.0.0/8',
  '1.2.3.4/33',
  '*',
  '$(A)',
  '{}',
  '0',
  'true',
];
const WORDS = [
  'Always',
  'ClusterIP',
  'None',
  'TCP',
  'In',
  'Exists',
  'Indexed',
  'Resource',
  'Pods',
  'Local',
  'x'.repeat(300),
  'é\u0000',
];
const NUMBERS = [0, 1, -1, 80, 65536, 2 ** 31 - 1];
const AMOUNTS = ['0', '1', '-1', '1500m', '1Gi', '1n'];
const TIMES = ['2030-01-01T00:00:00Z', '2020-01-01T00:00:00Z'];

function anyScalar({ type }: ScalarShape, pick: <T>(list: readonly T[]) => T): unknown {
  switch (type) {
    case 'string':
      return pick([...TEXTS, ...WORDS]);
    case 'boolean':
      return pick([true, false]);
    case 'int32':
    case 'int64':
    case 'double':
      return pick(NUMBERS);
    case 'int-or-string':
      return pick<unknown>([...NUMBERS, '10%', '', 'a']);
    case 'quantity':
      return pick(AMOUNTS);
    case 'bytes':
      return pick(['', 'YQ==']);
    case 'time':
      return pick(TIMES);
    case 'micro-time':
      return '2030-01-01T00:00:00.000000Z';
    default:
      return '1h0m0s';
  }
}

/** A value that a client may send: of the right types, with nulls, empty parts and nonsense. */
function anyValue(type: TypeSchema, depth: number, random: Random): unknown {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  if (type.shape === 'scalar') return random() < 0.05 ? null : anyScalar(type, pick);
  if (type.shape === 'opaque') return pick<unknown>([null, {}, { a: null }, 'a', 1]);
  if (random() < 0.08) return null;
  const size = random() < 0.25 || depth > 8 ? 0 : random() < 0.6 ? 1 : 2;
  if (type.shape === 'list') return Array.from({ length: size }, () => anyValue(type.items, depth + 1, random));
  if (type.shape === 'map')
    return Object.fromEntries(
      Array.from({ length: size }, () => [pick([...TEXTS, 'cpu', 'memory']), anyValue(type.values, depth + 1, random)]),
    );
  const result: Record<string, unknown> = {};
  const density = depth > 8 ? 0 : random();
  for (const [name, field] of type.fields)
    if (random() < density) result[name] = anyValue(field.type, depth + 1, random);
  return result;
}

function anyObject(definition: ResourceDefinition, random: Random): AnyObject {
  const body = anyValue(definition.schema, 0, random) as Record<string, unknown> | null;
  const given = {
    ...body,
    apiVersion: toApiVersion(definition),
    kind: definition.kind,
    metadata: { ...(body?.['metadata'] as object | null), name: 'a', namespace: 'b', uid: 'c' },
  };
  return decodeObject(given, definition.schema, { unknownFields: 'drop' }).object;
}

/** Takes one object through all that the server does with it. */
function exercise(definition: ResourceDefinition, random: Random): void {
  const { strategy, schema } = definition;
  const context = { nowMs: 0, userName: 'a' };
  const fresh = (): AnyObject => {
    const object = anyObject(definition, random);
    strategy.applyDefaults?.(object);
    return object;
  };
  const created = fresh();
  strategy.prepareForCreate?.(created, context);
  const texts = [...(strategy.validateCreate?.(created) ?? [])].map((fault) => fault.toString());
  strategy.warningsOnCreate?.(created);
  const previous = fresh();
  for (const update of ['Update', 'StatusUpdate'] as const) {
    const next = fresh();
    strategy[`prepareFor${update}`]?.(next, previous);
    texts.push(...[...(strategy[`validate${update}`]?.(next, previous) ?? [])].map((fault) => fault.toString()));
    if (update === 'Update') strategy.warningsOnUpdate?.(next, previous);
  }
  const stored = definition.convert?.toStorage(previous) ?? previous;
  const read = definition.convert?.fromStorage(stored) ?? stored;
  const wired = toWire(read, schema);
  for (const { cell } of definition.columns) cell(wired, { nowMs: 0 });
  for (const field of Object.values(definition.selectableFields)) field(wired);
  const odd = texts.find((text) => text.includes('undefined'));
  assert.equal(odd, undefined);
}

const ROUNDS = 40;

describe('rules of built-in kinds', () => {
  for (const definition of builtinResources())
    it(`answer whatever is sent as ${definition.plural} of ${toApiVersion(definition)}`, async () => {
      await definition.strategy.load?.();
      const random = randomOf(7);
      for (let round = 0; round < ROUNDS; round++) exercise(definition, random);
    });

  it('answer whatever is sent to the parts of pods', () => {
    const definition = builtinResources().find(({ plural, group }) => plural === 'pods' && group === '');
    assert.ok(definition);
    const random = randomOf(9);
    const pod = (): Pod => {
      const object = anyObject(definition, random);
      definition.strategy.applyDefaults?.(object);
      return object as unknown as Pod;
    };
    for (let round = 0; round < 4 * ROUNDS; round++) {
      const previous = pod();
      for (const validate of [validatePodResize, validateEphemeralContainersUpdate])
        for (const next of [pod(), { ...previous, spec: { ...previous.spec, ...pod().spec } }])
          validate(next, previous);
    }
  });
});
