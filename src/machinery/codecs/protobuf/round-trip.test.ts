import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import table from '../../../generated/schemas.json' with { type: 'json' };
import { type Filling, filledObject } from '../../../testing/filled-object.ts';
import type { AnyObject } from '../../object/object.ts';
import { builtinShape } from '../../schema/builtin.ts';
import { toWire } from '../../schema/to-wire.ts';
import { unwrapUnknown, wrapUnknown } from './envelope.ts';
import { decodeProtobuf, encodeProtobuf } from './message-codec.ts';
/**
 * What Kubernetes 1.36 makes of the same objects: the first 128 bits of the SHA-256 of its protobuf, envelope included,
 * for objects that are full, zero and bare. Taken from a Go program of its own API types and serialiser.
 */
import digests from './testdata/upstream-digests.json' with { type: 'json' };

const fillings: readonly Filling[] = ['full', 'zero', 'bare'];
// Events of a watch travel without an envelope; their frames have tests of their own.
const kinds = Object.entries(table.kinds).filter(([key]) => key !== 'v1, WatchEvent');

describe('protobuf of built-in kinds', () => {
  for (const [key, typeName] of kinds) {
    const [apiVersion = '', kind = ''] = key.split(', ');
    for (const [index, filling] of fillings.entries()) {
      it(`writes a ${filling} ${key} as upstream does, and reads it back`, () => {
        const object = { ...filledObject(typeName, filling), apiVersion, kind };
        const bytes = wrapUnknown(apiVersion, kind, encodeProtobuf(object, typeName));
        const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 32);
        assert.equal(digest, (digests as Record<string, readonly string[]>)[key]?.[index]);
        const envelope = unwrapUnknown(bytes);
        assert.deepEqual([envelope.apiVersion, envelope.kind], [apiVersion, kind]);
        const back = { ...decodeProtobuf(envelope.raw, typeName), apiVersion, kind };
        const shape = builtinShape(typeName);
        const wanted = toWire(object as AnyObject, shape, { asStored: true });
        assert.equal(JSON.stringify(toWire(back, shape)), JSON.stringify(wanted));
      });
    }
  }

  it('has a digest for each kind and no other', () => {
    assert.deepEqual(Object.keys(digests).sort(), kinds.map(([key]) => key).sort());
  });
});
