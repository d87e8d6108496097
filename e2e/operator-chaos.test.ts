/**
 * The operator on bad days: tenants, backups, tokens and policies come, change and go at random, what it made is deleted
 * and altered, its replicas are killed, paused and ended again and again, and calls to the host fail in many ways. In the
 * end everything is as wished, and nothing is left behind.
 *
 * WARREN_CHAOS_MINUTES (default 0.5) and WARREN_CHAOS_TENANTS (default 12) make it longer and larger.
 * WARREN_CHAOS_REPORT names a folder for what there is to see where it fails.
 * WARREN_CHAOS_KUBECONFIG runs it on a cluster that is there, with a node of ours that only answers; or, with
 * WARREN_CHAOS_TENANT_HOST, an address of its nodes, and WARREN_CHAOS_IMAGE, with servers that are real.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createPkiFiles } from '../src/pki/bundle.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { disturb } from './operator-chaos/drift.ts';
import { checkEnd } from './operator-chaos/end-state.ts';
import { listEverything } from './operator-chaos/inventory.ts';
import { jobLogs } from './operator-chaos/job-logs.ts';
import { Chance } from './operator-chaos/random.ts';
import { NAMESPACE, Wishes } from './operator-chaos/wishes.ts';
import { type OperatorHost, OperatorLife, startOperatorHost } from './operator-life.ts';
import { eventually } from './program.ts';

const { env } = process;
const MINUTES = Number(env['WARREN_CHAOS_MINUTES'] ?? 0.5);
const TENANTS = Number(env['WARREN_CHAOS_TENANTS'] ?? 12);
const isLong = MINUTES > 1;
const isOutside = env['WARREN_CHAOS_TENANT_HOST'] !== undefined;
const KILL_MS = isLong ? 30_000 : 7_000;
const PAUSE_MS = isLong ? 1_000 : 100;
const FAULTS = 0.05;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

// Simulated tenants listen on a loopback address of their own, which only Linux has without preparation.
const skip = process.platform !== 'linux' && !isOutside;

describe('the operator in chaos', { skip, timeout: (MINUTES + 25) * 60_000 }, () => {
  const state: { host?: OperatorHost; proxy?: FaultProxy; wishes?: Wishes; replicas: OperatorLife[] } = {
    replicas: [],
  };
  const host = (): OperatorHost => state.host as OperatorHost;
  const wishes = (): Wishes => state.wishes as Wishes;
  const chance = new Chance(Number(env['WARREN_CHAOS_SEED'] ?? 20_261_121));
  const ends: Record<string, number> = { killed: 0, ended: 0, paused: 0, disturbed: 0 };
  let earlier: ReadonlySet<string> = new Set();

  before(async () => {
    state.host = await startOperatorHost({
      kubeconfig: env['WARREN_CHAOS_KUBECONFIG'],
      tenantHost: env['WARREN_CHAOS_TENANT_HOST'],
      image: env['WARREN_CHAOS_IMAGE'],
    });
    const { client, access, kubectl, tenantHost } = host();
    earlier = await listEverything(kubectl);
    const archived = await createPkiFiles(Date.now());
    const random = new Chance(7).next;
    const instead = isOutside ? undefined : jobLogs(client, archived);
    state.proxy = await startFaultProxy(access, { rate: FAULTS, random, instead });
    state.wishes = new Wishes(client, chance, { tenants: TENANTS, tenantHost, isOutside });
    await state.wishes.prepare();
    for (const podName of ['warren-operator-0', 'warren-operator-1'])
      state.replicas.push(await OperatorLife.start(host(), { via: state.proxy, podName }));
  });
  after(async () => {
    for (const replica of state.replicas) await replica.end('SIGKILL');
    await state.proxy?.[Symbol.asyncDispose]();
    await state.host?.[Symbol.asyncDispose]();
  });

  async function leader(): Promise<OperatorLife> {
    for (const replica of state.replicas) {
      const text = await replica.metrics().catch(() => '');
      if (/leader_election_master_status\{[^}]*\} 1/.test(text)) return replica;
    }
    return chance.pick(state.replicas);
  }

  /** Something happens to the replica that leads. */
  async function strike(): Promise<void> {
    const replica = await leader();
    // However short the run, one is killed: what else happens to them is left to chance.
    const act = ends['killed'] === 0 ? 'killed' : chance.pick(['killed', 'killed', 'ended', 'paused'] as const);
    ends[act] = (ends[act] ?? 0) + 1;
    if (act === 'killed') return await replica.restart();
    if (act === 'ended') {
      await replica.end('SIGTERM');
      return replica.begin();
    }
    // Long enough that the other one takes over, and the first wakes up in the belief that it leads.
    replica.pause();
    setTimeout(() => replica.resume(), 18_000);
  }

  it(`reaches what is wished after ${MINUTES} minutes with ${TENANTS} tenants`, async (test) => {
    const endMs = Date.now() + MINUTES * 60_000;
    let strikeMs = Date.now() + KILL_MS;
    while (Date.now() < endMs) {
      const name = await wishes().act();
      if (name !== undefined && (await disturb(host().client, chance, name)))
        ends['disturbed'] = (ends['disturbed'] ?? 0) + 1;
      if (Date.now() > strikeMs) {
        await strike();
        strikeMs = Date.now() + KILL_MS;
      }
      await wait(PAUSE_MS);
    }
    for (const replica of state.replicas) replica.resume();
    const startedMs = Date.now();
    await reached();
    const { tenants, retained, backups, tokens, policies, counts } = wishes();
    test.diagnostic(`${JSON.stringify({ ...counts, ...ends })}`);
    test.diagnostic(
      `in the end ${tenants.size} tenants, ${retained.size} retained, ${backups.size} backups, ${tokens.size} tokens, ${policies.size} policies, as wished ${Date.now() - startedMs} ms after the last act`,
    );
    const { calls = { total: 0, failed: 0 }, faults } = state.proxy ?? {};
    test.diagnostic(
      `the operator made ${calls.total} calls, of which ${calls.failed} failed: ${JSON.stringify(faults)}`,
    );
    assert.ok((ends['killed'] ?? 0) >= 1 && calls.failed > 10, 'it was chaos');
  });

  it('takes all of them down in the end, and leaves nothing of any kind', async (test) => {
    await wishes().removeAll();
    await reached();
    const names = [...wishes().retained].flatMap((name) => [
      `Secret/tenants/${name}-pki`,
      `Secret/tenants/${name}-token`,
    ]);
    const kept = new Set(names);
    // Volumes of retained tenants and of backups, what users made, and what a host makes for itself.
    const isKept = (each: string): boolean =>
      kept.has(each) ||
      /^PersistentVolumeClaim\/tenants\/(t\d+-data|b\d+-backups|archive)$/.test(each) ||
      /^PersistentVolume\//.test(each) ||
      /^Secret\/tenants\/t\d+-db$/.test(each) ||
      /^(ServiceAccount\/([^/]+\/default|kube-system\/[^/]+)|ConfigMap\/[^/]+\/[a-z-]+-ca\.crt)$/.test(each) ||
      /^FlowSchema|^PriorityLevelConfiguration|^CSIStorageCapacity|^IPAddress|^(Pod|Node)Metrics/.test(each);
    await eventually(
      async () => {
        const found = await listEverything(host().kubectl);
        assert.deepEqual(
          [...found].filter((each) => !earlier.has(each) && !isKept(each)),
          [],
        );
        test.diagnostic(
          `${found.size} objects of all kinds, ${[...found].filter((each) => !earlier.has(each)).length} of them kept on purpose`,
        );
      },
      { timeoutMs: 60_000, pauseMs: 2_000 },
    );
  });

  /** What is not as wished is told with all that there is to see of it. */
  async function reached(): Promise<void> {
    const place = { client: host().client, node: host().node };
    const patience = { timeoutMs: isLong ? 600_000 : 120_000, pauseMs: 1_000 };
    await eventually(() => checkEnd(place, wishes()), patience).catch(async (error: Error) => {
      const folder = env['WARREN_CHAOS_REPORT'];
      if (folder !== undefined) {
        const all =
          'virtualclusters,virtualclusterbackups,jointokens,deployments,replicasets,pods,services,secrets,pvc,jobs,events';
        writeFileSync(join(folder, 'objects.yaml'), await host().kubectl(['get', all, '-n', NAMESPACE, '-o', 'yaml']));
        for (const [index, replica] of state.replicas.entries())
          writeFileSync(join(folder, `operator-${index}.log`), replica.output);
      }
      throw error;
    });
  }
});
