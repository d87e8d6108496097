import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Client } from '../src/client/client.ts';
import { createHttpTransport } from '../src/client/http-transport.ts';
import { readKubeconfig } from '../src/client/kubeconfig.ts';
import type { Deployment } from '../src/generated/api/apps/v1.ts';
import { configmaps, deployments, endpoints, replicasets, services } from '../src/generated/resource-types.ts';
import { type EmbeddedPostgres, findPostgres, startPostgres } from '../src/testing/embedded-postgres.ts';
import { freePort } from '../src/testing/free-port.ts';
import { Ledger } from './ledger.ts';
import { eventually, WARREN } from './program.ts';

const { skip } = findPostgres();
const namespace = 'default';

interface Replica {
  readonly name: string;
  readonly address: string;
  readonly folder: string;
  readonly client: Client;
  /** Whether it runs the controllers, by its own word. */
  leads(): boolean;
  kill(): Promise<void>;
}

async function startReplica(name: string, address: string, endpoint: string, root: string): Promise<Replica> {
  const folder = join(root, name);
  const port = await freePort();
  const child: ChildProcess = spawn(
    process.execPath,
    [
      WARREN,
      'server',
      `--data-dir=${folder}`,
      '--bind-address=127.0.0.1',
      `--advertise-address=${address}`,
      `--https-listen-port=${port}`,
      `--datastore-endpoint=${endpoint}`,
      '--token=shared',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let log = '';
  child.stderr?.on('data', (text: Buffer) => {
    log += text;
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (text: Buffer) => {
      if (text.includes('ready at')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}: ${log}`)));
  });
  const access = readKubeconfig(join(folder, 'server', 'cred', 'admin.kubeconfig'));
  const transport = createHttpTransport({ ...access, maxSockets: 32 });
  return {
    name,
    address,
    folder,
    client: new Client(transport),
    leads: () => log.includes('became leader'),
    kill: () =>
      new Promise((resolve) => {
        transport.close();
        if (child.exitCode !== null || child.signalCode !== null) resolve();
        else child.once('exit', () => resolve()).kill('SIGKILL');
      }),
  };
}

/** Follows all config maps from a revision on, over as many watches as it takes. */
function follow(clientOf: () => Client, from: string) {
  const revisions: number[] = [];
  const abort = new AbortController();
  let resourceVersion = from;
  const done = (async () => {
    while (!abort.signal.aborted) {
      try {
        for await (const { object } of clientOf().watch(configmaps, {
          namespace,
          resourceVersion,
          signal: abort.signal,
        })) {
          resourceVersion = object.metadata?.resourceVersion ?? resourceVersion;
          revisions.push(Number(resourceVersion));
        }
      } catch {
        // Its server is gone: the next try goes to the other one.
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  const stop = async (): Promise<number[]> => {
    abort.abort();
    await done;
    return revisions;
  };
  return { stop, reached: () => Number(resourceVersion) };
}

describe('two servers on one PostgreSQL', { skip }, () => {
  const root = mkdtempSync(join(tmpdir(), 'warren-replicas-'));
  const state: { postgres?: EmbeddedPostgres; replicas: Replica[] } = { replicas: [] };
  before(async () => {
    const postgres = await startPostgres();
    state.postgres = postgres;
    const start = (name: string, address: string) => startReplica(name, address, postgres.endpoint('tenant'), root);
    // At the same moment: they agree on one identity and one set of first objects.
    state.replicas = await Promise.all([start('one', '192.0.2.1'), start('two', '192.0.2.2')]);
  });
  after(async () => {
    for (const replica of state.replicas) await replica.kill();
    await state.postgres?.[Symbol.asyncDispose]();
    rmSync(root, { recursive: true, force: true });
  });
  const other = (replica: Replica): Replica => state.replicas.find((found) => found !== replica) as Replica;

  it('have one identity, and publish the addresses of both', async () => {
    const [one, two] = state.replicas.map(({ folder }) =>
      readFileSync(join(folder, 'server/tls/server-ca.crt'), 'utf8'),
    );
    assert.equal(one, two);
    for (const { client } of state.replicas) {
      await eventually(async () => {
        const { subsets } = await client.get(endpoints, { namespace, name: 'kubernetes' });
        const ips = subsets?.flatMap(({ addresses }) => addresses?.map(({ ip }) => ip)).sort();
        assert.deepEqual(ips, ['192.0.2.1', '192.0.2.2']);
      });
    }
  });

  it('read what the other one has acknowledged', async () => {
    for (let round = 0; round < 60; round++) {
      const writer = state.replicas[round % 2] as Replica;
      const reader = other(writer).client;
      const name = `read-${round}`;
      const made = await writer.client.create(configmaps, { metadata: { name, namespace }, data: { step: '1' } });
      assert.equal((await reader.get(configmaps, { namespace, name })).metadata?.uid, made.metadata?.uid);
      const changed = await reader.update(configmaps, { ...made, data: { step: '2' } });
      const { items } = await writer.client.list(configmaps, { namespace });
      const found = items.find(({ metadata }) => metadata?.name === name);
      assert.equal(found?.metadata?.resourceVersion, changed.metadata?.resourceVersion);
      await writer.client.delete(configmaps, { namespace, name });
      await assert.rejects(reader.get(configmaps, { namespace, name }), /not found/);
    }
  });

  it('hand out no node port and no address twice', async () => {
    const made = await Promise.all(
      Array.from({ length: 120 }, (_, index) =>
        (state.replicas[index % 2] as Replica).client.create(services, {
          metadata: { name: `racing-${index}`, namespace },
          spec: { type: 'NodePort', ports: [{ port: 80 }] },
        }),
      ),
    );
    assert.equal(new Set(made.map(({ spec }) => spec?.ports?.[0]?.nodePort)).size, made.length);
    assert.equal(new Set(made.map(({ spec }) => spec?.clusterIP)).size, made.length);
    for (let nodePort = 30_001; nodePort < 30_011; nodePort++) {
      const tries = state.replicas.map(({ name, client }) =>
        client.create(services, {
          metadata: { name: `wanting-${name}-${nodePort}`, namespace },
          spec: { type: 'NodePort', ports: [{ port: 80, nodePort }] },
        }),
      );
      const lost = (await Promise.allSettled(tries)).filter((result) => result.status === 'rejected');
      assert.equal(lost.length, 1);
      assert.match(String(lost[0]?.reason), /provided port is already allocated/);
    }
    // What is deleted is free again, through the other server too.
    const [first] = made;
    const nodePort = first?.spec?.ports?.[0]?.nodePort as number;
    await (state.replicas[0] as Replica).client.delete(services, { namespace, name: 'racing-0' });
    await (state.replicas[1] as Replica).client.create(services, {
      metadata: { name: 'racing-again', namespace },
      spec: { type: 'NodePort', ports: [{ port: 80, nodePort }] },
    });
  });

  it('go on when one is killed: no event lost or doubled, no write lost, controllers within 15 s', async () => {
    const victim = await eventually(async () => {
      const found = state.replicas.find(({ leads }) => leads());
      assert.ok(found, 'nobody leads');
      return found;
    });
    const survivor = other(victim);
    const start = (await survivor.client.list(configmaps, { namespace })).metadata.resourceVersion ?? '';
    const living = { replicas: [...state.replicas] };
    const pick = (index: number): Client => (living.replicas[index % living.replicas.length] as Replica).client;
    const followers = [0, 1, 0, 1].map((index) => follow(() => pick(index), start));
    const ledger = new Ledger({ writers: 8, random: Math.random });
    const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

    let writing = ledger.run(pick);
    await wait(1_500);
    await victim.kill();
    const killedMs = Date.now();
    living.replicas = [survivor];
    await wait(500);
    ledger.stop();
    await writing;
    assert.deepEqual(await ledger.verify(survivor.client), []);

    writing = ledger.run(pick);
    const labels = { app: 'after' };
    const deployment: Deployment & { metadata: object } = {
      metadata: { name: 'after', namespace },
      spec: {
        replicas: 0,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'a', image: 'a' }] } },
      },
    };
    await survivor.client.create(deployments, deployment);
    await eventually(
      async () => {
        const { items } = await survivor.client.list(replicasets, { namespace });
        assert.equal(items.length, 1);
      },
      { timeoutMs: 20_000 },
    );
    const failoverMs = Date.now() - killedMs;
    assert.ok(failoverMs < 15_000, `controllers were back after ${failoverMs} ms`);
    ledger.stop();
    await writing;
    assert.deepEqual(await ledger.verify(survivor.client), []);
    assert.ok(ledger.acknowledged > 100, `${ledger.acknowledged} writes`);

    const last = await survivor.client.create(configmaps, { metadata: { name: 'last', namespace } });
    const end = Number(last.metadata?.resourceVersion);
    await eventually(async () => assert.ok(followers.every(({ reached }) => reached() >= end)));
    const told = await Promise.all(followers.map(({ stop }) => stop()));
    for (const revisions of told) {
      assert.deepEqual(revisions, told[0]);
      assert.deepEqual(
        revisions,
        [...new Set(revisions)].sort((a, b) => a - b),
      );
    }
    const rows = await state.postgres?.run(
      'tenant',
      `SELECT id FROM kine WHERE name LIKE '/registry/configmaps/default/%' AND id > ${start} ORDER BY id`,
    );
    assert.deepEqual(
      told[0],
      rows?.map(({ id }) => Number(id)),
    );

    await eventually(
      async () => {
        const { subsets } = await survivor.client.get(endpoints, { namespace, name: 'kubernetes' });
        assert.deepEqual(
          subsets?.flatMap(({ addresses }) => addresses?.map(({ ip }) => ip)),
          [survivor.address],
        );
      },
      { timeoutMs: 40_000 },
    );
  });
});
