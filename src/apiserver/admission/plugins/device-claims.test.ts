import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { attemptOf, authorizerOf, admit as judge, readerOf } from '../../../testing/admission.ts';
import type { AdmissionAttempt } from '../admission.ts';
import { deviceClaims } from './device-claims.ts';

const group = 'resource.k8s.io';
const kind = { group, version: 'v1', kind: 'ResourceClaim' };
const reader = readerOf({
  namespaces: [
    { metadata: { name: 'ns' } },
    { metadata: { name: 'admin', labels: { 'resource.kubernetes.io/admin-access': 'true' } } },
  ],
});
const nobody = deviceClaims({ reader, authorizer: authorizerOf() });
const driver = deviceClaims({ reader, authorizer: authorizerOf('associated-node:update resourceclaims d') });

const asking = {
  devices: { requests: [{ name: 'r' }, { name: 's', exactly: { deviceClassName: 'c', adminAccess: true } }] },
};
const claim = (status?: object): object => ({ metadata: { name: 'x' }, spec: {}, status });

function create(namespace: string, resource = 'resourceclaims'): AdmissionAttempt {
  const spec = resource === 'resourceclaims' ? asking : { spec: asking };
  return attemptOf({ group, resource, kind, namespace, object: { metadata: { name: 'x' }, spec } });
}

function change(next: object, previous: object, more: Partial<AdmissionAttempt> = {}): AdmissionAttempt {
  const facts = { object: claim(next), previous: claim(previous), ...more };
  return attemptOf({ group, resource: 'resourceclaims', subresource: 'status', kind, ...facts });
}

const results = [{ request: 'r', driver: 'd', pool: 'p', device: 'x' }];
const matchFields = [{ key: 'metadata.name', operator: 'In', values: ['n'] }];
const allocation = { devices: { results }, nodeSelector: { nodeSelectorTerms: [{ matchFields }] } };
const devices = [{ driver: 'd', pool: 'p', device: 'x' }];
const onNode = {
  name: 'system:serviceaccount:ns:driver',
  groups: [],
  extra: { 'authentication.kubernetes.io/node-name': ['n'] },
};
const admin = (field: string): string =>
  `ResourceClaim.resource.k8s.io "x" is invalid: ${field}: Forbidden: admin access to devices requires the \`resource.kubernetes.io/admin-access: true\` label on the containing namespace`;

const cases: Record<string, [typeof nobody, AdmissionAttempt, string | undefined]> = {
  'grants admin access in namespaces that say so': [nobody, create('admin'), undefined],
  'refuses admin access elsewhere': [nobody, create('ns'), admin('spec.devices.requests[1].adminAccess')],
  'looks into templates': [
    nobody,
    create('ns', 'resourceclaimtemplates'),
    admin('spec.devices.requests[1].adminAccess'),
  ],
  'asks nothing of a status that stays': [nobody, change({ allocation, devices }, { allocation, devices }), undefined],
  'asks for the right to allocate': [
    nobody,
    change({ allocation }, {}),
    'ResourceClaim.resource.k8s.io "x" is invalid: status.allocation: Forbidden: changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="update" permission: resourceclaims.resource.k8s.io is forbidden: User "alice" cannot update resource "resourceclaims/binding" in API group "resource.k8s.io" at the cluster scope: not granted',
  ],
  'lets a driver speak for its node': [
    driver,
    change({ allocation, devices }, { allocation }, { user: onNode }),
    undefined,
  ],
  'keeps others from it': [
    driver,
    change({ allocation, devices }, { allocation }),
    'ResourceClaim.resource.k8s.io "x" is invalid: status.devices: Forbidden: changing status.devices requires resource="resourceclaims/driver", verb="[arbitrary-node:update]" permission: resourceclaims.resource.k8s.io "d" is forbidden: User "alice" cannot arbitrary-node:update resource "resourceclaims/driver" in API group "resource.k8s.io" in the namespace "ns": not granted',
  ],
};

describe('deviceClaims', () => {
  for (const [name, [plugin, tried, message]] of Object.entries(cases))
    it(name, async () => assert.equal(await judge(plugin, tried), message));
});
