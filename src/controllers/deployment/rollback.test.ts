import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Deployment, ReplicaSet } from '../../generated/api/apps/v1.ts';
import { REVISION, ROLLBACK_TO } from './revisions.ts';
import { planRollback, wishesRollback } from './rollback.ts';
import { progressCheckInMs } from './status.ts';

const template = (image: string, labels: Record<string, string> = {}) => ({
  metadata: { labels: { app: 'web', ...labels } },
  spec: { containers: [{ name: 'c', image }] },
});
const deployment = (wish: string): Deployment => ({
  metadata: { name: 'web', annotations: { [ROLLBACK_TO]: wish, [REVISION]: '3', cause: 'edit' } },
  spec: { selector: { matchLabels: { app: 'web' } }, template: template('c') },
});
const set = (revision: number, image: string): ReplicaSet => ({
  metadata: { name: `web-${revision}`, annotations: { [REVISION]: String(revision), cause: `was ${image}` } },
  spec: { selector: {}, template: template(image, { 'pod-template-hash': image }) },
});
const all = [set(3, 'c'), set(1, 'a'), set(2, 'b')];

describe('planRollback', () => {
  const cases: Record<string, [wish: string, image: string, reason: string]> = {
    'goes back to the revision that is wished': ['1', 'a', 'DeploymentRollback'],
    'goes back by one where none is named': ['0', 'b', 'DeploymentRollback'],
    'leaves a template that is there already': ['3', 'c', 'DeploymentRollbackTemplateUnchanged'],
    'gives up where the revision is gone': ['9', 'c', 'DeploymentRollbackRevisionNotFound'],
  };
  for (const [name, [wish, image, reason]] of Object.entries(cases)) {
    it(name, () => {
      const plan = planRollback(deployment(wish), all);
      assert.equal(plan.event.reason, reason);
      assert.deepEqual(plan.deployment.spec.template, template(image));
      assert.equal(plan.deployment.metadata.annotations?.[ROLLBACK_TO], undefined);
    });
  }
  it('brings back the annotations that the revision had, and keeps the revision for the next round', () => {
    const { annotations } = planRollback(deployment('1'), all).deployment.metadata;
    assert.deepEqual(annotations, { [REVISION]: '3', cause: 'was a' });
  });
  it('sees only wishes that are numbers', () => {
    assert.deepEqual(
      ['0', '12', '', 'x'].map((wish) => wishesRollback(deployment(wish))),
      [true, true, false, false],
    );
  });
});

describe('progressCheckInMs', () => {
  const now = Date.UTC(2030, 0, 1);
  const rolling = (reason: string, more: Partial<Deployment['spec']> = {}): Deployment => ({
    ...deployment('x'),
    spec: { ...deployment('x').spec, progressDeadlineSeconds: 60, ...more },
    status: {
      conditions: [
        { type: 'Progressing', status: 'True', reason, lastUpdateTime: new Date(now - 90_000).toISOString() },
      ],
    },
  });
  const cases: Record<string, [Deployment, number | undefined]> = {
    'looks soon at what is overdue': [rolling('ReplicaSetUpdated'), 1000],
    'waits for nothing while it is paused': [rolling('DeploymentPaused', { paused: true }), undefined],
    'waits for nothing after a roll-out that ended well': [rolling('NewReplicaSetAvailable'), undefined],
    'waits for nothing after one that did not': [rolling('ProgressDeadlineExceeded'), undefined],
  };
  for (const [name, [each, wanted]] of Object.entries(cases)) {
    it(name, () => assert.equal(progressCheckInMs(each, now), wanted));
  }
});
