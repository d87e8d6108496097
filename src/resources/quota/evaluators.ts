import { claimEvaluator } from './claim-evaluator.ts';
import { deviceClaimEvaluator } from './device-claim-evaluator.ts';
import type { Evaluator } from './evaluator.ts';
import { podEvaluator } from './pod-evaluator.ts';
import { serviceEvaluator } from './service-evaluator.ts';

/** Kinds of which quotas count more than the objects, by group and plural. Source: `pkg/quota/v1/evaluator/core/registry.go`. */
export const specialEvaluators: Readonly<Record<string, Evaluator | undefined>> = {
  '/pods': podEvaluator,
  '/services': serviceEvaluator,
  '/persistentvolumeclaims': claimEvaluator,
  'resource.k8s.io/resourceclaims': deviceClaimEvaluator,
};

/** Kinds that no quota counts: they are not stored, or were never counted. Source: `pkg/quota/v1/install/registry.go`. */
export const uncountedKinds: ReadonlySet<string> = new Set([
  '/bindings',
  '/componentstatuses',
  'authentication.k8s.io/tokenreviews',
  'authentication.k8s.io/selfsubjectreviews',
  'authorization.k8s.io/subjectaccessreviews',
  'authorization.k8s.io/selfsubjectaccessreviews',
  'authorization.k8s.io/localsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectrulesreviews',
  '/events',
  'events.k8s.io/events',
]);
