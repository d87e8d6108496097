import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CustomResourceDefinition } from '../../generated/api/apiextensions/v1.ts';
import { planNames } from './naming.ts';

function crdWith(names: Record<string, unknown>, accepted?: Record<string, unknown>): CustomResourceDefinition {
  const all = { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList', ...names };
  const status = accepted === undefined ? {} : { status: { acceptedNames: accepted } };
  return { metadata: {}, spec: { group: 'example.com', names: all }, ...status } as unknown as CustomResourceDefinition;
}

const other = crdWith(
  {},
  { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList', shortNames: ['t'] },
);

describe('planNames', () => {
  it('accepts and establishes names that nobody has', () => {
    const plan = planNames(crdWith({ shortNames: ['t'] }), []);
    assert.deepEqual(plan.acceptedNames, {
      plural: 'things',
      singular: 'thing',
      kind: 'Thing',
      listKind: 'ThingList',
      shortNames: ['t'],
    });
    assert.equal(plan.namesAccepted.status, 'True');
    assert.deepEqual(plan.established, {
      type: 'Established',
      status: 'True',
      reason: 'InitialNamesAccepted',
      message: 'the initial names have been accepted',
    });
  });

  it('keeps names from a definition that comes later, and does not establish it', () => {
    const late = crdWith({ plural: 'items', singular: 'item', listKind: 'ItemList' });
    const plan = planNames(late, [other]);
    assert.deepEqual(plan.namesAccepted, {
      type: 'NamesAccepted',
      status: 'False',
      reason: 'KindConflict',
      message: '"Thing" is already in use',
    });
    assert.equal(plan.acceptedNames.kind, '');
    assert.equal(plan.established.reason, 'NotAccepted');
  });

  it('names every short name that is taken', () => {
    const late = crdWith({ plural: 'a', singular: 'b', kind: 'C', listKind: 'D', shortNames: ['t', 'thing', 'z'] });
    const plan = planNames(late, [other]);
    assert.equal(plan.namesAccepted.message, '["t" is already in use, "thing" is already in use]');
  });

  it('does not see a conflict with other groups', () => {
    const elsewhere = { ...other, spec: { ...other.spec, group: 'example.org' } };
    assert.equal(planNames(crdWith({}), [elsewhere]).namesAccepted.status, 'True');
  });
});
