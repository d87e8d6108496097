import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Client } from '../../client/client.ts';
import type { ValidatingAdmissionPolicySpec } from '../../generated/api/admissionregistration/v1.ts';
import { notFound } from '../../machinery/errors/status-error.ts';
import { TypeChecker } from './type-checker.ts';

const answers: Readonly<Record<string, unknown>> = {
  '/apis/example.com/v1': {
    groupVersion: 'example.com/v1',
    resources: [{ name: 'widgets', kind: 'Widget', namespaced: true, verbs: [] }],
  },
  '/openapi/v3/apis/example.com/v1': {
    components: {
      schemas: {
        widget: {
          type: 'object',
          'x-kubernetes-group-version-kind': [{ group: 'example.com', version: 'v1', kind: 'Widget' }],
          properties: {
            spec: { allOf: [{ $ref: '#/components/schemas/spec' }] },
            port: { format: 'int-or-string' },
          },
        },
        spec: {
          type: 'object',
          properties: {
            size: { type: 'integer' },
            labels: { type: 'object', additionalProperties: { type: 'string' } },
            inner: { $ref: '#/components/schemas/spec' },
          },
        },
      },
    },
  },
};

const checker = new TypeChecker(
  new Client({
    request: async ({ path }) => {
      if (!(path in answers)) throw notFound({ group: '', resource: '' }, path);
      return answers[path];
    },
    watch: () => {
      throw new Error('nobody watches');
    },
  }),
);

const check = async (expression: string, apiGroups: string[], more: Partial<ValidatingAdmissionPolicySpec> = {}) => {
  const resourceRules = [{ apiGroups, apiVersions: ['v1'], operations: ['CREATE'], resources: ['widgets', 'x/y'] }];
  const spec = { matchConstraints: { resourceRules }, validations: [{ expression }], ...more };
  const warnings = await checker.check({ metadata: { name: 'p' }, spec });
  return warnings.map(({ warning }) => warning);
};

describe('TypeChecker', () => {
  const fitting = [
    'object.spec.size > 1',
    "object.spec.labels.all(k, object.spec.labels[k] != '')",
    'object.port == 1',
    "object.metadata.name == 'x' && oldObject.kind == ''",
  ];
  for (const expression of fitting) {
    it(`has nothing to say of ${expression}`, async () => {
      assert.deepEqual(await check(expression, ['example.com']), []);
    });
  }

  it('says which field a kind has not', async () => {
    const text = "ERROR: <input>:1:12: undefined field 'nosuch'\n | object.spec.nosuch > 1\n | ...........^";
    assert.deepEqual(await check('object.spec.nosuch > 1', ['example.com']), [
      `example.com/v1, Kind=Widget: ${text}\n`,
    ]);
  });

  it('follows a schema into itself only once', async () => {
    const [warning] = await check('object.spec.inner.size > 1', ['example.com']);
    assert.match(warning ?? '', /undefined field 'size'/);
  });

  it('checks parameters and variables, too', async () => {
    const more = {
      paramKind: { apiVersion: 'example.com/v1', kind: 'Widget' },
      variables: [{ name: 'size', expression: 'params.spec.size' }],
    };
    assert.deepEqual(await check('variables.size > 1', ['example.com'], more), []);
    const [warning] = await check("variables.size == 'x'", ['example.com'], more);
    assert.match(warning ?? '', /found no matching overload for '_==_' applied to '\(int, string\)'/);
  });

  it('leaves alone what wildcards name, and what nobody serves', async () => {
    assert.deepEqual(await check('object.nosuch', ['*']), []);
    assert.deepEqual(await check('object.nosuch', ['other.com']), []);
  });
});
