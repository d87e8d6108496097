import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PersistentVolume, PersistentVolumeClaim } from '../../generated/api/core/v1.ts';
import { persistentvolumeclaims, persistentvolumes, pods, storageclasses } from '../../generated/resource-types.ts';
import { findVolume } from '../../resources/core/persistent-volume/matching.ts';
import { startControllers } from '../../testing/controller-harness.ts';
import { wishesMore } from './expansion.ts';
import { findMismatch, planVolume } from './plan.ts';
import { classesOf, planProtection } from './protection.ts';

function volume(name: string, storage: string, more: Partial<PersistentVolume['spec']> = {}): PersistentVolume {
  const spec = { capacity: { storage }, accessModes: ['ReadWriteOnce'], storageClassName: 'slow', ...more };
  return { metadata: { name }, spec, status: { phase: 'Available' } };
}

function claim(storage: string, more: Partial<PersistentVolumeClaim['spec']> = {}): PersistentVolumeClaim {
  const resources = { requests: { storage } };
  return {
    metadata: { name: 'data', namespace: 'default', uid: 'claim-uid' },
    spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'slow', resources, ...more },
  };
}

describe('findVolume', () => {
  const find = (wanted: PersistentVolumeClaim, all: PersistentVolume[], delayed = false): string | undefined =>
    findVolume(wanted, all, { delayed })?.metadata.name;
  it('takes the smallest that is large enough, of the same class and modes', () => {
    const all = [
      volume('big', '10Gi'),
      volume('fits', '2Gi'),
      volume('small', '500Mi'),
      volume('other', '1Gi', { storageClassName: 'fast' }),
    ];
    assert.equal(find(claim('1Gi'), all), 'fits');
    assert.equal(find(claim('1Gi', { accessModes: ['ReadWriteMany'] }), all), undefined);
  });
  it('prefers a reserved one, and takes no other while it waits for a pod', () => {
    const reserved = volume('mine', '9Gi', { claimRef: { namespace: 'default', name: 'data' } });
    assert.equal(find(claim('1Gi'), [volume('fits', '1Gi'), reserved]), 'mine');
    assert.equal(find(claim('1Gi'), [volume('fits', '1Gi')], true), undefined);
    assert.equal(find(claim('1Gi'), [reserved], true), 'mine');
  });
});

describe('findMismatch', () => {
  const cases: Record<string, [PersistentVolume, PersistentVolumeClaim, string | undefined]> = {
    'takes one that is large enough': [volume('v', '2Gi'), claim('1Gi'), undefined],
    'refuses one that is too small': [volume('v', '1Gi'), claim('2Gi'), 'requested PV is too small'],
    'refuses another class': [
      volume('v', '1Gi', { storageClassName: 'fast' }),
      claim('1Gi'),
      'storageClassName does not match',
    ],
    'refuses another mode': [volume('v', '1Gi', { volumeMode: 'Block' }), claim('1Gi'), 'incompatible volumeMode'],
    'refuses one that cannot be shared': [
      volume('v', '1Gi'),
      claim('1Gi', { accessModes: ['ReadWriteMany'] }),
      'incompatible accessMode',
    ],
    'refuses other attributes': [
      volume('v', '1Gi', { volumeAttributesClassName: 'gold' }),
      claim('1Gi'),
      'volumeAttributesClassName does not match',
    ],
  };
  for (const [name, [offered, wanted, fault]] of Object.entries(cases)) {
    it(name, () => assert.equal(findMismatch(offered, wanted), fault));
  }
});

describe('planVolume', () => {
  const reference = { namespace: 'default', name: 'data', uid: 'claim-uid' };
  it('releases a volume whose claim is gone, and unbinds one whose claim took another', () => {
    const bound = volume('v', '1Gi', { claimRef: reference });
    assert.deepEqual(planVolume(bound, undefined), { step: 'phase', phase: 'Released' });
    assert.deepEqual(planVolume(bound, claim('1Gi', { volumeName: 'v' })), { step: 'phase', phase: 'Bound' });
    assert.deepEqual(planVolume(bound, claim('1Gi', { volumeName: 'w' })), { step: 'unbind' });
    assert.deepEqual(planVolume(volume('v', '1Gi'), undefined), { step: 'phase', phase: 'Available' });
  });
});

describe('planProtection', () => {
  it('holds what is in use, and frees it once it is not', () => {
    const held = { metadata: { name: 'x', finalizers: ['f'] } };
    const going = { metadata: { ...held.metadata, deletionTimestamp: '2030-01-01T00:00:00Z' } };
    assert.equal(planProtection({ metadata: { name: 'x' } }, 'f', false), 'add');
    assert.equal(planProtection(held, 'f', false), 'keep');
    assert.equal(planProtection(going, 'f', true), 'keep');
    assert.equal(planProtection(going, 'f', false), 'remove');
  });
});

describe('the volume controllers', () => {
  it('bind a claim, hold it while a pod mounts it, and release its volume after', async () => {
    await using cluster = startControllers([
      'persistentvolume-binder-controller',
      'persistentvolumeclaim-protection-controller',
    ]);
    const { server, client, until, settle } = cluster;
    server.put(persistentvolumes, { ...volume('v', '2Gi'), status: {} });
    const current = (): PersistentVolumeClaim | undefined => server.find(persistentvolumeclaims, 'default', 'data');
    server.put(persistentvolumeclaims, claim('1Gi'));
    await until(() => current()?.status?.phase === 'Bound' && (current()?.metadata.finalizers ?? []).length === 1);
    assert.equal(current()?.spec.volumeName, 'v');
    assert.equal(current()?.status?.capacity?.['storage'], '2Gi');
    const volumes = [{ name: 'd', persistentVolumeClaim: { claimName: 'data' } }];
    server.put(pods, {
      metadata: { name: 'p', namespace: 'default' },
      spec: { containers: [], nodeName: 'n', volumes },
    });
    await settle();
    await client.delete(persistentvolumeclaims, { namespace: 'default', name: 'data' });
    await settle();
    assert.notEqual(current(), undefined);
    server.remove(pods, 'default', 'p');
    await until(() => current() === undefined);
    await until(() => server.find(persistentvolumes, undefined, 'v')?.status?.phase === 'Released');
  });

  it('hand a claim over to the provisioner of its class', async () => {
    await using cluster = startControllers(['persistentvolume-binder-controller']);
    const { server, until } = cluster;
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    server.put(storageclasses, { metadata: { name: 'local', annotations }, provisioner: 'example.com/local' });
    server.put(persistentvolumeclaims, claim('1Gi', { storageClassName: undefined }));
    await until(
      () =>
        server.find(persistentvolumeclaims, 'default', 'data')?.metadata.annotations?.[
          'volume.kubernetes.io/storage-provisioner'
        ] === 'example.com/local',
    );
    assert.equal(server.find(persistentvolumeclaims, 'default', 'data')?.spec.storageClassName, 'local');
  });
});

describe('classesOf', () => {
  it('names what a claim has and is to have, each once', () => {
    const claim: PersistentVolumeClaim = {
      metadata: { name: 'c' },
      spec: { volumeAttributesClassName: 'gold' },
      status: {
        currentVolumeAttributesClassName: 'silver',
        modifyVolumeStatus: { targetVolumeAttributesClassName: 'gold', status: 'Pending' },
      },
    };
    assert.deepEqual(classesOf(claim), ['gold', 'silver']);
    assert.deepEqual(classesOf({ metadata: { name: 'v' }, spec: {}, status: { phase: 'Bound' } }), []);
  });
});

describe('wishesMore', () => {
  const claim = (phase: string, wanted: string, has?: string): PersistentVolumeClaim => ({
    metadata: { name: 'c' },
    spec: { resources: { requests: { storage: wanted } } },
    status: { phase, ...(has === undefined ? {} : { capacity: { storage: has } }) },
  });
  const cases: Record<string, [PersistentVolumeClaim, boolean]> = {
    'sees a bound claim that was raised': [claim('Bound', '2Gi', '1Gi'), true],
    'sees that it has what it asks for, in whatever unit': [claim('Bound', '1Gi', '1024Mi'), false],
    'leaves a claim that waits for a volume': [claim('Pending', '2Gi'), false],
  };
  for (const [name, [each, wanted]] of Object.entries(cases)) {
    it(name, () => assert.equal(wishesMore(each), wanted));
  }
});
