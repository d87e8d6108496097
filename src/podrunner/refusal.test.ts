import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../generated/api/core/v1.ts';
import { refusalOf } from './refusal.ts';

const IMAGE = 'warren';
const pod = (container: object, spec: object = {}): Pod =>
  ({ metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: IMAGE, ...container }], ...spec } }) as Pod;

const rows: Record<string, [pod: Pod, refusal: RegExp | undefined]> = {
  'runs its own image': [pod({ args: ['server'] }), undefined],
  'refuses another image and says which one it runs': [pod({ image: 'nginx' }), /image "nginx".*only run "warren"/],
  'refuses a command': [pod({ command: ['sh'] }), /command of its own/],
  'refuses privileges': [pod({ securityContext: { privileged: true } }), /privileged/],
  'refuses exec probes': [pod({ livenessProbe: { exec: { command: ['x'] } } }), /exec or gRPC probe/],
  'refuses init containers': [pod({}, { initContainers: [{ name: 'i', image: IMAGE }] }), /init containers/],
  'refuses host paths': [pod({}, { volumes: [{ name: 'v', hostPath: { path: '/' } }] }), /hostPath/],
  'refuses volumes that need a driver': [pod({}, { volumes: [{ name: 'v', csi: { driver: 'd' } }] }), /type csi/],
  'takes secrets, claims and empty folders': [
    pod(
      {},
      {
        volumes: [
          { name: 'a', secret: {} },
          { name: 'b', persistentVolumeClaim: { claimName: 'x' } },
          { name: 'c', emptyDir: {} },
        ],
      },
    ),
    undefined,
  ],
};

describe('refusalOf', () => {
  for (const [title, [subject, refusal]] of Object.entries(rows)) {
    it(title, () => {
      const actual = refusalOf(subject, IMAGE);
      if (refusal === undefined) assert.equal(actual, undefined);
      else assert.match(actual ?? '', refusal);
    });
  }
});
