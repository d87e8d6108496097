import type { CustomResourceDefinition } from '../../generated/api/apiextensions/v1.ts';
import { virtualClusterBackupCrd } from './backup-schema.ts';
import { joinTokenCrd } from './join-token-schema.ts';
import { virtualClusterPolicyCrd } from './policy-schema.ts';
import { virtualClusterCrd } from './schema.ts';

/** The CRDs of all our kinds; `npm run generate` writes them to `crds/` and to the chart. */
export function allCrds(): CustomResourceDefinition[] {
  return [virtualClusterCrd(), virtualClusterBackupCrd(), joinTokenCrd(), virtualClusterPolicyCrd()];
}
