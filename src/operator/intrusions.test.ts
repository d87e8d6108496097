import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AnyObject } from '../machinery/object/object.ts';
import { intrusionsOf, toRemoval } from './intrusions.ts';

const own = {
  manager: 'warren-operator',
  operation: 'Apply',
  fieldsV1: {
    'f:spec': {
      'f:replicas': {},
      'f:selector': {},
      'f:template': {
        'f:metadata': { 'f:annotations': { 'f:warren.dev/identity': {} } },
        'f:spec': {
          'f:containers': {
            'k:{"name":"server"}': {
              '.': {},
              'f:name': {},
              'f:image': {},
              'f:args': {},
              'f:resources': { 'f:requests': { 'f:cpu': {} } },
            },
          },
        },
      },
    },
  },
};
const containers = (...more: object[]) => [{ name: 'server', image: 'a', args: [] }, ...more];
const inPod = (fields: object) => ({ 'f:spec': { 'f:template': { 'f:spec': fields } } });
const pod = (spec: object, metadata: object = {}) => ({ spec: { template: { metadata, spec } } });

interface Row {
  readonly object: object;
  readonly fields: object;
  readonly found: readonly string[];
  readonly subresource?: string;
  readonly manager?: string;
  readonly kind?: string;
}

const rows: Record<string, Row> = {
  'tells of a container more': {
    object: pod({ containers: containers({ name: 'miner', image: 'x' }) }),
    fields: inPod({ 'f:containers': { 'k:{"name":"miner"}': { '.': {}, 'f:name': {}, 'f:image': {} } } }),
    found: ['spec.template.spec.containers[name=miner]'],
  },
  'tells of what is added to our own container': {
    object: pod({
      containers: [
        {
          name: 'server',
          env: [{ name: 'A' }],
          resources: { limits: { cpu: 1 } },
          securityContext: { privileged: true },
        },
      ],
    }),
    fields: inPod({
      'f:containers': {
        'k:{"name":"server"}': {
          'f:env': { '.': {}, 'k:{"name":"A"}': { '.': {} } },
          'f:resources': { 'f:limits': { 'f:cpu': {} } },
          'f:securityContext': { 'f:privileged': {} },
        },
      },
    }),
    found: [
      'spec.template.spec.containers[name=server].env',
      'spec.template.spec.containers[name=server].resources.limits',
      'spec.template.spec.containers[name=server].securityContext',
    ],
  },
  'tells of the host network and of a volume': {
    object: pod({ hostNetwork: true, volumes: [{ name: 'v', hostPath: { path: '/' } }], containers: containers() }),
    fields: inPod({
      'f:hostNetwork': {},
      'f:volumes': { 'k:{"name":"v"}': { '.': {}, 'f:hostPath': { 'f:path': {} } } },
    }),
    found: ['spec.template.spec.hostNetwork', 'spec.template.spec.volumes'],
  },
  'leaves a restart by annotation alone': {
    object: pod({ containers: containers() }, { annotations: { 'kubectl.kubernetes.io/restartedAt': 'now' } }),
    fields: {
      'f:spec': {
        'f:template': { 'f:metadata': { 'f:annotations': { 'f:kubectl.kubernetes.io/restartedAt': {} } } },
      },
    },
    found: [],
  },
  'leaves annotations of the object alone': {
    object: { metadata: { annotations: { a: 'b' } }, spec: {} },
    fields: { 'f:metadata': { 'f:annotations': { 'f:a': {} } } },
    found: [],
  },
  'leaves what both own alone, and what is ours as a whole': {
    object: pod({ containers: containers() }),
    fields: {
      'f:spec': {
        'f:replicas': {},
        'f:selector': { 'f:matchLabels': { 'f:a': {} } },
        'f:template': {
          'f:spec': { 'f:containers': { 'k:{"name":"server"}': { '.': {}, 'f:name': {}, 'f:image': {} } } },
        },
      },
    },
    found: [],
  },
  'leaves the status and the scale alone': {
    object: { spec: { paused: true } },
    fields: { 'f:spec': { 'f:paused': {} } },
    subresource: 'scale',
    found: [],
  },
  'takes what the admission of the host added to our own request for ours': {
    object: pod({ containers: containers({ name: 'sidecar' }) }),
    fields: inPod({ 'f:containers': { 'k:{"name":"sidecar"}': { '.': {}, 'f:name': {} } } }),
    manager: 'warren-operator',
    found: [],
  },
  'tells of a port more at a Service, not of what a cloud provider fills in': {
    kind: 'Service',
    object: { spec: { loadBalancerClass: 'x', externalIPs: ['192.0.2.1'], ports: [{ port: 1, protocol: 'TCP' }] } },
    fields: {
      'f:spec': {
        'f:loadBalancerClass': {},
        'f:externalIPs': { '.': {}, 'v:"192.0.2.1"': {} },
        'f:ports': { 'k:{"port":1,"protocol":"TCP"}': { '.': {}, 'f:port': {} } },
      },
    },
    found: ['spec.externalIPs', 'spec.ports'],
  },
  'says nothing of a volume claim, which the host completes': {
    kind: 'PersistentVolumeClaim',
    object: { spec: { volumeName: 'v' } },
    fields: { 'f:spec': { 'f:volumeName': {} } },
    found: [],
  },
};

describe('intrusionsOf', () => {
  for (const [
    title,
    { object, fields, found, subresource, manager = 'kubectl-edit', kind = 'Deployment' },
  ] of Object.entries(rows)) {
    it(title, () => {
      const managedFields = [own, { manager, operation: 'Update', fieldsV1: fields, subresource }];
      const { metadata = {}, ...rest } = object as { metadata?: object };
      const seen = { metadata: { name: 'demo', ...metadata, managedFields }, ...rest } as AnyObject;
      assert.deepEqual(
        intrusionsOf(kind, seen, 'warren-operator').map(({ text }) => text),
        found,
      );
    });
  }
});

describe('toRemoval', () => {
  it('removes from the end of a list, and only where nobody changed the object since', () => {
    const at = (...path: (string | number)[]) => ({ path, text: '', manager: 'x' });
    assert.deepEqual(
      toRemoval(
        [at('spec', 'ports', 1), at('spec', 'a/b'), at('spec', 'ports', 10)],
        { metadata: { name: 'demo', resourceVersion: '7' } },
        { metadata: {} },
      ),
      [
        { op: 'replace', path: '/metadata/resourceVersion', value: '7' },
        { op: 'remove', path: '/spec/ports/10' },
        { op: 'remove', path: '/spec/ports/1' },
        { op: 'remove', path: '/spec/a~1b' },
      ],
    );
  });

  it('puts a strategy back as a whole, whose parameters another one refuses', () => {
    const strategy = (type: string, more: object = {}) =>
      ({ metadata: { resourceVersion: '7' }, spec: { strategy: { type, ...more } } }) as unknown as AnyObject;
    const path = ['spec', 'strategy', 'rollingUpdate'];
    const intrusion = { path, text: path.join('.'), manager: 'x' };
    assert.deepEqual(
      toRemoval([intrusion], strategy('RollingUpdate', { rollingUpdate: {} }), strategy('Recreate')).slice(1),
      [
        { op: 'remove', path: '/spec/strategy/rollingUpdate' },
        { op: 'replace', path: '/spec/strategy', value: { type: 'Recreate' } },
      ],
    );
  });
});
