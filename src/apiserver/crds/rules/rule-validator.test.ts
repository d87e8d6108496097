import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Correlated } from '../../../machinery/schema/correlated.ts';
import { readSchema } from '../../../machinery/schema/read-schema.ts';
import { RuleValidator } from './rule-validator.ts';

interface Case {
  /** Of `spec`, whose fields are `a` and `b` (numbers), `name` and `list`. */
  readonly rule: object;
  readonly spec: object;
  readonly old?: object;
  readonly faults: readonly string[];
}

const cases: Record<string, Case> = {
  'a rule that holds': { rule: { rule: 'self.a < self.b' }, spec: { a: 1, b: 2 }, faults: [] },
  'a rule without a message': {
    rule: { rule: 'self.a < self.b' },
    spec: { a: 2, b: 1 },
    faults: ['spec: Invalid value: failed rule: self.a < self.b'],
  },
  'a message': {
    rule: { rule: 'self.a < self.b', message: 'a must be less' },
    spec: { a: 2, b: 1 },
    faults: ['spec: Invalid value: a must be less'],
  },
  'a computed message': {
    rule: { rule: 'self.a < self.b', message: 'no', messageExpression: '"a is %d".format([self.a])' },
    spec: { a: 2, b: 1 },
    faults: ['spec: Invalid value: a is 2'],
  },
  'the message beside one that cannot be computed': {
    rule: { rule: 'self.a < self.b', message: 'no', messageExpression: 'string(1 / (self.b - 1))' },
    spec: { a: 2, b: 1 },
    faults: ['spec: Invalid value: no'],
  },
  'a reason and the field that is meant': {
    rule: { rule: 'has(self.name)', message: 'say who', reason: 'FieldValueRequired', fieldPath: '.name' },
    spec: {},
    faults: ['spec.name: Required value: say who'],
  },
  'a field that is not there': {
    rule: { rule: 'self.name == "x"' },
    spec: {},
    faults: ['spec: Invalid value: "object": no such key: name evaluating rule: self.name == "x"'],
  },
  'a transition without an old value': { rule: { rule: 'self.a >= oldSelf.a' }, spec: { a: 1 }, faults: [] },
  'a transition': {
    rule: { rule: 'self.a >= oldSelf.a', message: 'must not shrink' },
    spec: { a: 1 },
    old: { a: 2 },
    faults: ['spec: Invalid value: must not shrink'],
  },
  'a transition whose old value may be missing': {
    rule: { rule: 'oldSelf.hasValue() || self.a == 0', optionalOldSelf: true, message: 'starts at 0' },
    spec: { a: 1 },
    faults: ['spec: Invalid value: starts at 0'],
  },
  'a list that is a set': {
    rule: { rule: 'self.list == ["y", "x"]' },
    spec: { list: ['x', 'y'] },
    faults: [],
  },
};

const schemaWith = (rule: object) =>
  readSchema({
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: {
          a: { type: 'integer' },
          b: { type: 'integer' },
          name: { type: 'string' },
          list: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
        },
        'x-kubernetes-validations': [rule],
      },
    },
  });

function judge({ rule, spec, old }: Omit<Case, 'faults'>, forgives = false) {
  const schema = schemaWith(rule);
  const object = { spec };
  const previous = old === undefined ? undefined : { spec: old };
  const correlated = forgives && previous !== undefined ? new Correlated(object, previous, schema) : undefined;
  const found = RuleValidator.of(schema, true)?.validate(object, previous, { correlated });
  assert.ok(found);
  return found;
}

describe('RuleValidator', () => {
  for (const [name, { faults, ...given }] of Object.entries(cases)) {
    it(`judges by ${name}`, () => assert.deepEqual(judge(given).faults.map(String), faults));
  }

  it('is not made for a schema without rules', () => {
    assert.equal(RuleValidator.of(readSchema({ type: 'object' }), true), undefined);
  });

  it('forgives what did not change', () => {
    const given = { rule: { rule: 'self.a < 3' }, spec: { a: 5 }, old: { a: 5 } };
    assert.deepEqual(judge(given, true).faults, []);
    assert.equal(judge({ ...given, old: { a: 4 } }, true).faults.length, 1);
  });

  it('refuses what costs more than one rule may', () => {
    const list = Array.from({ length: 900 }, (_, index) => `x${index}`);
    const [fault] = judge({
      rule: { rule: 'self.list.all(x, self.list.all(y, x != y || x == y))' },
      spec: { list },
    }).faults;
    assert.match(String(fault), /call cost exceeds limit|exceeded/);
  });
});
