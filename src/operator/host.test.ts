import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Client } from '../client/client.ts';
import type { ApiRequest } from '../client/transport.ts';
import { services } from '../generated/resource-types.ts';
import type { AnyObject } from '../machinery/object/object.ts';
import { Answers, applyWanted } from './host.ts';

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
}

/** What is sent for the wish, given what is there, and what the host then has. */
async function apply(
  present?: AnyObject,
  {
    answer = (wish) => wish,
    answers = new Answers(),
  }: { answer?: (wish: AnyObject) => AnyObject; answers?: Answers } = {},
): Promise<Applied> {
  const sent: ApiRequest[] = [];
  const client = new Client({
    async request(request) {
      sent.push(request);
      return answer(request.body as AnyObject);
    },
    watch: () => assert.fail('nothing is watched'),
  });
  const options = { owner: undefined, tenant: 'default/demo', answers };
  return { result: await applyWanted(client, wanted, present, options, new AbortController().signal), sent };
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
    const later = { ...result, metadata: { ...result.metadata, resourceVersion: '8' } };
    assert.equal((await apply(later, { answers })).sent.length, 1);
    answers.forget('default/demo');
    assert.equal((await apply(result, { answers })).sent.length, 1);
  });
});
