/** A machine whose tunnel ends at one of two servers is reached through the other one. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket, connect as tcpConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../src/std/clock.ts';
import { AgentDouble } from '../src/testing/agent-double/agent.ts';
import { type EmbeddedPostgres, findPostgres, startPostgres } from '../src/testing/embedded-postgres.ts';
import { freePort } from '../src/testing/free-port.ts';
import { clientFor } from './clients.ts';
import { eventually, WARREN } from './program.ts';

const { skip } = findPostgres();

const pod = `
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  automountServiceAccountToken: false
  containers: [{name: c, image: busybox, ports: [{containerPort: 8080}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
`;

interface Replica {
  readonly port: number;
  readonly token: string;
  kubectl(line: string, options?: { input?: string }): Promise<string>;
  kill(): Promise<void>;
}

async function startReplica(folder: string, endpoint: string): Promise<Replica> {
  const port = await freePort();
  const flags = [`--data-dir=${folder}`, '--bind-address=127.0.0.1', `--https-listen-port=${port}`, '--token=shared'];
  const child = spawn(process.execPath, [WARREN, 'server', ...flags, `--datastore-endpoint=${endpoint}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (text: Buffer) => {
    log += text;
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (text: Buffer) => {
      if (text.includes('ready at')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`a server ended with ${code}: ${log}`)));
  });
  const kubeconfig = join(folder, 'server', 'cred', 'admin.kubeconfig');
  const client = clientFor('kubectl', kubeconfig);
  return {
    port,
    token: readFileSync(join(folder, 'server', 'token'), 'utf8').trim(),
    kubectl: (line, options) =>
      client(line.split(' '), { ...options, cwd: folder, env: { KUBECONFIG: kubeconfig, HOME: folder } }),
    kill: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) resolve();
        else child.once('exit', () => resolve()).kill('SIGKILL');
      }),
  };
}

/** The one address of all servers, as a Service is: each new connection goes to the server of the moment. */
async function openDoor(portOf: () => number): Promise<{ url: string; close(): void }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    const behind = tcpConnect(portOf(), '127.0.0.1');
    for (const [from, to] of [
      [socket, behind],
      [behind, socket],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${port}`,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

describe('a machine that is connected to one of two servers', { skip }, () => {
  const root = mkdtempSync(join(tmpdir(), 'warren-tunnels-'));
  let postgres: EmbeddedPostgres;
  let one: Replica;
  let two: Replica;
  let leading: Replica;
  let door: { url: string; close(): void };
  let agent: AgentDouble;
  before(async () => {
    postgres = await startPostgres();
    [one, two] = (await Promise.all(
      ['one', 'two'].map((name) => startReplica(join(root, name), postgres.endpoint('tenant'))),
    )) as [Replica, Replica];
    leading = one;
    door = await openDoor(() => leading.port);
    agent = await AgentDouble.join({
      url: door.url,
      token: one.token,
      nodeName: 'vm',
      nodeIp: '192.0.2.1',
      generation: 'current',
      clock: systemClock,
    });
    await one.kubectl('wait --for=create serviceaccount/default --timeout=30s');
    await one.kubectl('apply -f -', { input: pod });
    await one.kubectl('wait --for=condition=Ready pod/web --timeout=60s');
  });
  after(async () => {
    await agent?.[Symbol.asyncDispose]();
    door?.close();
    await one?.kill();
    await two?.kill();
    await postgres?.[Symbol.asyncDispose]();
    rmSync(root, { recursive: true, force: true });
  });

  const isReachedThrough = async (server: () => Replica): Promise<void> => {
    const { kubectl } = server();
    assert.match(await kubectl('logs web'), /\S/);
    // The double's containers answer with what they hear.
    assert.equal(await kubectl('exec -i web -- cat', { input: 'hello' }), 'out: hello');
    assert.match(await kubectl('get --raw /api/v1/nodes/vm/proxy/healthz'), /ok/);
    assert.match(await kubectl('get --raw /api/v1/namespaces/default/pods/web:8080/proxy/some/path'), /some\/path/);
    assert.match(await kubectl('get --raw /api/v1/namespaces/default/services/web:80/proxy/some/path'), /some\/path/);
  };

  it('is reached through the one that it is connected to, and through the other', async () => {
    await isReachedThrough(() => one);
    await isReachedThrough(() => two);
  });

  it('carries a long answer and long input through the other', async () => {
    const input = 'x'.repeat(3_000_000);
    assert.equal((await two.kubectl('exec -i web -- cat', { input })).length, 'out: '.length + input.length);
  });

  it('shows none of this in the cluster', async () => {
    const all = await two.kubectl('get leases,configmaps,secrets,endpoints -A -o yaml');
    assert.doesNotMatch(all, /replica\.warren|warren\/replicas/);
  });

  it('is reached again after its server was killed, once it has come back through the other', async () => {
    leading = two;
    await one.kill();
    await eventually(() => isReachedThrough(() => two), { timeoutMs: 30_000 });
    one = await startReplica(join(root, 'one'), postgres.endpoint('tenant'));
    await isReachedThrough(() => one);
  });
});
