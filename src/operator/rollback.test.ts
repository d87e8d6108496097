import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Deployment } from '../generated/api/apps/v1.ts';
import { FAILED_IMAGE, failedImageOf, type GoodServer, LAST_GOOD, lastGoodOf, SERVER_VERSION } from './rollback.ts';

const good: GoodServer = { image: 'warren:1', version: 'v1.36.2', args: ['server'] };

function deployment(image: string, annotations: Record<string, string>, status: Deployment['status']): Deployment {
  return {
    metadata: { generation: 2, annotations: { [SERVER_VERSION]: 'v1.36.2', ...annotations } },
    spec: { selector: {}, template: { spec: { containers: [{ name: 'server', image, args: ['server'] }] } } },
    status,
  };
}

const whole = { observedGeneration: 2, replicas: 1, updatedReplicas: 1, readyReplicas: 1 };
const kept = { [LAST_GOOD]: JSON.stringify(good) };
const stuck = {
  conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }],
};

describe('lastGoodOf', () => {
  const rows: Record<string, [found: Deployment | undefined, result: GoodServer | undefined]> = {
    'has none before there is a server': [undefined, undefined],
    'takes the server that is ready': [deployment('warren:1', {}, whole), good],
    'takes the one before while the new one starts': [
      deployment('warren:2', kept, { ...whole, readyReplicas: 0 }),
      good,
    ],
    'does not take a state of an earlier generation': [
      deployment('warren:2', kept, { ...whole, observedGeneration: 1 }),
      good,
    ],
    'does not take what it cannot read': [deployment('warren:2', { [LAST_GOOD]: '{' }, {}), undefined],
  };
  for (const [title, [found, result]] of Object.entries(rows)) {
    it(title, () => assert.deepEqual(lastGoodOf(found), result));
  }
});

describe('failedImageOf', () => {
  const rows: Record<string, [found: Deployment, wished: string, result: string | undefined]> = {
    'names an image whose server does not turn ready': [deployment('warren:2', kept, stuck), 'warren:2', 'warren:2'],
    'remembers it after the way back': [
      deployment('warren:1', { ...kept, [FAILED_IMAGE]: 'warren:2' }, whole),
      'warren:2',
      'warren:2',
    ],
    'gives the next image a try': [
      deployment('warren:1', { ...kept, [FAILED_IMAGE]: 'warren:2' }, whole),
      'warren:3',
      undefined,
    ],
    'waits within the deadline': [deployment('warren:2', kept, {}), 'warren:2', undefined],
    'does not go back to the same image': [deployment('warren:1', kept, stuck), 'warren:1', undefined],
  };
  for (const [title, [found, wished, result]] of Object.entries(rows)) {
    it(title, () => assert.equal(failedImageOf(found, wished, good), result));
  }
});
