import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Client } from '../client/client.ts';
import type { ApiRequest } from '../client/transport.ts';
import { services } from '../generated/resource-types.ts';
import type { AnyObject } from '../machinery/object/object.ts';
import { applyWanted } from './host.ts';

const wanted = {
  type: services,
  object: {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'demo-server', namespace: 'default' },
    spec: { selector: { app: 'demo' } },
  },
};

/** What is sent for the wish, given what is there, and what the host then has. */
async function apply(present?: AnyObject): Promise<{ sent: ApiRequest[]; result: AnyObject }> {
  const sent: ApiRequest[] = [];
  const client = new Client({
    async request(request) {
      sent.push(request);
      return request.body;
    },
    watch: () => assert.fail('nothing is watched'),
  });
  return { result: await applyWanted(client, wanted, present, undefined, new AbortController().signal), sent };
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
});
