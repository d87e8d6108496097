import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinResources } from '../../resources/index.ts';
import { systemClock } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { startAskingServer } from '../asking-server.ts';
import { drop, isServerFault, toCall } from './harness.ts';
import { Random } from './random.ts';
import { RequestMaker } from './requests.ts';

const SEED = 20_260_101;
const REQUESTS = 2_500;

describe('a server under malformed requests', () => {
  it('answers each without a fault of its own', async () => {
    const faults: unknown[] = [];
    const { server, ask, close } = await startAskingServer(collecting(faults));
    // Pods would wait for it.
    const account = { metadata: { name: 'default' } };
    await ask({ method: 'POST', target: '/api/v1/namespaces/default/serviceaccounts', body: account });
    const maker = new RequestMaker(new Random(SEED), builtinResources());
    for (let sent = 0; sent < REQUESTS; sent++) {
      const request = maker.make();
      const call = toCall(request, systemClock.nowMs());
      // Revisions of the future are waited for, which takes its time.
      if (call === undefined || BigInt(/^\d+$/.exec(call.query.get('resourceVersion') ?? '')?.[0] ?? 0) > 1n) continue;
      const answer = await server.handle(call);
      drop(answer);
      const shown = `${request.method} ${request.target} ${request.headers['content-type']} ${request.body}`;
      assert.equal(isServerFault(answer), false, shown.slice(0, 2_000));
      assert.deepEqual(faults, [], shown.slice(0, 2_000));
    }
    close();
  });
});

function collecting(faults: unknown[]): Logger {
  const logger: Logger = {
    debug() {},
    info() {},
    warn() {},
    error: (message, fields) => void faults.push([message, fields]),
    with: () => logger,
  };
  return logger;
}
