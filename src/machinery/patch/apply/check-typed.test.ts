import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinShape } from '../../schema/builtin.ts';
import { checkTyped } from './check-typed.ts';

const shape = builtinShape('core/v1.Service');
const service = (spec: unknown): unknown => ({ apiVersion: 'v1', kind: 'Service', spec });

const faults: Record<string, [value: unknown, message: string]> = {
  'a field that no schema has': [service({ odd: 1 }), '.spec.odd: field not declared in schema'],
  'no map where one must be': [service('x'), '.spec: expected map, got &{x}'],
  'no list where one must be': [service({ ports: { a: [1] } }), '.spec.ports: expected list, got &{map[a:[1]]}'],
  'a text in place of a number': [
    service({ ports: [{ port: '80' }] }),
    '.spec.ports[port="80",protocol="TCP"].port: expected numeric (int or float), got string',
  ],
  'a number in place of a text': [
    service({ clusterIP: 5 }),
    '.spec.clusterIP: expected string, got &value.valueUnstructured{Value:5}',
  ],
  'a list in place of a text': [
    service({ clusterIP: ['a'] }),
    '.spec.clusterIP: expected string, got &value.valueUnstructured{Value:[]interface {}{"a"}}',
  ],
  'a text in place of a boolean': [
    service({ publishNotReadyAddresses: 'x' }),
    '.spec.publishNotReadyAddresses: expected boolean, got &{x}',
  ],
  'a wrong item of an atomic list': [
    service({ externalIPs: ['a', 1] }),
    '.spec.externalIPs[1]: expected string, got &value.valueUnstructured{Value:1}',
  ],
  'items with the same keys': [
    service({ ports: [{ port: 80 }, { port: 80 }] }),
    '.spec.ports: duplicate entries for key [port=80,protocol="TCP"]',
  ],
  'an item that is none': [
    service({ ports: [null] }),
    '.spec.ports: element 0: associative list with keys may not have a null element',
  ],
  'several faults at once': [
    service({ clusterIP: 1, type: 2 }),
    [
      'errors:',
      '  .spec.clusterIP: expected string, got &value.valueUnstructured{Value:1}',
      '  .spec.type: expected string, got &value.valueUnstructured{Value:2}',
    ].join('\n'),
  ],
};

describe('checkTyped', () => {
  for (const [name, [value, message]] of Object.entries(faults)) {
    it(`tells of ${name}`, () => assert.throws(() => checkTyped(value, shape), { name: 'TypedError', message }));
  }
  it('takes nulls anywhere in maps', () => checkTyped(service({ ports: null, selector: { a: null } }), shape));
});
