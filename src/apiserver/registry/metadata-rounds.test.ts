import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ObjectMeta } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { metadataRoundsOf, validateUpdatedMetadata } from './metadata-rounds.ts';
import { validateKubeFinalizers, validateMetadata } from './metadata-validation.ts';
import { nameRuleOf } from './name-rules.ts';

const kind = (group: string, plural: string): ResourceDefinition =>
  ({ group, plural, namespaced: true, origin: 'builtin' }) as unknown as ResourceDefinition;

const meta = (parts: Partial<ObjectMeta>): ObjectMeta => ({
  name: 'a',
  namespace: 'b',
  resourceVersion: '1',
  ...parts,
});

const texts = (parts: Partial<ObjectMeta>, group: string, plural: string): string[] =>
  validateMetadata(meta(parts), { namespaced: true, nameRule: nameRuleOf({ group, plural }) }).map(String);

const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

const cases: Record<string, [Partial<ObjectMeta>, string, string, string[]]> = {
  'lets services begin with a digit': [{ name: '1a' }, '', 'services', []],
  'refuses dots in names of services': [
    { name: 'a.b' },
    '',
    'services',
    ['metadata.name: Invalid value: "a.b": must not contain dots'],
  ],
  'judges prefixes by the rule of names': [
    { generateName: 'AB-', name: 'A-x' },
    '',
    'pods',
    [`metadata.generateName: Invalid value: "AB-": ${SUBDOMAIN}`, `metadata.name: Invalid value: "A-x": ${SUBDOMAIN}`],
  ],
  'judges the finished name alone where the rule is newer': [
    { generateName: 'AB-', name: 'A-x' },
    '',
    'replicationcontrollers',
    [`metadata.name: Invalid value: "A-x": ${SUBDOMAIN}`],
  ],
  'counts labels in bytes and names in characters': [
    { name: 'a'.repeat(254), labels: { ['a'.repeat(64)]: '' } },
    '',
    'pods',
    [
      `metadata.name: Invalid value: "${'a'.repeat(254)}": must be no more than 253 characters`,
      `metadata.labels: Invalid value: "${'a'.repeat(64)}": name part must be no more than 63 bytes`,
    ],
  ],
  'takes no version from what is none': [
    { ownerReferences: [{ apiVersion: 'a/b/c', kind: 'K', name: 'n', uid: 'u' }] },
    '',
    'pods',
    ['metadata.ownerReferences.apiVersion: Invalid value: "a/b/c": version must not be empty'],
  ],
  'refuses both ways of deletion at once': [
    { finalizers: ['orphan', 'foregroundDeletion'] },
    '',
    'pods',
    [
      'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
    ],
  ],
};

describe('validateMetadata', () => {
  for (const [name, [parts, group, plural, expected]] of Object.entries(cases))
    it(name, () => assert.deepEqual(texts(parts, group, plural), expected));
});

describe('validateKubeFinalizers', () => {
  it('asks for a prefix', () => {
    const faults = validateKubeFinalizers(meta({ finalizers: ['kubernetes', 'a/b', 'c'] })).map(String);
    const text = 'name is neither a standard finalizer name nor is it fully qualified';
    assert.deepEqual(faults, [`metadata.finalizers[2]: Invalid value: "c": ${text}`]);
  });
});

describe('validateUpdatedMetadata', () => {
  const rounds: Record<string, [string, string, number]> = {
    'tells a wrong label three times of a kind that looks at the change': ['apps', 'deployments', 3],
    'tells it four times of a kind that looks at the whole as well': ['', 'configmaps', 4],
    'tells it twice of a kind that does not look': ['policy', 'poddisruptionbudgets', 2],
  };
  for (const [name, [group, plural, count]] of Object.entries(rounds))
    it(name, () => {
      const next = meta({ labels: { a: '-' } });
      const faults = validateUpdatedMetadata(
        next,
        meta({}),
        kind(group, plural),
        metadataRoundsOf({ group, plural }, 'object'),
      );
      assert.equal(faults.length, count);
    });
});
