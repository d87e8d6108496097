/** The way to a kubelet through the tunnel, against the direct one: throughput, round trips, memory with a slow reader. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { readKubeconfig, type ServerAccess } from '../src/client/kubeconfig.ts';
import { pods } from '../src/generated/resource-types.ts';
import { systemClock } from '../src/std/clock.ts';
import { AgentDouble } from '../src/testing/agent-double/agent.ts';
import { residentMb, show, startServer, wait, withPlace } from './server-process.ts';

const MEGABYTE = 1 << 20;
const BULK_BYTES = 256 * MEGABYTE;
const SLOW_BYTES = 1024 * MEGABYTE;
const EXEC_BYTES = 64 * MEGABYTE;
const ROUND_TRIPS = 50;

await withPlace(async (folder, port) => {
  const server = await startServer(folder, port);
  const url = `https://127.0.0.1:${port}`;
  const access = readKubeconfig(join(folder, 'server', 'cred', 'admin.kubeconfig'));
  const token = readFileSync(join(folder, 'server', 'token'), 'utf8').trim();
  const big = Buffer.alloc(EXEC_BYTES, 'x');
  const nothing = Buffer.alloc(0);
  for (const generation of ['current', '2021'] as const) {
    const nodeName = `bench-${generation}`;
    const agent = await AgentDouble.join({
      url,
      token,
      nodeName,
      nodeIp: '192.0.2.7',
      generation,
      clock: systemClock,
      run: async ([word]) => ({ stdout: word === 'big' ? big : nothing, stderr: nothing, code: 0 }),
    });
    const bulk = (bytes: number): string => `${url}/api/v1/nodes/${nodeName}/proxy/bulk?bytes=${bytes}`;
    const direct = await throughput(access, `https://127.0.0.1:${agent.kubelet.port}/bulk?bytes=${BULK_BYTES}`);
    const tunnelled = await throughput(access, bulk(BULK_BYTES));
    show(`${generation}: from the kubelet, direct`, `${direct.toFixed(0)} MB/s`);
    show(
      `${generation}: from the kubelet, through the tunnel`,
      `${tunnelled.toFixed(0)} MB/s`,
      `${(tunnelled / direct).toFixed(2)} of direct`,
    );
    const before = residentMb(server.pid);
    let most = before;
    const slow = await throughput(access, bulk(SLOW_BYTES), async (bytes) => {
      if (bytes % (8 * MEGABYTE) < 64 * 1024) await wait(2);
      most = Math.max(most, residentMb(server.pid));
    });
    show(
      `${generation}: ${SLOW_BYTES / MEGABYTE} MB to a slow reader`,
      `${slow.toFixed(0)} MB/s`,
      `memory ${before.toFixed(0)} MB before, ${most.toFixed(0)} MB at most`,
    );
    const name = `bench-${generation}`;
    await server.client.create(pods, {
      metadata: { namespace: 'default', name },
      spec: { nodeName, containers: [{ name: 'c', image: 'busybox' }] },
    });
    const started = performance.now();
    await exec(access, url, name, 'big');
    const seconds = (performance.now() - started) / 1000;
    show(
      `${generation}: exec, ${EXEC_BYTES / MEGABYTE} MB of output`,
      `${(EXEC_BYTES / MEGABYTE / seconds).toFixed(0)} MB/s`,
    );
    const times: number[] = [];
    for (let round = 0; round < ROUND_TRIPS; round++) {
      const from = performance.now();
      await exec(access, url, name, 'true');
      times.push(performance.now() - from);
    }
    times.sort((a, b) => a - b);
    show(`${generation}: exec true, median`, `${(times[ROUND_TRIPS / 2] ?? 0).toFixed(1)} ms`);
    await agent[Symbol.asyncDispose]();
  }
  await server.stop();
});

/** Megabytes a second of a download. */
async function throughput(
  { ca, clientCert: cert, clientKey: key }: ServerAccess,
  url: string,
  onChunk: (bytes: number) => Promise<void> = async () => {},
): Promise<number> {
  const started = performance.now();
  const request = httpsRequest(url, { ca, cert, key, agent: false, rejectUnauthorized: false });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length;
    await onChunk(bytes);
  }
  return bytes / MEGABYTE / ((performance.now() - started) / 1000);
}

async function exec({ ca, clientCert: cert, clientKey: key }: ServerAccess, url: string, pod: string, word: string) {
  const path = `/api/v1/namespaces/default/pods/${pod}/exec?container=c&stdout=true&command=${word}`;
  const socket = new WebSocket(`${url.replace('https', 'wss')}${path}`, ['v5.channel.k8s.io'], {
    ca,
    cert,
    key,
    perMessageDeflate: false,
  });
  socket.on('message', () => {});
  await once(socket, 'close');
}
