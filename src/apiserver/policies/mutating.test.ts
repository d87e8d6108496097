import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { silentLogger } from '../../telemetry/logger.ts';
import { type AskingServer, type Reply, startAskingServer } from '../../testing/asking-server.ts';
import { createPolicies } from './policies.ts';

const BASE = '/apis/admissionregistration.k8s.io/v1';
const pods = '/api/v1/namespaces/default/pods';

interface Pod {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> };
  readonly spec: { readonly containers: readonly { readonly name: string; readonly env?: readonly object[] }[] };
}

interface Failure {
  readonly message: string;
  readonly reason: string;
  readonly code: number;
}

describe('mutating admission policies', () => {
  let server: AskingServer;
  before(async () => {
    server = await startAskingServer(silentLogger, {
      admissionPlugins: { disable: ['ServiceAccount'] },
      admission: (seams) => {
        const authorizer = { authorize: async () => ({ verdict: 'allow', reason: '' }) as const };
        const { mutating, validating } = createPolicies({ ...seams, authorizer });
        return [mutating, validating];
      },
    });
  });
  after(() => server.close());
  beforeEach(async () => {
    for (const plural of ['mutatingadmissionpolicybindings', 'mutatingadmissionpolicies']) {
      await server.ask({ method: 'DELETE', target: `${BASE}/${plural}` });
    }
  });

  const made = async (target: string, body: object): Promise<void> => {
    const { status, body: answer } = await server.ask({ method: 'POST', target, body });
    assert.equal(status, 201, JSON.stringify(answer));
  };
  const bind = async (name: string, mutations: readonly object[], more: object = {}): Promise<void> => {
    const rules = [{ operations: ['CREATE', 'UPDATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }];
    await made(`${BASE}/mutatingadmissionpolicies`, {
      metadata: { name },
      spec: { matchConstraints: { resourceRules: rules }, reinvocationPolicy: 'Never', mutations, ...more },
    });
    await made(`${BASE}/mutatingadmissionpolicybindings`, {
      metadata: { name: `${name}-b` },
      spec: { policyName: name },
    });
  };
  const configuration = (expression: string): object => ({
    patchType: 'ApplyConfiguration',
    applyConfiguration: { expression },
  });
  const patch = (expression: string): object => ({ patchType: 'JSONPatch', jsonPatch: { expression } });
  const create = (labels: object = {}): Promise<Reply> =>
    server.ask({
      method: 'POST',
      target: `${pods}?dryRun=All`,
      body: { metadata: { name: 'p', labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    });
  const pod = async (labels: object = {}): Promise<Pod> => {
    const { status, body } = await create(labels);
    assert.equal(status, 201, JSON.stringify(body));
    return body as Pod;
  };
  const failure = async (): Promise<Failure> => (await create()).body as Failure;

  it('merges what a configuration sets, items by their keys', async () => {
    const expression = `Object{metadata: Object.metadata{labels: {"a": "b"}}, spec: Object.spec{
      containers: [Object.spec.containers{name: "c", env: [Object.spec.containers.env{name: "E", value: "v"}]}]}}`;
    await bind('m', [configuration(expression)]);
    const { metadata, spec } = await pod({ own: 'x' });
    assert.deepEqual(metadata.labels, { own: 'x', a: 'b' });
    assert.equal(spec.containers.length, 1);
    assert.deepEqual(spec.containers[0]?.env, [{ name: 'E', value: 'v' }]);
  });

  it('applies operations, with keys escaped', async () => {
    const operations = `[
      JSONPatch{op: "test", path: "/metadata/labels/own", value: "x"},
      JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("a/b"), value: string(1 + 1)},
      JSONPatch{op: "add", path: "/spec/containers/-", value: Object.spec.containers{name: "d", image: "j"}}]`;
    await bind('m', [patch(operations)]);
    const { metadata, spec } = await pod({ own: 'x' });
    assert.deepEqual(metadata.labels, { own: 'x', 'a/b': '2' });
    assert.deepEqual(
      spec.containers.map(({ name }) => name),
      ['c', 'd'],
    );
    assert.deepEqual((await pod({ own: 'y' })).metadata.labels, { own: 'y' });
  });

  it('runs the mutations of a policy one after the other', async () => {
    await bind('m', [
      configuration('Object{metadata: Object.metadata{labels: {"a": "1"}}}'),
      patch('[JSONPatch{op: "replace", path: "/metadata/labels/a", value: object.metadata.labels.a + "2"}]'),
    ]);
    assert.equal((await pod()).metadata.labels?.['a'], '12');
  });

  it('asks policies again that want it, once others have changed the object', async () => {
    const count = (name: string): object =>
      configuration(
        `Object{metadata: Object.metadata{labels: {"${name}": object.metadata.?labels.?${name}.orValue("") + "x"}}}`,
      );
    await bind('again', [count('a')], { reinvocationPolicy: 'IfNeeded' });
    await bind('once', [count('b')]);
    assert.deepEqual((await pod()).metadata.labels, { a: 'xx', b: 'x' });
  });

  it('leaves objects alone that conditions exclude', async () => {
    await bind('m', [configuration('Object{metadata: Object.metadata{labels: {"a": "b"}}}')], {
      matchConditions: [{ name: 'c', expression: 'has(object.metadata.labels)' }],
    });
    assert.equal((await pod()).metadata.labels, undefined);
    assert.equal((await pod({ own: 'x' })).metadata.labels?.['a'], 'b');
  });

  const faults: Record<string, [object, string]> = {
    'says that a field is none of the kind': [
      configuration('Object{spec: Object.spec{nosuch: "x"}}'),
      'error applying patch: failed to convert patch object to typed object: .spec.nosuch: field not declared in schema',
    ],
    'replaces no lists that are one value': [
      configuration('Object{spec: Object.spec{containers: [Object.spec.containers{name: "c", args: ["x"]}]}}'),
      'error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.containers[0].args',
    ],
    'says where a type belongs': [
      configuration('Object{spec: Object.metadata{hostname: "x"}}'),
      'type mismatch: unexpected type name "Object.metadata", expected "Object.spec", which matches field name path from root Object type',
    ],
    'says that an expression failed': [
      configuration('Object{metadata: Object.metadata{labels: {"a": object.nosuch}}}'),
      `expression 'Object{metadata: Object.metadata{labels: {"a": object.nosuch}}}' resulted in error: no such key: nosuch`,
    ],
  };
  for (const [title, [mutation, why]] of Object.entries(faults)) {
    it(title, async () => {
      await bind('m', [mutation]);
      const { message, reason, code } = await failure();
      assert.equal(message, `policy 'm' with binding 'm-b' denied request: ${why}`);
      assert.deepEqual([reason, code], ['Invalid', 403]);
    });
  }

  it('passes over failures where it is told to', async () => {
    await bind('m', [configuration('Object{spec: Object.spec{nosuch: "x"}}')], { failurePolicy: 'Ignore' });
    await pod();
  });
});
