/** A machine that comes and goes for long, with streams and watches open each time: nothing of it stays behind. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { WebSocket } from 'ws';
import { Client } from '../client/client.ts';
import { createHttpTransport } from '../client/http-transport.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import { pods } from '../generated/resource-types.ts';
import { type Clock, systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { AgentDouble } from '../testing/agent-double/agent.ts';
import { freePort } from '../testing/free-port.ts';
import { until } from '../testing/memory-server.ts';
import { readTenantConfig } from './config.ts';
import { startTenant } from './tenant.ts';

/** Everything that is loaded or cached with a first use is there by then. */
const WARM_CYCLES = 30;
const CYCLES = 200;
/** Far less than a leak of one stream's buffers in each cycle, and more than what a heap differs by. */
const MOST_GROWTH_BYTES = 6 << 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Agents wait a second before they come back; this one does not. */
const hasty: Clock = { ...systemClock, sleep: (delayMs, signal) => systemClock.sleep(Math.min(delayMs, 5), signal) };

/** What this process holds once everything is over that is about to be. */
async function held(): Promise<{ bytes: number; handles: Record<string, number> }> {
  await new Promise((resolve) => setTimeout(resolve, 300));
  for (let left = 4; left > 0; left--) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external } = process.memoryUsage();
  const handles: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) handles[kind] = (handles[kind] ?? 0) + 1;
  return { bytes: heapUsed + external, handles };
}

describe('a machine that comes and goes', () => {
  it(`leaves nothing behind after ${CYCLES} times, though streams and watches were open each time`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'warren-leaks-'));
    const port = await freePort();
    const flags = ['--data-dir', folder, '--https-listen-port', String(port), '--advertise-address', '127.0.0.1'];
    const more = [
      '--bind-address',
      '127.0.0.1',
      '--disable',
      'coredns,servicelb,cloud-controller,metrics-server,local-storage',
    ];
    const tenant = await startTenant(readTenantConfig([...flags, ...more], {}), {
      clock: systemClock,
      logger: silentLogger,
    });
    const access = readKubeconfig(tenant.kubeconfigPath);
    const transport = createHttpTransport(access);
    const client = new Client(transport);
    const { url, token } = tenant;
    const agent = await AgentDouble.join({
      url,
      token,
      nodeName: 'n1',
      nodeIp: '192.0.2.1',
      generation: 'current',
      clock: hasty,
    });
    try {
      const spec = { nodeName: 'n1', containers: [{ name: 'c', image: 'busybox' }] };
      await client.create(pods, { metadata: { namespace: 'default', name: 'web' }, spec });
      await until(
        'the pod has an address',
        async () => (await client.get(pods, { namespace: 'default', name: 'web' })).status?.podIP !== undefined,
      );
      const { ca, clientCert: cert, clientKey: key } = access;
      const ask = async (path: string, as: object = { cert, key }): Promise<[ClientRequest, IncomingMessage]> => {
        const sent = httpsRequest(new URL(path, url), { ca, ...as, agent: false });
        sent.on('error', () => {}).end();
        const [response] = (await once(sent, 'response')) as [IncomingMessage];
        response.on('error', () => {}).resume();
        return [sent, response];
      };
      const pod = '/api/v1/namespaces/default/pods/web';
      const cycle = async (index: number): Promise<void> => {
        const path = `${url.replace('https', 'wss')}${pod}/exec?command=cat&stdin=true&stdout=true`;
        const exec = new WebSocket(path, ['v5.channel.k8s.io'], { ca, cert, key, perMessageDeflate: false });
        exec.on('error', () => {});
        const execOpens = once(exec, 'message');
        const [watch] = await ask(
          '/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3Dn1',
          agent.membership.clientKubelet,
        );
        const [, log] = await ask(`${pod}/log?follow=true`);
        const logEnds = once(log, 'close');
        await execOpens;
        exec.send(Buffer.concat([Buffer.from([0]), Buffer.alloc(100_000, 'x')]));
        const before = agent.tunnel;
        const execEnds = once(exec, 'close');
        await (index % 2 === 0 ? before.close() : before.abort());
        await Promise.all([logEnds, execEnds]);
        watch.destroy();
        await until('the machine is back', async () => {
          if (agent.tunnel === before) return false;
          const [, { statusCode }] = await ask('/api/v1/nodes/n1/proxy/healthz');
          return statusCode === 200;
        });
      };
      for (let index = 0; index < WARM_CYCLES; index++) await cycle(index);
      // The double keeps what it was asked, for tests to look at.
      const forget = (): void => {
        (agent.kubelet.asked as string[]).length = 0;
      };
      forget();
      const before = await held();
      for (let index = 0; index < CYCLES; index++) await cycle(index);
      forget();
      const after = await held();
      const grown = after.bytes - before.bytes;
      t.diagnostic(`${(grown / CYCLES).toFixed(0)} bytes a cycle; handles ${JSON.stringify(after.handles)}`);
      assert.ok(grown < MOST_GROWTH_BYTES, `the heap grew by ${grown} bytes`);
      for (const [kind, count] of Object.entries(after.handles))
        assert.ok(
          count <= (before.handles[kind] ?? 0) + 5,
          `${kind}: ${before.handles[kind] ?? 0} before, ${count} after`,
        );
    } finally {
      await agent[Symbol.asyncDispose]();
      transport.close();
      await tenant.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
