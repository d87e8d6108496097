import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Client } from '../client/client.ts';
import type { ApiRequest } from '../client/transport.ts';
import { services } from '../generated/resource-types.ts';
import type { AnyObject } from '../machinery/object/object.ts';
import { Answers, applyWanted } from './host.ts';
import type { Intrusion } from './intrusions.ts';
import { Repairs } from './repairs.ts';

const wanted = {
  type: services,
  object: {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'demo-server', namespace: 'default' },
    spec: { selector: { app: 'demo' } },
  },
};

interface Applied {
  readonly sent: ApiRequest[];
  readonly result: AnyObject;
  readonly removed: readonly Intrusion[];
}

/** What is sent for the wish, given what is there, and what the host then has. */
async function apply(
  present?: AnyObject,
  {
    answer = (wish) => wish,
    answers = new Answers(),
    repairs = new Repairs(),
  }: { answer?: (wish: AnyObject) => AnyObject; answers?: Answers; repairs?: Repairs } = {},
): Promise<Applied> {
  const sent: ApiRequest[] = [];
  const client = new Client({
    async request(request) {
      sent.push(request);
      return answer(request.body as AnyObject);
    },
    watch: () => assert.fail('nothing is watched'),
  });
  const removed: Intrusion[] = [];
  const options = {
    owner: undefined,
    tenant: 'default/demo',
    answers,
    repairs,
    nowMs: 0,
    removed: (found: readonly Intrusion[]) => void removed.push(...found),
  };
  return { result: await applyWanted(client, wanted, present, options, new AbortController().signal), sent, removed };
}

describe('applyWanted', () => {
  it('makes what is not there', async () => {
    const { sent } = await apply();
    assert.deepEqual(
      sent.map(({ method, path }) => `${method} ${path}`),
      ['PATCH /api/v1/namespaces/default/services/demo-server'],
    );
  });

  it('leaves alone what is as wished, though it comes from a list, whose items do not say their kind', async () => {
    const { apiVersion: _version, kind: _kind, ...listed } = (await apply()).result;
    assert.deepEqual((await apply(listed as AnyObject)).sent, []);
  });

  it('mends what somebody has changed', async () => {
    const { result } = await apply();
    const narrowed = { ...result, spec: { selector: { app: 'demo', other: 'yes' } } } as AnyObject;
    assert.equal((await apply(narrowed)).sent.length, 1);
  });

  it('does not ask twice for what the host has made of it, until somebody changes that', async () => {
    const answers = new Answers();
    const answer = (wish: AnyObject) =>
      ({
        ...wish,
        metadata: { ...wish.metadata, resourceVersion: '7' },
        spec: { selector: { app: 'else' } },
      }) as AnyObject;
    const { result } = await apply(undefined, { answer, answers });
    assert.deepEqual((await apply(result, { answers })).sent, []);
    const busy = { ...result, metadata: { ...result.metadata, resourceVersion: '8' }, status: {} } as AnyObject;
    assert.deepEqual((await apply(busy, { answers })).sent, []);
    const later = { ...result, spec: { selector: { app: 'more' } } } as AnyObject;
    assert.equal((await apply(later, { answers })).sent.length, 1);
    answers.forget('default/demo');
    assert.equal((await apply(result, { answers })).sent.length, 1);
  });

  it('removes what others have added where it has the only say, and asks nothing more where that is all', async () => {
    const { result } = await apply();
    const port = { port: 22, protocol: 'TCP' };
    const managedFields = [
      {
        manager: 'kubectl-edit',
        fieldsV1: { 'f:spec': { 'f:ports': { 'k:{"port":22,"protocol":"TCP"}': { '.': {} } } } },
      },
    ];
    const intruded = {
      ...result,
      metadata: { ...result.metadata, resourceVersion: '7', managedFields },
      spec: { ...(result['spec'] as object), ports: [port] },
    } as AnyObject;
    const { sent, removed } = await apply(intruded, { answer: () => result });
    assert.deepEqual(
      sent.map(({ body }) => body),
      [
        [
          { op: 'replace', path: '/metadata/resourceVersion', value: '7' },
          { op: 'remove', path: '/spec/ports' },
        ],
      ],
    );
    assert.deepEqual(
      removed.map(({ manager, text }) => `${manager}: ${text}`),
      ['kubectl-edit: spec.ports'],
    );
  });

  it('gives way for a while to somebody who does not', async () => {
    const { result } = await apply();
    const changed = { ...result, spec: { selector: { app: 'other' } } } as AnyObject;
    const repairs = new Repairs();
    for (let time = 0; time < 10; time++) assert.equal((await apply(changed, { repairs })).sent.length, 1);
    await assert.rejects(apply(changed, { repairs }), /Service demo-server is changed again and again/);
  });
});
