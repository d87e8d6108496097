import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Client } from '../../../client/client.ts';
import { StatusError } from '../../../machinery/errors/status-error.ts';
import { admit, attemptOf, readerOf } from '../../../testing/admission.ts';
import type { AdmissionPlugin } from '../admission.ts';
import { alwaysPullImages } from './always-pull-images.ts';
import { denyServiceExternalIps } from './deny-service-external-ips.ts';
import { eventRateLimit } from './event-rate-limit.ts';
import { extendedResourceToleration } from './extended-resource-toleration.ts';
import { limitPodHardAntiAffinityTopology } from './limit-pod-hard-anti-affinity-topology.ts';
import { namespaceAutoProvision } from './namespace-auto-provision.ts';
import { namespaceExists } from './namespace-exists.ts';
import { podTolerationRestriction } from './pod-toleration-restriction.ts';

const container = (more: object = {}) => ({ name: 'c', image: 'x', ...more });
const pod = (spec: object = {}) => ({ metadata: { name: 'p' }, spec: { containers: [container()], ...spec } });
const specOf = ({ object }: { object?: unknown }) => (object as { spec: Record<string, unknown> }).spec;

describe('alwaysPullImages', () => {
  it('makes every container and image volume ask the registry', async () => {
    const attempt = attemptOf({
      object: pod({
        containers: [container({ imagePullPolicy: 'Never' })],
        initContainers: [container({ name: 'i' })],
        volumes: [{ name: 'v', image: { reference: 'data', pullPolicy: 'IfNotPresent' } }],
      }),
    });
    assert.equal(await admit(alwaysPullImages, attempt), undefined);
    assert.deepEqual(specOf(attempt), {
      containers: [container({ imagePullPolicy: 'Always' })],
      initContainers: [container({ name: 'i', imagePullPolicy: 'Always' })],
      volumes: [{ name: 'v', image: { reference: 'data', pullPolicy: 'Always' } }],
    });
  });
  it('leaves updates alone that bring no new image', async () => {
    const attempt = attemptOf({
      previous: pod({ containers: [container({ imagePullPolicy: 'Never' })] }),
      object: pod({ containers: [container({ imagePullPolicy: 'Never' })] }),
    });
    assert.equal(await admit(alwaysPullImages, attempt), undefined);
    assert.deepEqual(specOf(attempt)['containers'], [container({ imagePullPolicy: 'Never' })]);
  });
});

describe('denyServiceExternalIps', () => {
  const service = (...externalIPs: string[]) => ({ metadata: { name: 's' }, spec: { externalIPs } });
  const tried = (object: object, previous?: object) =>
    admit(denyServiceExternalIps, attemptOf({ resource: 'services', object, previous }));
  it('refuses addresses that a service does not have already', async () => {
    const why = 'services "s" is forbidden: Use of external IPs is denied by admission control';
    assert.equal(await tried(service('192.0.2.1')), why);
    assert.equal(await tried(service('192.0.2.1', '192.0.2.2'), service('192.0.2.1')), why);
  });
  it('lets them stay and go', async () => {
    assert.equal(await tried(service('192.0.2.1'), service('192.0.2.1', '192.0.2.2')), undefined);
    assert.equal(await tried(service()), undefined);
  });
});

describe('plugins for namespaces that do not exist', () => {
  const reader = readerOf({ namespaces: [{ metadata: { name: 'there' } }] });
  it('are refused by NamespaceExists', async () => {
    const plugin = namespaceExists({ reader });
    assert.equal(await admit(plugin, attemptOf({ namespace: 'there', object: pod() })), undefined);
    assert.equal(await admit(plugin, attemptOf({ object: pod() })), 'namespaces "ns" not found');
  });
  it('are made by NamespaceAutoProvision, except in a dry run', async () => {
    const made: unknown[] = [];
    const client = { create: async (_type: unknown, object: unknown) => void made.push(object) } as unknown as Client;
    const plugin = namespaceAutoProvision({ reader, client });
    await admit(plugin, attemptOf({ dryRun: true, object: pod() }));
    await admit(plugin, attemptOf({ namespace: 'there', object: pod() }));
    await admit(plugin, attemptOf({ object: pod() }));
    assert.deepEqual(made, [{ metadata: { name: 'ns' }, spec: {} }]);
  });
});

describe('limitPodHardAntiAffinityTopology', () => {
  const apartBy = (topologyKey: string) =>
    attemptOf({
      object: pod({
        affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey }] } },
      }),
    });
  it('keeps pods apart by node alone', async () => {
    assert.equal(await admit(limitPodHardAntiAffinityTopology, apartBy('kubernetes.io/hostname')), undefined);
    assert.equal(
      await admit(limitPodHardAntiAffinityTopology, apartBy('zone')),
      'pods "p" is forbidden: affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey zone but only key kubernetes.io/hostname is allowed',
    );
  });
});

describe('extendedResourceToleration', () => {
  it('lets pods that ask for devices onto nodes that are kept for them', async () => {
    const requests = { cpu: '1', 'example.com/fpga': '1', 'example.com/gpu': '2' };
    const gpu = { key: 'example.com/gpu', operator: 'Exists', effect: 'NoSchedule' };
    const attempt = attemptOf({
      object: pod({ containers: [container({ resources: { requests } })], tolerations: [gpu] }),
    });
    assert.equal(await admit(extendedResourceToleration, attempt), undefined);
    assert.deepEqual(specOf(attempt)['tolerations'], [gpu, { ...gpu, key: 'example.com/fpga' }]);
  });
});

describe('podTolerationRestriction', () => {
  const spot = { key: 'spot', operator: 'Exists' };
  const PREFIX = 'scheduler.alpha.kubernetes.io';
  const pluginFor = (annotations: object, cluster = {}) =>
    podTolerationRestriction(
      { reader: readerOf({ namespaces: [{ metadata: { name: 'ns', annotations } }] }) },
      cluster,
    );
  it('adds what the namespace says, else what the cluster does', async () => {
    const own = { [`${PREFIX}/defaultTolerations`]: JSON.stringify([spot]) };
    const cases: [AdmissionPlugin, object[]][] = [
      [pluginFor(own, { default: [{ key: 'other' }] }), [spot]],
      [pluginFor({}, { default: [spot] }), [spot]],
      [pluginFor({ [`${PREFIX}/defaultTolerations`]: '' }, { default: [spot] }), []],
    ];
    for (const [plugin, expected] of cases) {
      const attempt = attemptOf({ object: pod() });
      assert.equal(await admit(plugin, attempt), undefined);
      assert.deepEqual(specOf(attempt)['tolerations'] ?? [], expected);
    }
  });
  it('refuses what is not allowed, with the code that upstream gives', async () => {
    const allowed = { [`${PREFIX}/tolerationsWhitelist`]: JSON.stringify([spot]) };
    const attempt = attemptOf({ object: pod({ tolerations: [{ key: 'zone', operator: 'Exists' }] }) });
    await assert.rejects(
      async () => pluginFor(allowed).validate?.(attempt),
      (error) =>
        error instanceof StatusError &&
        error.code === 500 &&
        error.message ===
          'pod tolerations (possibly merged with namespace default tolerations) conflict with its namespace whitelist',
    );
  });
});

describe('eventRateLimit', () => {
  const event = (namespace: string) =>
    attemptOf({
      resource: 'events',
      kind: { group: '', version: 'v1', kind: 'Event' },
      namespace,
      object: { metadata: { name: 'e' }, source: { component: 'kubelet' } },
    });
  it('lets a burst through, then so many a second, each key by itself', async () => {
    let nowMs = 0;
    const plugin = eventRateLimit(
      { clock: { nowMs: () => nowMs } },
      { limits: [{ type: 'Namespace', qps: 1, burst: 2 }] },
    );
    const tried = (namespace: string) => admit(plugin, event(namespace));
    const why = 'Too many requests: limit reached on type Namespace for key a';
    assert.deepEqual([await tried('a'), await tried('a'), await tried('a')], [undefined, undefined, why]);
    assert.equal(await tried('b'), undefined);
    nowMs = 1000;
    assert.deepEqual([await tried('a'), await tried('a')], [undefined, why]);
  });
  it('forgets the keys that were not used for longest', async () => {
    const limits = [{ type: 'Namespace' as const, qps: 1, burst: 1, cacheSize: 1 }];
    const plugin = eventRateLimit({ clock: { nowMs: () => 0 } }, { limits });
    for (const namespace of ['a', 'b', 'a']) assert.equal(await admit(plugin, event(namespace)), undefined);
  });
  it('names each limit that is exceeded', async () => {
    const limits = [
      { type: 'Server' as const, qps: 1, burst: 1 },
      { type: 'User' as const, qps: 1, burst: 1 },
    ];
    const plugin = eventRateLimit({ clock: { nowMs: () => 0 } }, { limits });
    await admit(plugin, event('a'));
    assert.equal(
      await admit(plugin, event('a')),
      'Too many requests: [limit reached on type Server for key , limit reached on type User for key alice]',
    );
  });
});
