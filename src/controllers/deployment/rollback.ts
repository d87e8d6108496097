import type { Deployment, ReplicaSet } from '../../generated/api/apps/v1.ts';
import { byRevision, HASH_LABEL, isCopied, ROLLBACK_TO, revisionOf, templateText, toRevision } from './revisions.ts';

export interface RollbackPlan {
  /** The deployment to write: with the wish taken off in any case. */
  readonly deployment: Deployment;
  readonly event: { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string };
}

/** Whether an old client wishes to go back to a revision; an unreadable wish is none. */
export function wishesRollback(deployment: Deployment): boolean {
  return /^-?\d+$/.test(deployment.metadata.annotations?.[ROLLBACK_TO] ?? '');
}

/**
 * Puts the pod template of an earlier revision back, with the annotations that its replica set kept; revision 0 is the
 * one before the newest.
 *
 * Source: `pkg/controller/deployment/rollback.go`.
 */
export function planRollback(deployment: Deployment, all: readonly ReplicaSet[]): RollbackPlan {
  const { [ROLLBACK_TO]: wish, ...annotations } = deployment.metadata.annotations ?? {};
  const cleared: Deployment = { ...deployment, metadata: { ...deployment.metadata, annotations } };
  const warn = (reason: string, message: string): RollbackPlan => ({
    deployment: cleared,
    event: { type: 'Warning', reason, message },
  });
  const revision = toRevision(wish) || beforeNewest(all);
  if (revision === 0n) return warn('DeploymentRollbackRevisionNotFound', 'Unable to find last revision.');
  const target = all.find((each) => revisionOf(each) === revision);
  if (target === undefined)
    return warn('DeploymentRollbackRevisionNotFound', 'Unable to find the revision to rollback to.');
  const { name } = deployment.metadata;
  const { template = {} } = target.spec;
  if (templateText(template) === templateText(deployment.spec.template)) {
    const message = `The rollback revision contains the same template as current deployment "${name}"`;
    return warn('DeploymentRollbackTemplateUnchanged', message);
  }
  const { [HASH_LABEL]: _, ...labels } = template.metadata?.labels ?? {};
  const own = Object.entries(annotations).filter(([key]) => !isCopied(key));
  const kept = Object.entries(target.metadata.annotations ?? {}).filter(([key]) => isCopied(key));
  return {
    deployment: {
      ...deployment,
      metadata: { ...deployment.metadata, annotations: Object.fromEntries([...own, ...kept]) },
      spec: { ...deployment.spec, template: { ...template, metadata: { ...template.metadata, labels } } },
    },
    event: {
      type: 'Normal',
      reason: 'DeploymentRollback',
      message: `Rolled back deployment "${name}" to revision ${revision}`,
    },
  };
}

function beforeNewest(all: readonly ReplicaSet[]): bigint {
  const [, second = 0n] = all.map(revisionOf).sort(byRevision);
  return second;
}
