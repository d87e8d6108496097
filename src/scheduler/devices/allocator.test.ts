import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type {
  AllocationResult,
  Device,
  DeviceClass,
  DeviceConstraint,
  DeviceRequest,
  ResourceClaim,
  ResourceSlice,
} from '../../generated/api/resource/v1.ts';
import { makeNode } from '../../testing/scheduling.ts';
import { AllocatedDevices } from './allocated-devices.ts';
import { allocate } from './allocator.ts';
import { DeviceMatcher } from './device-matcher.ts';
import { SliceIndex } from './pools.ts';

const DRIVER = 'gpu.example.com';
const node = makeNode('a', { labels: { rack: 'r1' } });

function slice(devices: readonly Partial<Device>[], rest: Partial<ResourceSlice['spec']> = {}): ResourceSlice {
  const pool = { name: 'a', generation: 1, resourceSliceCount: 1 };
  const spec = { driver: DRIVER, pool, nodeName: 'a', devices: devices as Device[], ...rest };
  return { metadata: { name: `slice-${devices[0]?.name ?? 'counters'}` }, spec };
}

const want = (name: string, exactly: Partial<NonNullable<DeviceRequest['exactly']>> = {}): DeviceRequest => ({
  name,
  exactly: { deviceClassName: 'gpu', ...exactly },
});
const selecting = (expression: string) => ({ selectors: [{ cel: { expression } }] });
const either = (...names: readonly (readonly [name: string, className: string, count?: number])[]): DeviceRequest => ({
  name: 'any',
  firstAvailable: names.map(([name, deviceClassName, count = 1]) => ({ name, deviceClassName, count })),
});

function claim(requests: readonly DeviceRequest[], constraints: readonly DeviceConstraint[] = []): ResourceClaim {
  const devices = { requests: [...requests], constraints: [...constraints] };
  return { metadata: { namespace: 'default', name: 'c', uid: 'c' }, spec: { devices } };
}

const classes: Readonly<Record<string, DeviceClass['spec']>> = {
  gpu: {},
  large: selecting('device.capacity["gpu.example.com"].memory.compareTo(quantity("20Gi")) >= 0'),
  broken: selecting('device.attributes["gpu.example.com"].nothing'),
};

function run(
  claims: readonly ResourceClaim[],
  slices: readonly ResourceSlice[],
  held: readonly AllocationResult[] = [],
): readonly AllocationResult[] | undefined {
  const allocated = new AllocatedDevices();
  for (const [index, each] of held.entries()) allocated.set(`held-${index}`, each);
  let shares = 0;
  return allocate(node, claims, {
    slices: new SliceIndex(slices),
    allocated,
    matcher: new DeviceMatcher(),
    findClass: (name) => (classes[name] === undefined ? undefined : { metadata: { name }, spec: classes[name] }),
    newShareId: () => `share-${shares++}`,
    checkTime() {},
  });
}

const held = (device: string, rest: object = {}): AllocationResult => ({
  devices: { results: [{ request: 'r', driver: DRIVER, pool: 'a', device, ...rest }] },
});
/** Requests and devices, such as `r:gpu-0`. */
const given = (results: readonly AllocationResult[] | undefined): string[] | undefined =>
  results?.flatMap(({ devices }) => (devices?.results ?? []).map(({ request, device }) => `${request}:${device}`));

const memory = (value: string) => ({ capacity: { memory: { value } } });
const on = (numa: number) => ({ attributes: { numa: { int: numa } } });
const two = slice([{ name: 'gpu-0' }, { name: 'gpu-1' }]);
const shared = (value: string, requestPolicy: object = {}) => ({
  allowMultipleAllocations: true,
  capacity: { memory: { value, requestPolicy } },
});
const asking = (amount: string) => ({ capacity: { requests: { memory: amount } } });
const counted = (name: string, amount: string) => ({
  name,
  consumesCounters: [{ counterSet: 'card', counters: { memory: { value: amount } } }],
});
const parts = { pool: { name: 'a', generation: 1, resourceSliceCount: 2 } };
const card = slice([], {
  ...parts,
  nodeName: 'a',
  sharedCounters: [{ name: 'card', counters: { memory: { value: '40Gi' } } }],
});
const tainted = { name: 'gpu-0', taints: [{ key: 'sick', value: 'yes', effect: 'NoSchedule' }] };

describe('allocate', () => {
  const cases: Record<
    string,
    [requests: DeviceRequest[], slices: ResourceSlice[], wanted: string[] | undefined, rest?: Rest]
  > = {
    'takes the first device': [[want('r')], [two], ['r:gpu-0']],
    'takes as many as asked for': [[want('r', { count: 2 })], [two], ['r:gpu-0', 'r:gpu-1']],
    'gives nothing where there are too few': [[want('r', { count: 3 })], [two], undefined],
    'leaves devices of others alone': [[want('r')], [two], ['r:gpu-1'], { held: [held('gpu-0')] }],
    'lets administrators look at devices of others': [
      [want('r', { adminAccess: true })],
      [two],
      ['r:gpu-0'],
      { held: [held('gpu-0')] },
    ],
    'does not count what administrators look at': [
      [want('r')],
      [two],
      ['r:gpu-0'],
      { held: [held('gpu-0', { adminAccess: true })] },
    ],
    'takes all devices': [[want('r', { allocationMode: 'All' })], [two], ['r:gpu-0', 'r:gpu-1']],
    'wants at least one of all': [[want('r', { allocationMode: 'All' })], [slice([])], undefined],
    'wants all of them to be free': [
      [want('r', { allocationMode: 'All' })],
      [two],
      undefined,
      { held: [held('gpu-1')] },
    ],
    'selects by the class': [
      [want('r', { deviceClassName: 'large' })],
      [
        slice([
          { name: 'gpu-0', ...memory('10Gi') },
          { name: 'gpu-1', ...memory('40Gi') },
        ]),
      ],
      ['r:gpu-1'],
    ],
    'selects by the request': [
      [want('r', selecting('device.attributes["gpu.example.com"].numa == 1 && device.driver == "gpu.example.com"'))],
      [
        slice([
          { name: 'gpu-0', ...on(0) },
          { name: 'gpu-1', ...on(1) },
        ]),
      ],
      ['r:gpu-1'],
    ],
    'compares versions': [
      [want('r', selecting('device.attributes["gpu.example.com"].driver.isGreaterThan(semver("2.0.0"))'))],
      [
        slice([
          { name: 'gpu-0', attributes: { driver: { version: '1.9.0' } } },
          { name: 'gpu-1', attributes: { driver: { version: '2.1.0' } } },
        ]),
      ],
      ['r:gpu-1'],
    ],
    'asks whether an attribute of any domain is there': [
      [want('r', selecting('"other.com" in device.attributes || has(device.attributes["other.com"].x)'))],
      [two],
      undefined,
    ],
    'goes back where an earlier choice leaves nothing': [
      [want('x'), want('y', selecting('device.attributes["gpu.example.com"].numa == 0'))],
      [
        slice([
          { name: 'gpu-0', ...on(0) },
          { name: 'gpu-1', ...on(1) },
        ]),
      ],
      ['x:gpu-1', 'y:gpu-0'],
    ],
    'takes devices that are alike': [
      [want('r', { count: 2 })],
      [
        slice([
          { name: 'gpu-0', ...on(0) },
          { name: 'gpu-1', ...on(1) },
          { name: 'gpu-2', ...on(1) },
        ]),
      ],
      ['r:gpu-1', 'r:gpu-2'],
      { constraints: [{ matchAttribute: 'gpu.example.com/numa' }] },
    ],
    'takes devices that differ': [
      [want('r', { count: 2 })],
      [
        slice([
          { name: 'gpu-0', ...on(1) },
          { name: 'gpu-1', ...on(1) },
          { name: 'gpu-2', ...on(0) },
        ]),
      ],
      ['r:gpu-0', 'r:gpu-2'],
      { constraints: [{ requests: ['r'], distinctAttribute: 'gpu.example.com/numa' }] },
    ],
    'prefers the first of several ways': [
      [either(['big', 'gpu', 2], ['small', 'gpu'])],
      [two],
      ['any/big:gpu-0', 'any/big:gpu-1'],
    ],
    'takes another way where the first cannot be': [
      [either(['big', 'gpu', 3], ['small', 'gpu'])],
      [two],
      ['any/small:gpu-0'],
    ],
    'avoids devices with taints': [[want('r')], [slice([tainted, { name: 'gpu-1' }])], ['r:gpu-1']],
    'takes what is tolerated': [
      [want('r', { tolerations: [{ key: 'sick', operator: 'Exists' }] })],
      [slice([tainted])],
      ['r:gpu-0'],
    ],
    'takes from the newest generation': [
      [want('r')],
      [two, slice([{ name: 'new' }], { pool: { name: 'a', generation: 2, resourceSliceCount: 1 } })],
      ['r:new'],
    ],
    'waits for the rest of a pool': [
      [want('r')],
      [slice([{ name: 'gpu-0' }], { pool: { name: 'a', generation: 1, resourceSliceCount: 2 } })],
      undefined,
    ],
    'takes devices that every node reaches': [
      [want('r')],
      [slice([{ name: 'net' }], { nodeName: undefined, allNodes: true })],
      ['r:net'],
    ],
    'leaves devices of other nodes': [[want('r')], [slice([{ name: 'gpu-0' }], { nodeName: 'b' })], undefined],
    'asks each device where it can be reached': [
      [want('r')],
      [
        slice(
          [
            { name: 'gpu-0', nodeName: 'b' },
            { name: 'gpu-1', nodeName: 'a' },
          ],
          {
            nodeName: undefined,
            perDeviceNodeSelection: true,
          },
        ),
      ],
      ['r:gpu-1'],
    ],
    'shares a device as long as there is enough of it': [
      [want('x', asking('6Gi')), want('y', asking('4Gi'))],
      [slice([{ name: 'gpu-0', ...shared('10Gi') }])],
      ['x:gpu-0', 'y:gpu-0'],
    ],
    'does not give more of a device than there is': [
      [want('x', asking('6Gi')), want('y', asking('6Gi'))],
      [slice([{ name: 'gpu-0', ...shared('10Gi') }])],
      undefined,
    ],
    'counts what others have of a device': [
      [want('r', asking('6Gi'))],
      [slice([{ name: 'gpu-0', ...shared('10Gi') }])],
      undefined,
      { held: [held('gpu-0', { shareID: 's', consumedCapacity: { memory: '5Gi' } })] },
    ],
    'rounds up to what a device hands out': [
      [want('x', asking('1Gi')), want('y', asking('1Gi'))],
      [slice([{ name: 'gpu-0', ...shared('10Gi', { validValues: ['6Gi'] }) }])],
      undefined,
    ],
    'takes parts while the whole lasts': [
      [want('r', { count: 2 })],
      [card, slice([counted('half-0', '20Gi'), counted('half-1', '20Gi')], parts)],
      ['r:half-0', 'r:half-1'],
    ],
    'does not take more parts than the whole has': [
      [want('r', { count: 2 })],
      [card, slice([counted('most', '30Gi'), counted('half', '20Gi')], parts)],
      undefined,
    ],
    'counts parts that others have': [
      [want('r')],
      [card, slice([counted('most', '30Gi'), counted('half', '20Gi')], parts)],
      undefined,
      { held: [held('most')] },
    ],
    'takes devices that are ready before others': [
      [want('r')],
      [
        slice([{ name: 'gpu-0', bindingConditions: ['Attached'] }]),
        slice([{ name: 'gpu-1' }], { pool: { name: 'z', generation: 1, resourceSliceCount: 1 } }),
      ],
      ['r:gpu-1'],
    ],
  };
  interface Rest {
    readonly held?: readonly AllocationResult[];
    readonly constraints?: readonly DeviceConstraint[];
  }
  for (const [name, [requests, slices, wanted, { held: others = [], constraints = [] } = {}]] of Object.entries(cases))
    it(name, () => assert.deepEqual(given(run([claim(requests, constraints)], slices, others)), wanted));

  const faults: Record<string, [requests: DeviceRequest[], slices: ResourceSlice[], message: string]> = {
    'tells of an expression that fails': [
      [want('r', { deviceClassName: 'broken' })],
      [two],
      'class broken: selector #0: CEL runtime error: no such key: nothing',
    ],
    'tells of an expression that is none': [
      [want('r', selecting('1 == 1 ? device.driver : "x"'))],
      [two],
      'claim default/c: selector #0: CEL runtime error: ' +
        "CEL result of type string could not be converted to bool: unsupported native conversion from string to 'bool'",
    ],
    'tells of too many devices': [
      [want('r', { count: 33 })],
      [two],
      'claim default/c: number of requested devices 33 exceeds the claim limit of 32',
    ],
    'tells that all devices cannot be known': [
      [want('r', { allocationMode: 'All' })],
      [slice([{ name: 'gpu-0' }], { pool: { name: 'a', generation: 1, resourceSliceCount: 2 } })],
      'claim default/c, request r: asks for all devices, but resource pool gpu.example.com/a is currently being updated',
    ],
    'tells of pools that are broken': [
      [want('r')],
      [slice([{ name: 'gpu-0' }, { name: 'gpu-0' }])],
      'invalid resource pools were encountered',
    ],
  };
  for (const [name, [requests, slices, message]] of Object.entries(faults))
    it(name, () => assert.throws(() => run([claim(requests)], slices), { message }));

  it('tells drivers how devices are configured, and which nodes reach them', () => {
    const opaque = { driver: DRIVER, parameters: { mode: 'fast' } };
    const asked = claim([want('r', { tolerations: [{ key: 'sick', operator: 'Exists' }] })]);
    const withConfig = { ...asked, spec: { devices: { ...asked.spec.devices, config: [{ opaque }] } } };
    const term = { matchExpressions: [{ key: 'rack', operator: 'In', values: ['r1'] }] };
    const local = slice([{ name: 'gpu-0', bindsToNode: false }], {
      nodeName: undefined,
      nodeSelector: { nodeSelectorTerms: [term] },
    });
    const result = {
      request: 'r',
      driver: DRIVER,
      pool: 'a',
      device: 'gpu-0',
      tolerations: [{ key: 'sick', operator: 'Exists' }],
    };
    const wanted = {
      devices: { results: [result], config: [{ source: 'FromClaim', opaque }] },
      nodeSelector: { nodeSelectorTerms: [term] },
    };
    assert.deepEqual(run([withConfig], [local]), [wanted]);
  });

  it('tells how much of a shared device was taken', () => {
    const [result] = run([claim([want('r', asking('3Gi'))])], [slice([{ name: 'gpu-0', ...shared('10Gi') }])]) ?? [];
    const [device] = result?.devices?.results ?? [];
    assert.equal(device?.shareID, 'share-0');
    assert.deepEqual(device?.consumedCapacity, { memory: '3Gi' });
    const field = { key: 'metadata.name', operator: 'In', values: ['a'] };
    assert.deepEqual(result?.nodeSelector, { nodeSelectorTerms: [{ matchFields: [field] }] });
  });
});
