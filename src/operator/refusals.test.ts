import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StatusError, type StatusReason } from '../machinery/errors/status-error.ts';
import type { AnyObject } from '../machinery/object/object.ts';
import { Refusals, refusalOf } from './refusals.ts';

const rows: Record<string, [code: number, reason: StatusReason, message: string, found: string | undefined]> = {
  'tells of a quota': [
    403,
    'Forbidden',
    'services "a" is forbidden: exceeded quota: q, requested: services.nodeports=1, used: services.nodeports=0, limited: services.nodeports=0',
    'HostQuotaExceeded',
  ],
  'tells of a namespace that goes': [
    403,
    'Forbidden',
    'secrets "a" is forbidden: unable to create new content in namespace x because it is being terminated',
    'NamespaceTerminating',
  ],
  'tells of a right that is missing': [
    403,
    'Forbidden',
    'services "a" is forbidden: User "system:serviceaccount:w:w" cannot patch resource "services" in API group "" in the namespace "x"',
    'NotPermitted',
  ],
  'tells of a webhook that denies': [
    403,
    'Forbidden',
    'admission webhook "no.example.com" denied the request: no NodePorts here',
    'DeniedByAdmission',
  ],
  'tells of a policy that denies': [
    422,
    'Invalid',
    `services "a" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no`,
    'DeniedByAdmission',
  ],
  'tells of a webhook that does not answer': [
    500,
    'InternalError',
    'Internal error occurred: failed calling webhook "x": failed to call webhook: dial tcp',
    'WebhookUnavailable',
  ],
  'tells of a volume that does not grow': [
    403,
    'Forbidden',
    'persistentvolumeclaims "a" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
    'VolumeNotResizable',
  ],
  'tells of a volume that does not shrink': [
    422,
    'Invalid',
    'PersistentVolumeClaim "a" is invalid: spec.resources.requests.storage: Forbidden: field can not be less than status.capacity',
    'VolumeNotShrinkable',
  ],
  'tells of a port that is taken': [
    422,
    'Invalid',
    'Service "a" is invalid: spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated',
    'PortTaken',
  ],
  'tells of a kind that is missing': [
    404,
    'NotFound',
    'the server could not find the requested resource',
    'KindMissing',
  ],
  'tells of what it does not know': [422, 'Invalid', 'Service "a" is invalid: spec.x: Required value', 'RefusedByHost'],
  'says nothing of a race': [409, 'Conflict', 'the object has been modified', undefined],
  'says nothing of much load': [429, 'TooManyRequests', 'too many requests', undefined],
  'says nothing of an outage': [503, 'ServiceUnavailable', 'apiserver is shutting down', undefined],
};

describe('refusalOf', () => {
  for (const [title, [code, reason, message, found]] of Object.entries(rows)) {
    it(title, () => {
      const refusal = refusalOf(new StatusError({ code, reason, message }), 'Service a');
      assert.equal(refusal?.reason, found);
      if (found !== undefined) assert.match(refusal?.message ?? '', /^Service a: /);
    });
  }
  it('says nothing of other errors', () =>
    assert.equal(refusalOf(new Error('socket hang up'), 'Service a'), undefined));
});

describe('refusals', () => {
  const wish = (size: string): AnyObject =>
    ({ kind: 'PersistentVolumeClaim', metadata: { name: 'a' }, spec: { size } }) as unknown as AnyObject;
  const refusal = { reason: 'R', message: 'm' };

  it('stand for longer each time, and not for another wish', () => {
    const refusals = new Refusals();
    refusals.note('t', wish('2'), refusal, 0);
    assert.equal(refusals.standing('t', wish('2'), 4_999), refusal);
    assert.equal(refusals.standing('t', wish('3'), 1), undefined);
    assert.equal(refusals.standing('t', wish('2'), 5_000), undefined);
    refusals.note('t', wish('2'), refusal, 5_000);
    assert.equal(refusals.standing('t', wish('2'), 14_999), refusal);
    assert.equal(refusals.standing('other', wish('2'), 6_000), undefined);
  });

  it('end once the host takes the wish', () => {
    const refusals = new Refusals();
    refusals.note('t', wish('2'), refusal, 0);
    refusals.clear('t', wish('2'));
    assert.equal(refusals.standing('t', wish('2'), 1), undefined);
  });
});
