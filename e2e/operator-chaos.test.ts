/**
 * The operator on bad days: tenants come, change and go at random, what it made is deleted and altered, it is killed
 * again and again, and calls to the host fail. In the end everything is as wished, and nothing is left behind.
 *
 * WARREN_CHAOS_MINUTES (default 0.5) and WARREN_CHAOS_TENANTS (default 12) make it longer and larger.
 * WARREN_CHAOS_KUBECONFIG runs it on a cluster that is there, with a node of ours that only answers; or, with
 * WARREN_CHAOS_TENANT_HOST, an address of its nodes, and WARREN_CHAOS_IMAGE, with servers that are real.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Service } from '../src/generated/api/core/v1.ts';
import {
  deployments,
  networkpolicies,
  persistentvolumeclaims,
  persistentvolumes,
  pods,
  secrets,
  services,
} from '../src/generated/resource-types.ts';
import type { KubeObject, ResourceType } from '../src/machinery/object/object.ts';
import { type VirtualCluster, type VirtualClusterSpec, virtualClusters } from '../src/operator/api/virtual-cluster.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { type OperatorHost, OperatorLife, startOperatorHost } from './operator-life.ts';
import { eventually } from './program.ts';

const { env } = process;
const MINUTES = Number(env['WARREN_CHAOS_MINUTES'] ?? 0.5);
const TENANTS = Number(env['WARREN_CHAOS_TENANTS'] ?? 12);
const isLong = MINUTES > 1;
const isOutside = env['WARREN_CHAOS_TENANT_HOST'] !== undefined;
const KILL_MS = isLong ? 30_000 : 7_000;
const PAUSE_MS = isLong ? 1_500 : 150;
const FAULTS = 0.05;
const NAMESPACE = 'tenants';

/** Numbers that look random and are the same in each run. Source: Park and Miller's minimal standard generator. */
function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

// Simulated tenants listen on a loopback address of their own, which only Linux has without preparation.
const skip = process.platform !== 'linux' && !isOutside;

describe('the operator in chaos', { skip, timeout: (MINUTES + 15) * 60_000 }, () => {
  const state: { host?: OperatorHost; proxy?: FaultProxy; operator?: OperatorLife } = {};
  const host = (): OperatorHost => state.host as OperatorHost;
  const random = sequence(Number(env['WARREN_CHAOS_SEED'] ?? 20_261_121));
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const wished = new Map<string, VirtualClusterSpec>();
  /** Tenants whose volume and identity were kept when they went. */
  const retained = new Set<string>();
  const counts = { created: 0, changed: 0, deleted: 0, sabotaged: 0, killed: 0 };

  before(async () => {
    state.host = await startOperatorHost({
      kubeconfig: env['WARREN_CHAOS_KUBECONFIG'],
      tenantHost: env['WARREN_CHAOS_TENANT_HOST'],
      image: env['WARREN_CHAOS_IMAGE'],
    });
    state.proxy = await startFaultProxy(host().access, { rate: FAULTS, random: sequence(7) });
    state.operator = await OperatorLife.start(host(), { via: state.proxy });
  });
  after(async () => {
    await state.operator?.end();
    await state.proxy?.[Symbol.asyncDispose]();
    await state.host?.[Symbol.asyncDispose]();
  });

  const at = (name: string) => ({ namespace: NAMESPACE, name });
  const names = Array.from({ length: TENANTS }, (_, index) => `t${index}`);

  function newSpec(name: string): VirtualClusterSpec {
    return {
      tls: { extraSANs: [`${name}-${Math.floor(random() * 1e6)}.example`] },
      suspend: random() < 0.1,
      deletionPolicy: random() < 0.15 ? 'Retain' : 'Delete',
      // From outside of a real host, a cluster IP is not reached.
      exposure: {
        type: random() < 0.8 ? 'NodePort' : isOutside ? 'LoadBalancer' : 'ClusterIP',
        hosts: [host().tenantHost],
      },
    };
  }
  async function create(name: string): Promise<void> {
    const spec = newSpec(name);
    // A name may still be on its way out: then another round makes it.
    const made = await host()
      .client.create(virtualClusters, { metadata: at(name), spec } as VirtualCluster)
      .then(
        () => true,
        () => false,
      );
    if (!made) return;
    wished.set(name, spec);
    counts.created++;
  }
  async function change(name: string): Promise<void> {
    const spec = newSpec(name);
    await host().client.patch(virtualClusters, at(name), { spec }, { type: 'merge' });
    wished.set(name, spec);
    counts.changed++;
  }
  async function remove(name: string): Promise<void> {
    await host().client.delete(virtualClusters, at(name));
    const { deletionPolicy } = wished.get(name) ?? {};
    if (deletionPolicy === 'Retain') retained.add(name);
    else retained.delete(name);
    wished.delete(name);
    counts.deleted++;
  }
  /** Somebody on the host deletes or alters what is the operator's. */
  async function sabotage(name: string): Promise<void> {
    const { client } = host();
    const server = at(`${name}-server`);
    const acts: (() => Promise<unknown>)[] = [
      () => client.delete(services, server),
      () => client.delete(deployments, server, { propagationPolicy: 'Background' }),
      () => client.delete(networkpolicies, server),
      () => client.delete(secrets, at(`${name}-kubeconfig`)),
      () => client.patch(services, server, { spec: { selector: { app: 'other' } } }, { type: 'merge' }),
      () => client.patch(deployments, server, { spec: { replicas: 3 } }, { type: 'merge' }),
      () => client.patch(networkpolicies, server, { spec: { egress: [{}] } }, { type: 'merge' }),
    ];
    await pick(acts)().then(
      () => counts.sabotaged++,
      () => {},
    );
  }

  it(`reaches what is wished after ${MINUTES} minutes with ${TENANTS} tenants`, async (test) => {
    const endMs = Date.now() + MINUTES * 60_000;
    let killMs = Date.now() + KILL_MS;
    while (Date.now() < endMs) {
      const name = pick(names);
      if (!wished.has(name)) await create(name);
      else await pick([remove, change, change, sabotage, sabotage, sabotage])(name);
      if (Date.now() > killMs) {
        await state.operator?.restart();
        counts.killed++;
        killMs = Date.now() + KILL_MS;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    const startedMs = Date.now();
    await eventually(checkEnd, { timeoutMs: isLong ? 600_000 : 90_000, pauseMs: 1_000 });
    test.diagnostic(`${JSON.stringify(counts)}; in the end ${wished.size} tenants, ${retained.size} retained`);
    test.diagnostic(`as wished ${Date.now() - startedMs} ms after the last act`);
    const { calls } = state.proxy ?? { calls: { total: 0, leases: 0, failed: 0 } };
    test.diagnostic(`the operator made ${calls.total} calls, of which ${calls.failed} failed`);
    assert.ok(counts.killed >= 3 && calls.failed > 10, 'it was chaos');
  });

  it('takes all of them down in the end', async () => {
    for (const name of [...wished.keys()]) await remove(name);
    await eventually(checkEnd, { timeoutMs: isLong ? 300_000 : 60_000, pauseMs: 1_000 });
  });

  async function labelled<T extends KubeObject>(type: ResourceType<T>): Promise<readonly T[]> {
    const selector = { namespace: NAMESPACE, labelSelector: 'warren.dev/virtualcluster' };
    return (await host().client.list(type, selector)).items;
  }
  const expected = (...suffixes: string[]): string[] =>
    [...wished.keys()].flatMap((name) => suffixes.map((suffix) => `${name}-${suffix}`));
  const kept = (...suffixes: string[]): string[] =>
    [...retained].filter((name) => !wished.has(name)).flatMap((name) => suffixes.map((suffix) => `${name}-${suffix}`));
  /** All of `names` are found and nothing else, but that `optional` may be: a tenant may go before all of it was made. */
  const same = (
    found: readonly KubeObject[],
    names: readonly string[],
    what: string,
    optional: readonly string[] = [],
  ) =>
    assert.deepEqual(
      found.flatMap(({ metadata: { name = '' } }) => (optional.includes(name) ? [] : name)).sort(),
      [...names].sort(),
      what,
    );

  async function checkEnd(): Promise<void> {
    const { client } = host();
    const { items } = await client.list(virtualClusters, { namespace: NAMESPACE });
    same(items, [...wished.keys()], 'VirtualClusters');
    for (const { metadata, spec, status } of items) {
      const phase = spec.suspend ? 'Suspended' : 'Ready';
      assert.deepEqual(
        [metadata.name, status?.phase, status?.observedGeneration],
        [metadata.name, phase, metadata.generation],
      );
    }
    const owners = new Map(items.map(({ metadata }) => [metadata.name, metadata.uid]));
    const found = {
      services: (await labelled(services)) as readonly Service[],
      deployments: await labelled(deployments),
      policies: await labelled(networkpolicies),
      secrets: await labelled(secrets),
      claims: await labelled(persistentvolumeclaims),
    };
    same(found.services, expected('server'), 'Services');
    same(found.deployments, expected('server'), 'Deployments');
    same(found.policies, expected('server'), 'NetworkPolicies');
    same(found.secrets, expected('kubeconfig', 'pki', 'token'), 'Secrets', kept('pki', 'token'));
    same(found.claims, expected('data'), 'claims', kept('data'));
    for (const { kind, metadata } of Object.values(found).flat()) {
      assert.equal(metadata.deletionTimestamp, undefined, `${kind} ${metadata.name} is on its way out`);
      for (const { uid } of metadata.ownerReferences ?? [])
        assert.equal(
          uid,
          owners.get(metadata.labels?.['warren.dev/virtualcluster'] ?? ''),
          `owner of ${metadata.name}`,
        );
    }
    for (const { metadata, spec } of found.services) {
      const name = metadata.labels?.['warren.dev/virtualcluster'] ?? '';
      assert.equal(spec?.type, wished.get(name)?.exposure?.type, `type of ${metadata.name}`);
      assert.deepEqual(spec?.selector, { 'warren.dev/virtualcluster': name });
      const [port] = spec?.ports ?? [];
      if (spec?.type !== 'ClusterIP') assert.equal(port?.port, port?.nodePort);
    }
    for (const { metadata, spec } of found.deployments) {
      const name = metadata.labels?.['warren.dev/virtualcluster'] ?? '';
      assert.equal(spec?.replicas, wished.get(name)?.suspend ? 0 : 1, `replicas of ${name}`);
    }
    for (const { metadata, data } of found.secrets) {
      const name = metadata.labels?.['warren.dev/virtualcluster'] ?? '';
      const spec = wished.get(name);
      if (spec === undefined || metadata.name !== `${name}-token`) continue;
      const told = JSON.parse(Buffer.from(data?.['endpoint.json'] ?? '', 'base64').toString()) as { names: string[] };
      for (const san of spec.tls?.extraSANs ?? []) assert.ok(told.names.includes(san), `${name} has its last wish`);
    }
    const running = [...wished].filter(([, spec]) => !spec.suspend).map(([name]) => name);
    const owned = (await labelled(pods)).map(({ metadata }) => metadata.labels?.['warren.dev/virtualcluster']);
    assert.deepEqual(owned.sort(), running.sort(), 'pods');
    const volumes = (await client.list(persistentvolumes)).items.filter(
      ({ spec }) => spec.claimRef?.namespace === NAMESPACE,
    );
    const bound = found.claims.filter(({ spec }) => spec.volumeName).map(({ spec }) => spec.volumeName);
    assert.deepEqual(volumes.map(({ metadata }) => metadata.name).sort(), bound.sort(), 'volumes');
  }
});
