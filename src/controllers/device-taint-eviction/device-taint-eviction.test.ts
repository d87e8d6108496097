import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../generated/api/core/v1.ts';
import type { DeviceTaint, DeviceToleration, ResourceClaim, ResourceSlice } from '../../generated/api/resource/v1.ts';
import { events, pods, resourceclaims, resourceslices } from '../../generated/resource-types.ts';
import { startControllers } from '../../testing/controller-harness.ts';
import { evictionMs } from './plan.ts';

const ADDED = '2026-01-01T00:00:00Z';
const addedMs = Date.parse(ADDED);
const sick = (more: Partial<DeviceTaint> = {}): DeviceTaint => ({
  key: 'sick',
  value: 'yes',
  effect: 'NoExecute',
  timeAdded: ADDED,
  ...more,
});

function makeSlice(taints: DeviceTaint[], generation = 1, device = 'gpu-0'): ResourceSlice {
  const pool = { name: 'a', generation, resourceSliceCount: 1 };
  const metadata = { name: `slice-${generation}` };
  return { metadata, spec: { driver: 'd', nodeName: 'a', pool, devices: [{ name: device, taints }] } };
}

function makeClaim(tolerations: DeviceToleration[] = []): ResourceClaim {
  const results = [{ request: 'r', driver: 'd', pool: 'a', device: 'gpu-0', tolerations }];
  return {
    metadata: { namespace: 'default', name: 'c', uid: 'c' },
    spec: {},
    status: { allocation: { devices: { results } }, reservedFor: [{ resource: 'pods', name: 'p', uid: 'p' }] },
  };
}

describe('evictionMs', () => {
  const noExecute = { operator: 'Exists', effect: 'NoExecute' };
  const cases: Record<string, [slices: ResourceSlice[], tolerations: DeviceToleration[], wanted: number | undefined]> =
    {
      'lets users of sound devices stay': [[makeSlice([])], [], undefined],
      'sends users of tainted devices away at once': [[makeSlice([sick()])], [], addedMs],
      'does not mind other effects': [[makeSlice([sick({ effect: 'NoSchedule' })])], [], undefined],
      'lets those stay that tolerate it': [[makeSlice([sick()])], [noExecute], undefined],
      'wants the effect to be named': [[makeSlice([sick()])], [{ operator: 'Exists' }], addedMs],
      'lets those stay for a while that say so': [
        [makeSlice([sick()])],
        [{ ...noExecute, tolerationSeconds: 60 }],
        addedMs + 60_000,
      ],
      'takes the first of several taints': [
        [makeSlice([sick(), sick({ key: 'gone', timeAdded: '2026-01-01T00:00:09Z' })])],
        [{ key: 'sick', ...noExecute, tolerationSeconds: 60 }],
        addedMs + 9_000,
      ],
      'looks at the newest generation': [[makeSlice([sick()]), makeSlice([], 2)], [], undefined],
    };
  for (const [what, [slices, tolerations, wanted]] of Object.entries(cases))
    it(what, () => assert.equal(evictionMs(makeClaim(tolerations), slices), wanted));
});

describe('the device taint eviction controller', () => {
  it('deletes the pod of a device that turns bad, and says why', async () => {
    const pod: Pod = {
      metadata: { namespace: 'default', name: 'p', uid: 'p' },
      spec: { nodeName: 'a', containers: [], resourceClaims: [{ name: 'r', resourceClaimName: 'c' }] },
    };
    await using harness = startControllers(['device-taint-eviction-controller'], {}, (server) => {
      server.put(pods, pod);
      server.put(resourceclaims, makeClaim());
      server.put(resourceslices, makeSlice([]));
    });
    const { server, until, settle } = harness;
    await settle();
    assert.equal(server.all(pods).length, 1);
    server.put(resourceslices, makeSlice([sick()]));
    await until(() => server.all(pods).length === 0);
    await until(() => server.all(events).length === 1);
    const [{ reason, message } = {}] = server.all(events);
    assert.deepEqual([reason, message], ['DeviceTaintManagerEviction', 'Marking for deletion']);
  });
});
