import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createFaults, updated } from '../../testing/strategy-runs.ts';
import { csiNodeResource } from './csi-node/definition.ts';
import { csiStorageCapacityResource } from './csi-storage-capacity/definition.ts';
import { volumeAttachmentResource } from './volume-attachment/definition.ts';
import { volumeAttributesClassResource } from './volume-attributes-class/definition.ts';

const driver = { name: 'd', nodeID: 'i', topologyKeys: null };

describe('CSI nodes', () => {
  it('name each driver once, with its node and its keys', () => {
    const drivers = [{ topologyKeys: ['a b', 'z', 'z'] }, driver, { ...driver, allocatable: { count: -1 } }];
    const faults = createFaults(csiNodeResource, { spec: { drivers } });
    assert.deepEqual(
      faults.map((text) => text.split(' (e.g.')[0]),
      [
        'spec.drivers[0].name: Required value',
        'spec.drivers[0].nodeID: Required value',
        "spec.drivers[0]: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        'spec.drivers[0]: Duplicate value: "z"',
        'spec.drivers[2].allocatable.count: Invalid value: -1: must be greater than or equal to 0',
        'spec.drivers[2].name: Duplicate value: "d"',
      ],
    );
  });
  it('let a driver change its count, come and go, but nothing else', () => {
    const before = { spec: { drivers: [driver] } };
    const counted = { spec: { drivers: [{ ...driver, allocatable: { count: 3 } }] } };
    assert.deepEqual(updated(csiNodeResource, before, counted).faults, []);
    assert.deepEqual(updated(csiNodeResource, before, { spec: { drivers: [] } }).faults, []);
    assert.deepEqual(updated(csiNodeResource, before, { spec: { drivers: [{ ...driver, nodeID: 'j' }] } }).faults, [
      'spec.drivers: Invalid value: {"Name":"d","NodeID":"j","TopologyKeys":null,"Allocatable":null}: field is immutable',
    ]);
  });
});

describe('CSI storage capacities', () => {
  it('stay with their class and place', () => {
    const before = { storageClassName: 'a', nodeTopology: { matchLabels: { z: '1' } }, capacity: '1' };
    const after = { storageClassName: 'b', capacity: '-1' };
    assert.deepEqual(updated(csiStorageCapacityResource, before, after).faults, [
      'capacity: Invalid value: "-1": must be greater than or equal to 0',
      'nodeTopology: Invalid value: null: field is immutable',
      'storageClassName: Invalid value: "b": field is immutable',
    ]);
  });
  it('tell no selector from an empty one', () => {
    const body = { storageClassName: 'a' };
    assert.equal(updated(csiStorageCapacityResource, body, { ...body, nodeTopology: {} }).faults.length, 1);
  });
});

const attachment = { spec: { attacher: 'd', nodeName: 'n', source: { persistentVolumeName: 'p' } } };

describe('volume attachments', () => {
  const cases: Record<string, [object, string[]]> = {
    'take a volume by its name': [attachment.spec, []],
    'ask for exactly one source': [
      { ...attachment.spec, source: {} },
      ['spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName'],
    ],
    'judge a volume inside as one without a claim': [
      {
        ...attachment.spec,
        source: { inlineVolumeSpec: { accessModes: ['ReadWriteOnce'], nfs: { server: 's', path: '/' } } },
      },
      ['spec.source.inlineVolumeSpec.csi: Required value: has to be specified in the context of inline volumes'],
    ],
  };
  for (const [name, [spec, faults]] of Object.entries(cases))
    it(name, () => assert.deepEqual(createFaults(volumeAttachmentResource, { spec }), faults));
  it('never change what they attach', () => {
    const next = { spec: { ...attachment.spec, nodeName: 'm' } };
    assert.deepEqual(updated(volumeAttachmentResource, attachment, next).faults, [
      'spec: Invalid value: {"Attacher":"d","Source":{"PersistentVolumeName":"p","InlineVolumeSpec":null},"NodeName":"m"}: field is immutable',
    ]);
  });
  it('take no metadata through their status', () => {
    const next = { metadata: { name: 'a', labels: { a: 'b' } }, spec: {}, status: { attached: true } };
    const { object, faults } = updated(volumeAttachmentResource, attachment, next, 'StatusUpdate');
    assert.deepEqual([object.metadata.labels, object['status'], faults], [undefined, { attached: true }, []]);
  });
  it('report errors of a limited size', () => {
    const attachError = { message: 'x'.repeat(1025), errorCode: -1 };
    const next = { ...attachment, status: { attached: false, attachError } };
    assert.deepEqual(updated(volumeAttachmentResource, attachment, next, 'StatusUpdate').faults, [
      'status.attachError.message: Too long: may not be more than 262144 bytes',
      'status.attachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive',
    ]);
  });
});

describe('volume attributes classes', () => {
  it('ask for a driver and parameters, and keep both', () => {
    assert.deepEqual(createFaults(volumeAttributesClassResource, {}), [
      'driverName: Required value',
      'parameters: Required value: must contain at least one key/value pair',
    ]);
    const before = { driverName: 'd', parameters: { a: '1' } };
    assert.deepEqual(
      updated(volumeAttributesClassResource, before, { driverName: 'e', parameters: { a: '2' } }).faults,
      [
        'driverName: Forbidden: updates to driverName are forbidden.',
        'parameters: Forbidden: updates to parameters are forbidden.',
      ],
    );
  });
});
