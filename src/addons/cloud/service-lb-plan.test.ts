import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node, Pod, Service } from '../../generated/api/core/v1.ts';
import type { EndpointSlice } from '../../generated/api/discovery/v1.ts';
import { daemonSetName, ingressAddresses, isServed, toDaemonSet, traitsOf } from './service-lb-plan.ts';

function makeService(spec: object = {}, metadata: object = {}): Service {
  return {
    metadata: { name: 'web', namespace: 'shop', uid: '0123456789ab', ...metadata },
    spec: {
      type: 'LoadBalancer',
      clusterIPs: ['10.43.0.9'],
      ipFamilies: ['IPv4'],
      ports: [{ name: 'http', port: 80, targetPort: 8080, nodePort: 30080, protocol: 'TCP' }],
      ...spec,
    },
  } as unknown as Service;
}

const machine = (kubeletVersion: string, labels: Record<string, string> = {}): Node =>
  ({ metadata: { labels }, status: { nodeInfo: { kubeletVersion } } }) as unknown as Node;
const today = traitsOf([machine('v1.36.2+k3s1')]);

const envOf = (service: Service): Record<string, unknown> =>
  Object.fromEntries(
    (toDaemonSet(service, today).spec?.template.spec?.containers?.[0]?.env ?? []).map(({ name, value, valueFrom }) => [
      name,
      value ?? valueFrom?.fieldRef?.fieldPath,
    ]),
  );

describe('the DaemonSet of a load balancer', () => {
  const tolerate = (text: string) =>
    toDaemonSet(
      makeService({}, { annotations: { 'svccontroller.k3s.cattle.io/tolerations': text } }),
      today,
    ).spec?.template.spec?.tolerations?.slice(3);
  const readable: Record<string, [text: string, tolerations: object[]]> = {
    JSON: [
      '[{"key":"edge","value":"yes","effect":"NoSchedule"}]',
      [{ key: 'edge', value: 'yes', effect: 'NoSchedule', operator: 'Equal' }],
    ],
    YAML: ['- operator: Exists', [{ operator: 'Exists' }]],
    nothing: ['', []],
  };
  for (const [title, [text, tolerations]] of Object.entries(readable))
    it(`tolerates what the service says in ${title}`, () => assert.deepEqual(tolerate(text), tolerations));

  const faulty: Record<string, [text: string, message: RegExp]> = {
    'what is no list': ['edge', /^Error: failed to parse tolerations from annotation/],
    'what is not well-formed': ['[{', /^Error: failed to parse tolerations from annotation/],
    'an empty key': ['[{"value":"x"}]', /toleration 0: toleration with empty key must have operator 'Exists'$/],
    'a value that means nothing': ['[{"operator":"Exists","value":"x"}]', /must have an empty value$/],
  };
  for (const [title, [text, message]] of Object.entries(faulty))
    it(`refuses ${title} among tolerations`, () => assert.throws(() => tolerate(text), message));

  it('takes the ports of the service on the machines, and sends what comes to the service', () => {
    const { spec } = toDaemonSet(makeService(), today);
    assert.deepEqual(spec?.template.spec?.containers?.[0]?.ports, [
      { name: 'lb-tcp-80', containerPort: 80, hostPort: 80, protocol: 'TCP' },
    ]);
    assert.deepEqual(envOf(makeService()), {
      SRC_PORT: '80',
      SRC_RANGES: '0.0.0.0/0',
      DEST_PROTO: 'TCP',
      DEST_PORT: '80',
      DEST_IPS: '10.43.0.9',
    });
  });

  it('keeps local traffic on its machine', () => {
    const { DEST_PORT, DEST_IPS } = envOf(makeService({ externalTrafficPolicy: 'Local' }));
    assert.deepEqual([DEST_PORT, DEST_IPS], ['30080', 'status.hostIPs']);
  });

  it('lets in who may come', () => {
    assert.equal(envOf(makeService({ ipFamilies: ['IPv4', 'IPv6'] }))['SRC_RANGES'], '0.0.0.0/0,::/0');
    const ranges = { loadBalancerSourceRanges: ['192.0.2.0/24', '10.0.0.0/8'] };
    assert.equal(envOf(makeService(ranges))['SRC_RANGES'], '10.0.0.0/8,192.0.2.0/24');
  });

  it('runs on the machines that are chosen, where some are', () => {
    const service = makeService({}, { labels: { 'svccontroller.k3s.cattle.io/lbpool': 'edge' } });
    const labelled = traitsOf([
      machine('v1.36.2'),
      machine('v1.36.2', { 'svccontroller.k3s.cattle.io/enablelb': 'true' }),
    ]);
    assert.equal(toDaemonSet(service, today).spec?.template.spec?.nodeSelector, undefined);
    assert.deepEqual(toDaemonSet(service, labelled).spec?.template.spec?.nodeSelector, {
      'svccontroller.k3s.cattle.io/enablelb': 'true',
      'svccontroller.k3s.cattle.io/lbpool': 'edge',
    });
  });

  it('asks older machines for nothing that they refuse or do not know', () => {
    const service = makeService({ externalTrafficPolicy: 'Local' });
    const old = toDaemonSet(service, traitsOf([machine('v1.36.2+k3s1'), machine('v1.21.2+k3s1')])).spec?.template.spec;
    assert.deepEqual(old?.securityContext, {});
    assert.equal(old?.containers?.[0]?.env?.at(-1)?.valueFrom?.fieldRef?.fieldPath, 'status.hostIP');
    const { sysctls } = toDaemonSet(service, today).spec?.template.spec?.securityContext ?? {};
    assert.deepEqual(sysctls, [{ name: 'net.ipv4.ip_forward', value: '1' }]);
  });

  it('has a name that is distinct and not too long', () => {
    assert.equal(daemonSetName(makeService()), 'svclb-web-01234567');
    const long = daemonSetName(makeService({}, { name: `${'a'.repeat(46)}--${'b'.repeat(10)}` }));
    assert.equal(long, `svclb-${'a'.repeat(46)}-01234567`);
  });

  it('is not for services that name another class, or are no load balancers', () => {
    assert.equal(isServed(makeService()), true);
    assert.equal(isServed(makeService({ loadBalancerClass: 'example.com/other' })), false);
    assert.equal(isServed(makeService({ type: 'NodePort' })), false);
  });
});

describe('the addresses of a load balancer', () => {
  const nodes: Record<string, [type: string, address: string][]> = {
    a: [['InternalIP', '10.0.0.1']],
    b: [
      ['InternalIP', '10.0.0.2'],
      ['InternalIP', 'fd00::2'],
    ],
    c: [
      ['InternalIP', '10.0.0.3'],
      ['ExternalIP', '192.0.2.3'],
    ],
  };
  const podOn = (nodeName: string, ready = 'True'): Pod =>
    ({
      spec: { nodeName },
      status: { podIP: '10.42.0.5', conditions: [{ type: 'Ready', status: ready }] },
    }) as unknown as Pod;
  const look = (service: Service, pods: Pod[], slices: EndpointSlice[] = []): string[] =>
    ingressAddresses(service, {
      pods,
      slices,
      node: (name) =>
        ({ status: { addresses: nodes[name]?.map(([type, address]) => ({ type, address })) } }) as unknown as Node,
    });

  it('are those of the machines with a ready pod', () => {
    assert.deepEqual(look(makeService(), [podOn('b'), podOn('a'), podOn('c', 'False')]), ['10.0.0.1', '10.0.0.2']);
  });

  it('are the external ones alone where there are any', () => {
    assert.deepEqual(look(makeService(), [podOn('a'), podOn('c')]), ['192.0.2.3']);
  });

  it('are of the families of the service, in its order', () => {
    assert.deepEqual(look(makeService({ ipFamilies: ['IPv6', 'IPv4'] }), [podOn('b')]), ['fd00::2', '10.0.0.2']);
  });

  it('are of machines with an endpoint where traffic stays local', () => {
    const slice = {
      endpoints: [
        { addresses: ['10.42.0.7'], conditions: { ready: true }, targetRef: { kind: 'Pod' }, nodeName: 'b' },
        { addresses: ['10.42.0.8'], conditions: { ready: false }, targetRef: { kind: 'Pod' }, nodeName: 'a' },
      ],
    } as unknown as EndpointSlice;
    const service = makeService({ externalTrafficPolicy: 'Local' });
    assert.deepEqual(look(service, [podOn('a'), podOn('b')], [slice]), ['10.0.0.2']);
  });
});
