import type { ResourceDefinition } from '../machinery/object/resource-definition.ts';
import { admissionRegistrationKinds } from './admissionregistration/kinds.ts';
import { apiExtensionsKinds } from './apiextensions/kinds.ts';
import { apiRegistrationKinds } from './apiregistration/kinds.ts';
import { appsKinds } from './apps/kinds.ts';
import { authenticationKinds } from './authentication/kinds.ts';
import { authorizationKinds } from './authorization/kinds.ts';
import { autoscalingKinds } from './autoscaling/kinds.ts';
import { batchKinds } from './batch/kinds.ts';
import { certificatesKinds } from './certificates/kinds.ts';
import { leaseResource } from './coordination/lease/definition.ts';
import { coreKinds } from './core/kinds.ts';
import { discoveryKinds } from './discovery/kinds.ts';
import { dynamicResourceKinds } from './dynamic-resources/kinds.ts';
import { regardingEventResource } from './events/event/definition.ts';
import { flowControlKinds } from './flowcontrol/kinds.ts';
import { networkingKinds } from './networking/kinds.ts';
import { runtimeClassResource } from './node/runtime-class/definition.ts';
import { podDisruptionBudgetResource } from './policy/pod-disruption-budget/definition.ts';
import { rbacKinds } from './rbac/kinds.ts';
import { priorityClassResource } from './scheduling/priority-class/definition.ts';
import { storageKinds } from './storage/kinds.ts';

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
    ...storageKinds,
    leaseResource,
    podDisruptionBudgetResource,
    priorityClassResource,
    runtimeClassResource,
    ...certificatesKinds,
    ...dynamicResourceKinds,
    ...flowControlKinds,
    ...admissionRegistrationKinds,
    ...apiExtensionsKinds,
    ...apiRegistrationKinds,
    ...authenticationKinds,
    ...authorizationKinds,
  ];
}
