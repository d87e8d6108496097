import type { ResourceDefinition } from '../machinery/object/resource-definition.ts';
import { appsKinds } from './apps/workloads.ts';
import { batchKinds } from './batch/kinds.ts';
import { podsResource } from './core/pods.ts';
import { servicesResource } from './core/services.ts';
import { smallKinds } from './core/small-kinds.ts';
import { networkingKinds } from './networking/kinds.ts';
import { otherKinds } from './other-kinds.ts';

/** Every built-in kind in every version that is served. */
export function builtinResources(): readonly ResourceDefinition[] {
  return [
    podsResource,
    servicesResource,
    ...smallKinds,
    ...appsKinds,
    ...batchKinds,
    ...networkingKinds,
    ...otherKinds,
  ];
}
