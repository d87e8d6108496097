import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { byRevision, planAnnotations, REVISION, toRevision } from './revisions.ts';

const deployment = { metadata: { name: 'web' }, spec: { selector: {}, template: {} } };
const withRevision = (revision: string) => ({
  metadata: { name: 'web-1', annotations: { [REVISION]: revision } },
  spec: { selector: {} },
});

describe('revisions of deployments', () => {
  const readings: Record<string, [text: string | undefined, revision: bigint]> = {
    'are numbers': ['7', 7n],
    'may be beyond what floating point holds': ['3546343826724305833', 3546343826724305833n],
    'may have a sign': ['+7', 7n],
    'are nothing where they are no number': ['seven', 0n],
    'are nothing where there is none': [undefined, 0n],
  };
  for (const [title, [text, revision]] of Object.entries(readings)) {
    it(title, () => assert.equal(toRevision(text), revision));
  }

  it('stand with the newest first', () => {
    assert.deepEqual([1n, 3546343826724305833n, 2n, 2n].sort(byRevision), [3546343826724305833n, 2n, 2n, 1n]);
  });

  it('are raised to the next one, and the one before is remembered', () => {
    const next = planAnnotations(deployment, withRevision('3546343826724305832'), 3546343826724305833n);
    assert.equal(next?.[REVISION], '3546343826724305833');
    assert.equal(next?.['deployment.kubernetes.io/revision-history'], '3546343826724305832');
  });

  it('are never lowered', () => {
    assert.equal(planAnnotations(deployment, withRevision('3546343826724305833'), 3n), undefined);
  });
});
