import type { ResourceDefinition } from '../machinery/object/resource-definition.ts';
import { appsKinds } from './apps/kinds.ts';
import { autoscalingKinds } from './autoscaling/kinds.ts';
import { batchKinds } from './batch/kinds.ts';
import { coreKinds } from './core/kinds.ts';
import { discoveryKinds } from './discovery/kinds.ts';
import { regardingEventResource } from './events/event/definition.ts';
import { networkingKinds } from './networking/kinds.ts';
import { otherKinds } from './other-kinds.ts';
import { rbacKinds } from './rbac/kinds.ts';

/** Every built-in kind in every version that is served. */
export function builtinResources(): readonly ResourceDefinition[] {
  return [
    ...coreKinds,
    ...appsKinds,
    ...batchKinds,
    ...autoscalingKinds,
    regardingEventResource,
    ...networkingKinds,
    ...discoveryKinds,
    ...rbacKinds,
    ...otherKinds,
  ];
}
