import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, Pod } from '../../../generated/api/core/v1.ts';
import { defaultPod } from '../pod-spec/defaults.ts';
import { validatePodResize } from './resize-validation.ts';

type Amounts = Record<string, string>;

const container = (requests: Amounts, limits: Amounts = {}, name = 'a'): Container =>
  ({ name, image: 'x', resources: { requests, limits } }) as Container;

function pod(containers: Container[], rest: object = {}): Pod {
  const object = { metadata: { name: 'p' }, spec: { containers, ...rest }, status: {} } as unknown as Pod;
  defaultPod(object);
  return object;
}

const before = pod([container({ cpu: '1', 'example.com/x': '1' }, { cpu: '2', 'example.com/x': '1' })]);

const cases: Record<string, [Pod, Pod, string[]]> = {
  'lets CPU and memory change': [
    before,
    pod([container({ cpu: '2', memory: '1Gi', 'example.com/x': '1' }, { cpu: '2', 'example.com/x': '1' })]),
    [],
  ],
  'refuses a change of anything else': [
    before,
    pod([container({ cpu: '1', 'example.com/x': '2' }, { cpu: '2', 'example.com/x': '2' })]),
    ['spec: Forbidden: only cpu and memory resources are mutable'],
  ],
  'refuses that a limit goes': [
    before,
    pod([container({ cpu: '1', 'example.com/x': '1' }, { 'example.com/x': '1' })]),
    ['spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed'],
  ],
  'keeps the class of quality': [
    pod([container({ cpu: '1' })]),
    pod([container({ cpu: '1', memory: '1' }, { cpu: '1', memory: '1' })]),
    ['spec: Invalid value: "": Pod QOS Class may not change as a result of resizing'],
  ],
  'refuses other containers': [
    pod([container({ cpu: '1' })]),
    pod([container({ cpu: '1' }, {}, 'b')]),
    ['spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize'],
  ],
  'refuses more containers': [
    pod([container({ cpu: '1' })]),
    pod([container({ cpu: '1' }), container({}, {}, 'b')]),
    ['spec.containers: Forbidden: containers may not be added or removed on resize'],
  ],
  'refuses pods of Windows': [
    pod([container({ cpu: '1' })], { os: { name: 'windows' } }),
    pod([container({ cpu: '2' })], { os: { name: 'windows' } }),
    [': Forbidden: windows pods cannot be resized'],
  ],
  'keeps what the pod as a whole asks for': [
    pod([container({ cpu: '1' })], { resources: { requests: { cpu: '2', memory: '1Gi' } } }),
    pod([container({ cpu: '1' })], { resources: { requests: { cpu: '3' } } }),
    ['spec.resources.requests: Forbidden: pod-level resource requests cannot be removed'],
  ],
};

describe('validatePodResize', () => {
  for (const [name, [previous, next, expected]] of Object.entries(cases))
    it(name, () => assert.deepEqual(validatePodResize(next, previous).map(String), expected));
});
