import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AnyObject } from '../machinery/object/object.ts';
import { builtinResources } from './index.ts';

type Json = Record<string, unknown>;

const definitions = new Map(
  builtinResources()
    .filter(({ hidden }) => hidden !== true)
    .map((definition) => [`${definition.group}/${definition.plural}`, definition]),
);

function make(key: string, body: Json): AnyObject {
  const definition = definitions.get(key);
  assert.ok(definition);
  const object = structuredClone({
    metadata: { name: 'a', namespace: 'b', uid: 'u' },
    ...body,
  }) as unknown as AnyObject;
  definition.strategy.applyDefaults?.(object);
  return object;
}

function faultsOnCreate(key: string, body: Json): string[] {
  const object = make(key, body);
  const strategy = definitions.get(key)?.strategy;
  strategy?.prepareForCreate?.(object, { nowMs: 0, userName: 'u' });
  return (strategy?.validateCreate?.(object) ?? []).map(String);
}

function faultsOnUpdate(key: string, before: Json, after: Json): string[] {
  const strategy = definitions.get(key)?.strategy;
  const previous = make(key, before);
  strategy?.prepareForCreate?.(previous, { nowMs: 0, userName: 'u' });
  const next = make(key, after);
  strategy?.prepareForUpdate?.(next, previous);
  return (strategy?.validateUpdate?.(next, previous) ?? []).map(String);
}

const container = (rest: Json = {}): Json => ({ name: 'c', image: 'x', ...rest });
const pod = (spec: Json = {}): Json => ({ spec: { containers: [container()], ...spec } });
const template = (spec: Json = {}): Json => ({ metadata: { labels: { a: 'b' } }, ...pod(spec) });
const workload = (spec: Json = {}): Json => ({
  spec: { selector: { matchLabels: { a: 'b' } }, template: template(), ...spec },
});
const job = (spec: Json = {}): Json => ({ spec: { template: template({ restartPolicy: 'Never' }), ...spec } });
const cronJob = (spec: Json = {}): Json => ({ spec: { schedule: '* * * * *', jobTemplate: job(), ...spec } });
const service = (spec: Json = {}): Json => ({
  spec: { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], ports: [{ port: 80 }], ...spec },
});
const claim = (spec: Json = {}): Json => ({
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
});

const created: Record<string, [string, Json, string[]]> = {
  'pods have containers': ['/pods', { spec: {} }, ['spec.containers: Required value']],
  'pods without a spec lack their containers': ['/pods', {}, ['spec.containers: Required value']],
  'environment variables have any printable name': [
    '/pods',
    pod({ containers: [container({ env: [{ name: '1 a' }, { name: 'a=' }] })] }),
    [
      'spec.containers[0].env[1].name: Invalid value: "a=": a valid environment variable name must consist only of printable ASCII characters other than \'=\'',
    ],
  ],
  'search domains may begin with an underscore': ['/pods', pod({ dnsConfig: { searches: ['_a.b', '.'] } }), []],
  'mounts need their volume': [
    '/pods',
    pod({ containers: [container({ volumeMounts: [{ name: 'v', mountPath: '/v' }] })] }),
    ['spec.containers[0].volumeMounts[0].name: Not found: "v"'],
  ],
  'requests stay below limits': [
    '/pods',
    pod({ containers: [container({ resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } })] }),
    ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
  ],
  'init containers that end have no probes': [
    '/pods',
    pod({ initContainers: [container({ name: 'i', readinessProbe: { exec: { command: ['x'] } } })] }),
    [
      'spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    ],
  ],
  'deployments select the pods that they make': [
    'apps/deployments',
    workload({ selector: { matchLabels: { a: 'c' } } }),
    ['spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`'],
  ],
  'deployments make progress or stop': [
    'apps/deployments',
    workload({ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }),
    ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0'],
  ],
  'daemon sets run for ever': [
    'apps/daemonsets',
    workload({ template: template({ restartPolicy: 'Never' }) }),
    ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
  ],
  'stateful sets name their policy': [
    'apps/statefulsets',
    workload({ podManagementPolicy: 'None' }),
    ["spec.podManagementPolicy: Invalid value: \"None\": must be 'OrderedReady' or 'Parallel'"],
  ],
  'jobs end': [
    'batch/jobs',
    job({ template: template({ restartPolicy: 'Always' }) }),
    ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
  ],
  'jobs count in whole numbers from zero': [
    'batch/jobs',
    job({ parallelism: -1, completions: -1 }),
    [
      'spec.parallelism: Invalid value: -1: must be greater than or equal to 0',
      'spec.completions: Invalid value: -1: must be greater than or equal to 0',
    ],
  ],
  'schedules tell their zone in a field': [
    'batch/cronjobs',
    cronJob({ schedule: 'TZ=UTC * * * * *' }),
    [
      'spec.schedule: Invalid value: "TZ=UTC * * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
    ],
  ],
  'services have ports': ['/services', service({ ports: [] }), ['spec.ports: Required value']],
  'services with several ports name them': [
    '/services',
    service({ ports: [{ port: 80 }, { port: 80, name: 'b' }] }),
    [
      'spec.ports[0].name: Required value',
      'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
    ],
  ],
  'addresses have one notation': [
    '/services',
    service({ externalIPs: ['010.0.0.1', '127.0.0.1'] }),
    [
      'spec.externalIPs[0]: Invalid value: "010.0.0.1": must not have leading 0s',
      'spec.externalIPs[1]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
  ],
  'claims ask for some storage': [
    '/persistentvolumeclaims',
    claim({ resources: { requests: { storage: '0' } } }),
    ['spec.resources[storage]: Invalid value: "0": must be greater than zero'],
  ],
  'claims take no data from another namespace': [
    '/persistentvolumeclaims',
    claim({ dataSourceRef: { kind: '', name: '', namespace: 'other' } }),
    [],
  ],
  'secrets have the keys of their type': [
    '/secrets',
    { type: 'kubernetes.io/tls', data: { 'a/b': 'YQ==' } },
    [
      "data[a/b]: Invalid value: \"a/b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
      'data[tls.crt]: Required value',
      'data[tls.key]: Required value',
    ],
  ],
  'keys stand in one half of a config map': [
    '/configmaps',
    { data: { a: '1' }, binaryData: { a: 'YQ==' } },
    ['data[a]: Invalid value: "a": duplicate of key present in binaryData'],
  ],
  'budgets say one of two things': [
    'policy/poddisruptionbudgets',
    { spec: { minAvailable: 1, maxUnavailable: 1 } },
    [
      'spec: Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set',
    ],
  ],
  'slices have addresses of their type': [
    'discovery.k8s.io/endpointslices',
    { addressType: 'IPv6', endpoints: [{ addresses: ['1.2.3.4'] }] },
    ['endpoints[0].addresses: Invalid value: "1.2.3.4": must be an IPv6 address'],
  ],
  'leases last': [
    'coordination.k8s.io/leases',
    { spec: { leaseDurationSeconds: 0 } },
    ['spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0'],
  ],
  'roles name resources or paths': [
    'rbac.authorization.k8s.io/roles',
    { rules: [{ verbs: [], nonResourceURLs: ['/x'] }] },
    [
      'rules[0].verbs: Required value: verbs must contain at least one value',
      'rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
    ],
  ],
};

const updated: Record<string, [string, Json, Json, string[]]> = {
  'selectors of deployments stay': [
    'apps/deployments',
    workload(),
    workload({
      selector: { matchLabels: { a: 'b', c: 'd' } },
      template: { ...template(), metadata: { labels: { a: 'b', c: 'd' } } },
    }),
    ['spec.selector: Invalid value: {"matchLabels":{"a":"b","c":"d"}}: field is immutable'],
  ],
  'service names of stateful sets stay': [
    'apps/statefulsets',
    workload(),
    workload({ serviceName: 's' }),
    [
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ],
  ],
  'immutable config maps stay': [
    '/configmaps',
    { data: { a: '1' }, immutable: true },
    { data: { a: '2' } },
    [
      'immutable: Forbidden: field is immutable when `immutable` is set',
      'data: Forbidden: field is immutable when `immutable` is set',
    ],
  ],
  'types of secrets stay': ['/secrets', { type: 'a' }, { type: 'b' }, ['type: Invalid value: "b": field is immutable']],
  'addresses of services stay': [
    '/services',
    service(),
    service({ clusterIP: '10.0.0.2', clusterIPs: ['10.0.0.2'] }),
    ['spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set'],
  ],
  'claims show what changed': [
    '/persistentvolumeclaims',
    claim(),
    claim({ accessModes: ['ReadOnlyMany'] }),
    [
      'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n@@ -1,6 +1,6 @@\n {\n  "AccessModes": [\n-  "ReadWriteOnce"\n+  "ReadOnlyMany"\n  ],\n  "Selector": null,\n  "Resources": {\n',
    ],
  ],
  'lifetimes of pods only shrink': [
    '/pods',
    pod({ activeDeadlineSeconds: 5 }),
    pod({ activeDeadlineSeconds: 6 }),
    ['spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous value'],
  ],
  'handlers of runtime classes stay': [
    'node.k8s.io/runtimeclasses',
    { handler: 'a' },
    { handler: 'b' },
    ['handler: Invalid value: "b": field is immutable'],
  ],
  'values of priority classes stay': [
    'scheduling.k8s.io/priorityclasses',
    { value: 1 },
    { value: 2 },
    ['value: Forbidden: may not be changed in an update.'],
  ],
};

describe('what is created', () => {
  for (const [name, [key, body, expected]] of Object.entries(created))
    it(name, () => assert.deepEqual(faultsOnCreate(key, body), expected));
});

describe('what is updated', () => {
  for (const [name, [key, before, after, expected]] of Object.entries(updated))
    it(name, () => assert.deepEqual(faultsOnUpdate(key, before, after), expected));
});
