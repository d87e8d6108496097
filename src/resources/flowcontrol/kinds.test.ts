import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { created, createFaults, updated } from '../../testing/strategy-runs.ts';
import { flowSchemaResource as schema } from './flow-schema/definition.ts';
import { mandatoryFlowSchemas, mandatoryPriorityLevels } from './mandatory-objects.ts';
import { priorityLevelConfigurationResource as level } from './priority-level-configuration/definition.ts';

const priorityLevelConfiguration = { name: 'p' };
const resourceRule = { verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'] };
const subject = { kind: 'User', user: { name: 'u' } };
const withRule = (rule: object): object => ({ priorityLevelConfiguration, rules: [rule] });
const queue = (queuing: object): object => ({
  type: 'Limited',
  limited: { limitResponse: { type: 'Queue', queuing } },
});

const cases: Record<string, [ResourceDefinition, object, string[]]> = {
  'schemas take a plain one': [schema, withRule({ subjects: [subject], resourceRules: [resourceRule] }), []],
  'schemas leave the first place to the exempt one': [
    schema,
    { priorityLevelConfiguration, matchingPrecedence: 1 },
    ["spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1"],
  ],
  'schemas ask for subjects and something to do': [
    schema,
    withRule({}),
    [
      'spec.rules[0].subjects: Required value: subjects must contain at least one value',
      'spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty',
    ],
  ],
  'schemas want the subject of the kind alone': [
    schema,
    withRule({
      subjects: [
        { kind: 'ServiceAccount', serviceAccount: { name: '*' }, user: { name: 'u' } },
        { kind: 'Group', group: {} },
        { kind: 'Robot' },
      ],
      resourceRules: [resourceRule],
    }),
    [
      'spec.rules[0].subjects[0].serviceAccount.namespace: Required value: must specify namespace for service account',
      "spec.rules[0].subjects[0].user: Forbidden: user is forbidden when subject kind is not 'User'",
      'spec.rules[0].subjects[1].group.name: Required value',
      'spec.rules[0].subjects[2].kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User"',
    ],
  ],
  'schemas refuse lists beside a wildcard, and odd namespaces': [
    schema,
    withRule({
      subjects: [subject],
      resourceRules: [{ ...resourceRule, verbs: ['*', 'get'], namespaces: ['A'] }],
      nonResourceRules: [{ verbs: ['fly'], nonResourceURLs: ['x', '/a b', '/a*', '/a/*', '/'] }],
    }),
    [
      `spec.rules[0].resourceRules[0].verbs: Invalid value: ["*","get"]: if '*' is present, must not specify other verbs`,
      `spec.rules[0].resourceRules[0].namespaces[0]: Invalid value: "A": each member of this list must be '*' or a DNS-1123 label; a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
      'spec.rules[0].nonResourceRules[0].verbs: Unsupported value: ["fly"]: supported values: "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"',
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "x": must start with slash',
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[1]: Invalid value: "/a b": must not contain white-space',
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[2]: Invalid value: "/a*": wildcard can only do suffix matching',
    ],
  ],
  'levels know two types': [level, {}, ['spec.type: Unsupported value: "": supported values: "Exempt", "Limited"']],
  'levels leave exemption to the exempt one': [
    level,
    { type: 'Exempt', limited: {} },
    [
      "spec.type: Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'",
      'spec.limited: Forbidden: must be nil if the type is not Limited',
    ],
  ],
  'levels ask what becomes of too much': [
    level,
    { type: 'Limited', limited: { borrowingLimitPercent: -1 } },
    [
      'spec.limited.limitResponse.type: Unsupported value: "": supported values: "Queue", "Reject"',
      'spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative integer',
    ],
  ],
  'levels queue with defaults': [level, queue({}), []],
  'levels deal no more hands than their hash has bits for': [
    level,
    queue({ queues: 1024, handSize: 7 }),
    [
      'spec.limited.limitResponse.queuing.handSize: Invalid value: 7: required entropy bits of deckSize 1024 and handSize 7 should not be greater than 60',
    ],
  ],
};

describe('flow control', () => {
  for (const [name, [kind, spec, faults]] of Object.entries(cases))
    it(name, () => assert.deepEqual(createFaults(kind, { spec }), faults));

  it('takes the fixed objects as they are, and only so', () => {
    for (const [name, spec] of Object.entries(mandatoryFlowSchemas)) {
      assert.deepEqual(createFaults(schema, { metadata: { name }, spec }), []);
      const odd = createFaults(schema, { metadata: { name }, spec: { ...spec, matchingPrecedence: 9 } });
      assert.match(odd.at(-1) ?? '', new RegExp(`spec of '${name}' must equal the fixed value$`));
    }
    for (const [name, spec] of Object.entries(mandatoryPriorityLevels))
      assert.deepEqual(createFaults(level, { metadata: { name }, spec }), []);
    const exempt = { type: 'Exempt', exempt: { nominalConcurrencyShares: 7 } };
    assert.deepEqual(createFaults(level, { metadata: { name: 'exempt' }, spec: exempt }), []);
  });

  it('fills in what is left out', () => {
    const limitResponse = { type: 'Queue', queuing: { queues: 64, handSize: 8, queueLengthLimit: 50 } };
    const limited = { nominalConcurrencyShares: 30, limitResponse, lendablePercent: 0 };
    assert.deepEqual(created(level, { spec: queue({}) })['spec'], { type: 'Limited', limited });
  });

  it('names each condition once, and takes no metadata with them', () => {
    const spec = { priorityLevelConfiguration };
    const next = {
      metadata: { name: 'a', labels: { a: 'b' } },
      spec,
      status: { conditions: [{ type: 'T' }, { type: 'T' }] },
    };
    const { object, faults } = updated(schema, { spec }, next, 'StatusUpdate');
    assert.deepEqual(faults, ['status.conditions[1].type: Duplicate value: "T"']);
    assert.equal(object.metadata.labels, undefined);
  });
});
