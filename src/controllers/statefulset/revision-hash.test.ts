import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sortKeys } from '../../machinery/codecs/json/go-text.ts';
import { revisionHash } from './revision-hash.ts';

const template = {
  metadata: { labels: { a: 'c' } },
  spec: {
    containers: [
      {
        name: 'x',
        image: 'busybox',
        command: ['sh', '-c', 'a && b > c'],
        resources: { requests: { cpu: '100m' } },
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
        imagePullPolicy: 'Always',
      },
    ],
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
  },
  $patch: 'replace',
};
const data = sortKeys({ spec: { template } }) as Record<string, unknown>;

describe('the hash of a revision', () => {
  it('is that of kube-controller-manager 1.36', () => assert.equal(revisionHash(data), '6cfc665c'));

  it('is another one after a collision', () => assert.notEqual(revisionHash(data, 1), revisionHash(data)));
});
