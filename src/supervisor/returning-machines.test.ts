import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import type { Client } from '../client/client.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { ReturningMachines } from './returning-machines.ts';

const TOKEN = 'abcdef.0123456789abcdef';
const SHARED = '/v1-k3s/client-kube-proxy.crt';

function requestFrom(remoteAddress: string): IncomingMessage {
  const authorization = `Basic ${Buffer.from(`node:${TOKEN}`).toString('base64')}`;
  return { headers: { authorization }, socket: { remoteAddress } } as unknown as IncomingMessage;
}

describe('a machine that has shown the password of its node', () => {
  const clock = new ManualClock();
  const returning = new ReturningMachines({ client: () => ({}) as Client, clock });
  const mayHave = async (path: string, address = '192.0.2.7'): Promise<boolean> =>
    (await returning.identify(requestFrom(address), path)) !== undefined;

  it('has each certificate that machines share once, at its own address', async () => {
    returning.prove(TOKEN, requestFrom('192.0.2.7'));
    assert.equal(await mayHave(SHARED, '192.0.2.8'), false);
    assert.equal(await mayHave(SHARED), true);
    assert.equal(await mayHave(SHARED), false);
  });

  it('has none after a minute', async () => {
    returning.prove(TOKEN, requestFrom('192.0.2.7'));
    clock.advance(60_001);
    assert.equal(await mayHave(SHARED), false);
  });
});
