/** The way to a kubelet through the tunnel, against the direct one: throughput, exec and cp, round trips, memory with a slow reader. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { clientPath } from '../e2e/clients.ts';
import { requestUpgrade } from '../src/apiserver/proxy/kubelet.ts';
import { SpdyClient } from '../src/apiserver/proxy/spdy/client.ts';
import { readKubeconfig, type ServerAccess } from '../src/client/kubeconfig.ts';
import { pods } from '../src/generated/resource-types.ts';
import { systemClock } from '../src/std/clock.ts';
import { AgentDouble } from '../src/testing/agent-double/agent.ts';
import type { LiveProcess } from '../src/testing/agent-double/fake-spdy-server.ts';
import { residentMb, show, startServer, wait, withPlace } from './server-process.ts';

const MEGABYTE = 1 << 20;
const BULK_BYTES = 256 * MEGABYTE;
const SLOW_BYTES = 1024 * MEGABYTE;
const EXEC_BYTES = 64 * MEGABYTE;
const COPY_BYTES = 256 * MEGABYTE;
const ROUND_TRIPS = 50;

await withPlace(async (folder, port) => {
  const server = await startServer(folder, port);
  const url = `https://127.0.0.1:${port}`;
  const access = readKubeconfig(join(folder, 'server', 'cred', 'admin.kubeconfig'));
  const token = readFileSync(join(folder, 'server', 'token'), 'utf8').trim();
  const big = Buffer.alloc(EXEC_BYTES, 'x');
  const nothing = Buffer.alloc(0);
  const inside = join(folder, 'inside');
  mkdirSync(inside);
  const file = join(folder, 'big');
  const piece = Buffer.alloc(MEGABYTE, 'f');
  await pipeline(Readable.from(Array.from({ length: COPY_BYTES / MEGABYTE }, () => piece)), createWriteStream(file));
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
      start: (words) => programOf(words, inside),
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
    const speed = (startedMs: number): string =>
      `${(COPY_BYTES / MEGABYTE / ((performance.now() - startedMs) / 1000)).toFixed(0)} MB/s`;
    const directly = performance.now();
    await execAtKubelet(agent, access, 'give');
    const directMs = performance.now() - directly;
    show(`${generation}: exec, ${COPY_BYTES / MEGABYTE} MB, at the kubelet itself`, speed(directly));
    const run = (args: readonly string[], protocol: Protocol): Promise<void> => kubectl(folder, args, protocol);
    for (const protocol of ['WebSockets', 'SPDY'] as const) {
      const out = performance.now();
      await run(['exec', name, '--', 'give'], protocol);
      const ratio = `${(directMs / (performance.now() - out)).toFixed(2)} of direct`;
      show(`${generation}: kubectl exec, output, ${protocol}`, speed(out), ratio);
      const copied = performance.now();
      await run(['cp', file, `${name}:/kept`], protocol);
      show(`${generation}: kubectl cp into the pod, ${protocol}`, speed(copied));
      const back = performance.now();
      await run(['cp', `${name}:/kept`, join(folder, 'back')], protocol);
      show(`${generation}: kubectl cp out of the pod, ${protocol}`, speed(back));
    }
    rmSync(join(inside, 'kept'));
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

type Protocol = 'WebSockets' | 'SPDY';

/** What containers run: `give` writes much, and tar has the folder for the root of the pod. */
function programOf(words: readonly string[], inside: string): LiveProcess | undefined {
  const [program = '', ...args] = words;
  if (!['give', 'tar', 'test'].includes(program)) return undefined;
  const inFolder = args.map((arg) => (arg === '/' ? '.' : arg.replace(/^\//, '')));
  const child =
    program === 'give'
      ? spawn('head', ['-c', String(COPY_BYTES), '/dev/zero'])
      : spawn(program, inFolder, { cwd: inside });
  const { stdin, stdout, stderr } = child;
  const exited = once(child, 'close').then(([code]) => Number(code));
  return { stdin, stdout, stderr, exited, kill: () => child.kill() };
}

/** The same command without server and tunnel between: the best that there can be. */
async function execAtKubelet(agent: AgentDouble, { ca }: ServerAccess, word: string): Promise<void> {
  const { cert, key } = agent.membership.clientKubelet;
  const socket: TLSSocket = connectTls({
    port: agent.kubelet.port,
    host: '127.0.0.1',
    ca,
    cert,
    key,
    rejectUnauthorized: false,
  });
  await once(socket, 'secureConnect');
  const headers = {
    Host: 'kubelet',
    Connection: 'Upgrade',
    Upgrade: 'SPDY/3.1',
    'X-Stream-Protocol-Version': 'v4.channel.k8s.io',
  };
  const outcome = await requestUpgrade(socket, {
    method: 'POST',
    path: `/exec/default/p/c?output=1&command=${word}`,
    headers,
  });
  if (!outcome.upgraded) throw new Error('the kubelet does not upgrade');
  const over = Promise.withResolvers<void>();
  const spdy = new SpdyClient(outcome.socket, outcome.head, () => over.resolve());
  await Promise.all([
    spdy.open({ streamType: 'error' }),
    spdy.open({ streamType: 'stdout' }, { onEnd: () => over.resolve() }),
  ]);
  await over.promise;
  spdy.close();
}

async function kubectl(folder: string, args: readonly string[], protocol: Protocol): Promise<void> {
  const env = {
    ...process.env,
    KUBECONFIG: join(folder, 'server', 'cred', 'admin.kubeconfig'),
    HOME: folder,
    KUBECTL_REMOTE_COMMAND_WEBSOCKETS: String(protocol === 'WebSockets'),
  };
  const child = spawn(clientPath('kubectl'), args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.resume();
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}`);
}

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
