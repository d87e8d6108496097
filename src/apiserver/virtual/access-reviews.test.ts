import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { AuthorizationAttributes, Authorizer, User } from '../call.ts';
import type { Creater, CreaterRequest } from '../subresources/creater.ts';
import {
  localSubjectAccessReviewCreater,
  selfSubjectAccessReviewCreater,
  subjectAccessReviewCreater,
} from './access-reviews.ts';
import { selfSubjectRulesReviewCreater } from './rules-review.ts';

const caller: User = { name: 'me', groups: ['system:authenticated'] };
const asked: { user?: User; attributes?: AuthorizationAttributes } = {};
const authorizer: Authorizer = {
  async authorize(user, attributes) {
    asked.user = user;
    asked.attributes = attributes;
    return { verdict: 'allow', reason: 'why not' };
  },
};
const request = (namespace = ''): CreaterRequest =>
  ({
    key: { namespace, name: '' },
    user: caller,
    signal: new AbortController().signal,
    validate: async () => {},
  }) as never;

async function review(creater: Creater, spec: object, metadata: object = {}, namespace = ''): Promise<unknown> {
  try {
    const { object } = await creater.create({ metadata, spec } as unknown as AnyObject, request(namespace));
    return object['status'];
  } catch (error) {
    return (error as Error).message;
  }
}

const self = selfSubjectAccessReviewCreater({ authorizer });
const other = subjectAccessReviewCreater({ authorizer });
const local = localSubjectAccessReviewCreater({ authorizer });
const resourceAttributes = { verb: 'get', resource: 'pods' };
const head = '.authorization.k8s.io "" is invalid: ';

describe('access reviews', () => {
  it('ask for the caller, or for whom they name', async () => {
    assert.deepEqual(await review(self, { resourceAttributes }), { allowed: true, reason: 'why not' });
    assert.deepEqual([asked.user, asked.attributes?.version], [caller, '*']);
    await review(other, {
      user: 'u',
      uid: '1',
      groups: ['g'],
      extra: { k: ['v'] },
      nonResourceAttributes: { path: '/x', verb: 'get' },
    });
    assert.deepEqual(asked.user, { name: 'u', uid: '1', groups: ['g'], extra: { k: ['v'] } });
    assert.deepEqual([asked.attributes?.isResourceRequest, asked.attributes?.path], [false, '/x']);
  });

  const faults: Record<string, [Creater, spec: object, metadata: object, wanted: string]> = {
    'nothing to ask': [
      self,
      {},
      {},
      'spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified',
    ],
    'two things at once': [
      self,
      { resourceAttributes, nonResourceAttributes: { path: '/' } },
      {},
      'spec.nonResourceAttributes: Invalid value: {"Path":"/","Verb":""}: cannot be specified in combination with resourceAttributes',
    ],
    'nobody, and nothing': [
      other,
      {},
      {},
      '[spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified, spec.user: Invalid value: "": at least one of user or group must be specified]',
    ],
    metadata: [self, { resourceAttributes }, { name: 'x' }, 'metadata: Invalid value: {"name":"x"}: must be empty'],
    'metadata of a local one': [
      local,
      { user: 'u', resourceAttributes: { ...resourceAttributes, namespace: 'a' } },
      { name: 'x', namespace: 'a' },
      'metadata: Invalid value: {"name":"x","namespace":"a"}: must be empty except for namespace',
    ],
    'another namespace': [
      local,
      { user: 'u', resourceAttributes },
      { namespace: 'a' },
      'spec.resourceAttributes.namespace: Invalid value: "": must match metadata.namespace',
    ],
    'an empty selector': [
      self,
      { resourceAttributes: { ...resourceAttributes, fieldSelector: {} } },
      {},
      'spec.resourceAttributes.fieldSelector.requirements: Required value: when spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is required',
    ],
    'a selector in both forms': [
      self,
      {
        resourceAttributes: {
          ...resourceAttributes,
          labelSelector: { rawSelector: 'a', requirements: [{ key: 'a', operator: 'Exists' }] },
        },
      },
      {},
      'spec.resourceAttributes.labelSelector.rawSelector: Invalid value: "a": may not specified at the same time as requirements',
    ],
    'requirements without values': [
      self,
      { resourceAttributes: { ...resourceAttributes, fieldSelector: { requirements: [{ key: '', operator: 'In' }] } } },
      {},
      "[spec.resourceAttributes.fieldSelector.requirements[0].key: Required value: must be specified, spec.resourceAttributes.fieldSelector.requirements[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn']",
    ],
  };
  for (const [title, [creater, spec, metadata, wanted]] of Object.entries(faults)) {
    it(`refuse ${title}`, async () => assert.equal(await review(creater, spec, metadata, 'a'), head + wanted));
  }

  const selectors: Record<string, [selectors: object, read: object, fault?: string]> = {
    'raw ones': [
      { fieldSelector: { rawSelector: 'a=b' }, labelSelector: { rawSelector: 'c in (d)' } },
      { fieldSelector: 'a=b', labelSelector: 'c in (d)' },
    ],
    requirements: [
      {
        fieldSelector: {
          requirements: [
            { key: 'a', operator: 'In', values: ['b,c'] },
            { key: 'd', operator: 'NotIn', values: ['e'] },
          ],
        },
        labelSelector: {
          requirements: [
            { key: 'a', operator: 'In', values: ['c', 'b'] },
            { key: 'd', operator: 'DoesNotExist' },
          ],
        },
      },
      { fieldSelector: 'a=b\\,c,d!=e', labelSelector: 'a in (b,c),!d' },
    ],
    'what they understand of one': [
      {
        fieldSelector: {
          requirements: [
            { key: 'a', operator: 'In', values: ['b', 'c'] },
            { key: 'd', operator: 'In', values: ['e'] },
          ],
        },
        labelSelector: { rawSelector: 'a b' },
      },
      { fieldSelector: 'd=e', labelSelector: undefined },
      'spec.resourceAttributes.fieldSelector partially ignored due to parse error; spec.resourceAttributes.labelSelector ignored due to parse error',
    ],
    'nothing of operators to come': [
      { labelSelector: { requirements: [{ key: 'a', operator: 'Above', values: ['b'] }] } },
      { fieldSelector: undefined, labelSelector: undefined },
      'spec.resourceAttributes.labelSelector ignored due to parse error',
    ],
  };
  for (const [title, [given, read, fault]] of Object.entries(selectors)) {
    it(`read ${title}`, async () => {
      const status = await review(self, { resourceAttributes: { ...resourceAttributes, ...given } });
      const { fieldSelector, labelSelector } = asked.attributes ?? {};
      assert.deepEqual({ fieldSelector, labelSelector }, read);
      assert.deepEqual(status, {
        allowed: true,
        reason: 'why not',
        ...(fault === undefined ? {} : { evaluationError: fault }),
      });
    });
  }
});

describe('rules reviews', () => {
  const creater = selfSubjectRulesReviewCreater({
    authorizer: {
      ...authorizer,
      rulesFor: async () => ({
        resourceRules: [{ verbs: ['get'] }],
        nonResourceRules: [],
        incomplete: true,
        evaluationError: 'x',
      }),
    },
  });
  it('need a namespace, and tell all rules with what went wrong', async () => {
    assert.equal(await review(creater, {}), 'no namespace on request');
    assert.deepEqual(await review(creater, { namespace: 'a' }), {
      resourceRules: [{ verbs: ['get'] }],
      nonResourceRules: [],
      incomplete: true,
      evaluationError: 'x',
    });
  });
});
