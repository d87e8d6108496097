import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type AskingServer, startAskingServer } from '../testing/asking-server.ts';

const REVISIONS = '/apis/apps/v1/namespaces/default/controllerrevisions';
const yaml = { accept: 'application/yaml' };

describe('whole numbers of 64 bits', () => {
  let server: AskingServer;
  before(async () => {
    server = await startAskingServer();
  });
  after(() => server.close());

  const ask = async (method: string, target: string, body?: string, headers = {}): Promise<string> =>
    String((await server.ask({ method, target, body, headers: { ...yaml, ...headers } })).body);

  it('keep their digits when they are created, read and changed beside', async () => {
    const numbers = /revision: 9007199254740993\n/;
    assert.match(
      await ask('POST', REVISIONS, '{"metadata":{"name":"x"},"data":{},"revision":9007199254740993}'),
      numbers,
    );
    assert.match(await ask('GET', `${REVISIONS}/x`), numbers);
    const patch = '{"metadata":{"labels":{"a":"b"}}}';
    assert.match(
      await ask('PATCH', `${REVISIONS}/x`, patch, { 'content-type': 'application/merge-patch+json' }),
      numbers,
    );
    assert.match(await ask('GET', `${REVISIONS}/x`), /a: b\n[\s\S]*revision: 9007199254740993\n/);
  });

  it('are refused in words that show all of them where 32 bits are asked for', async () => {
    const text = await ask(
      'POST',
      '/api/v1/namespaces/default/services',
      '{"spec":{"ports":[{"port":9007199254740993}]}}',
    );
    assert.match(text, /cannot unmarshal\s+number 9007199254740993 into Go struct field/);
  });
});
