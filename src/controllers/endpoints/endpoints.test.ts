import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, Service } from '../../generated/api/core/v1.ts';
import type { EndpointSlice } from '../../generated/api/discovery/v1.ts';
import { endpoints, endpointslices, nodes, pods, services } from '../../generated/resource-types.ts';
import { startControllers } from '../../testing/controller-harness.ts';
import { planSubsets } from './plan.ts';
import { frameOf, planGroups, planSlices, recycleSlices } from './slice-plan.ts';

const service: Service = {
  metadata: { name: 'web', namespace: 'default', uid: 'web-uid', labels: { a: 'b' } },
  spec: {
    clusterIP: '10.43.0.9',
    ipFamilies: ['IPv4'],
    selector: { app: 'web' },
    ports: [{ name: 'http', port: 80, targetPort: 'web', protocol: 'TCP' }],
  },
};

function pod(name: string, ip: string, isReady = true): Pod {
  const ports = [{ name: 'web', containerPort: 8080 }];
  return {
    metadata: { name, namespace: 'default', uid: `${name}-uid`, labels: { app: 'web' } },
    spec: { nodeName: 'n1', containers: [{ name: 'c', ports }] },
    status: {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
    },
  };
}

describe('planSubsets', () => {
  it('groups addresses by ports, in the order of addresses, ready ones apart', () => {
    const subsets = planSubsets(service, [pod('b', '10.42.0.10'), pod('a', '10.42.0.9'), pod('c', '10.42.0.3', false)]);
    assert.deepEqual(
      subsets.map(({ addresses, notReadyAddresses, ports }) => ({
        addresses: addresses?.map((each) => each.ip),
        notReady: notReadyAddresses?.map((each) => each.ip),
        ports,
      })),
      [
        {
          addresses: ['10.42.0.9', '10.42.0.10'],
          notReady: ['10.42.0.3'],
          ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
        },
      ],
    );
  });
});

describe('planSlices', () => {
  const plan = (list: readonly Pod[], existing: readonly EndpointSlice[]) =>
    planSlices(
      frameOf(service),
      planGroups(service, list, () => undefined),
      existing,
    );
  const made = (name: string, slice: EndpointSlice | undefined): EndpointSlice => {
    assert.ok(slice);
    return { ...slice, metadata: { ...slice.metadata, name } };
  };
  it('makes one empty slice for a service without pods, and fills it later', () => {
    const empty = plan([], []).create;
    assert.equal(empty.length, 1);
    assert.deepEqual(empty[0]?.endpoints, []);
    const filled = plan([pod('a', '10.42.0.9')], [made('s', empty[0])]);
    assert.equal(filled.create.length, 1);
    assert.equal(filled.remove.length, 1);
    // Written as one change of the slice that is there.
    const recycled = recycleSlices(filled, frameOf(service));
    assert.deepEqual(
      recycled.update.map(({ metadata, ports }) => [metadata.name, ports?.length]),
      [['s', 1]],
    );
    assert.deepEqual([recycled.create, recycled.remove], [[], []]);
  });
  it('splits after a hundred endpoints and changes only the slice of a pod that changed', () => {
    const list = Array.from({ length: 150 }, (_, i) => pod(`p${i}`, `10.42.1.${i}`));
    const { create } = plan(list, []);
    assert.deepEqual(
      create.map((slice) => slice.endpoints?.length),
      [100, 50],
    );
    const existing = create.map((slice, i) => made(`s${i}`, slice));
    assert.deepEqual(plan(list, existing), { create: [], update: [], remove: [], unchanged: existing });
    list[120] = pod('p120', '10.42.1.120', false);
    assert.deepEqual(
      plan(list, existing).update.map((slice) => slice.metadata.name),
      ['s1'],
    );
    assert.deepEqual(
      plan(list.slice(0, 100), existing).remove.map((slice) => slice.metadata.name),
      ['s1'],
    );
  });
});

describe('the endpoints controllers', () => {
  it('follow pods and the end of the service, and mirror what is written by hand', async () => {
    await using cluster = startControllers([
      'endpoints-controller',
      'endpointslice-controller',
      'endpointslice-mirroring-controller',
    ]);
    const { server, until } = cluster;
    server.put(nodes, { metadata: { name: 'n1' }, spec: {} });
    server.put(services, service);
    server.put(pods, pod('a', '10.42.0.9'));
    const slices = (): EndpointSlice[] => server.all(endpointslices, 'default');
    await until(() => slices().length === 1 && slices()[0]?.endpoints?.[0]?.addresses[0] === '10.42.0.9');
    await until(() => server.find(endpoints, 'default', 'web')?.subsets?.[0]?.addresses?.[0]?.ip === '10.42.0.9');
    server.remove(pods, 'default', 'a');
    await until(() => slices()[0]?.endpoints?.length === 0);
    server.remove(services, 'default', 'web');
    await until(() => server.find(endpoints, 'default', 'web') === undefined);

    server.put(services, { metadata: { name: 'hand', namespace: 'default' }, spec: { ports: [{ port: 80 }] } });
    server.put(endpoints, {
      metadata: { name: 'hand', namespace: 'default' },
      subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80 }] }],
    });
    const mirrored = (): EndpointSlice | undefined =>
      slices().find((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === 'hand');
    await until(() => mirrored()?.endpoints?.[0]?.addresses[0] === '192.0.2.1');
    assert.equal(
      mirrored()?.metadata.labels?.['endpointslice.kubernetes.io/managed-by'],
      'endpointslicemirroring-controller.k8s.io',
    );
  });
});
