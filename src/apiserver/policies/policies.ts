import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../../generated/api/admissionregistration/v1.ts';
import {
  mutatingadmissionpolicies,
  mutatingadmissionpolicybindings,
  validatingadmissionpolicies,
  validatingadmissionpolicybindings,
} from '../../generated/resource-types.ts';
import type { AdmissionAttempt, AdmissionPlugin, MutationRound } from '../admission/admission.ts';
import type { ObjectFeed } from '../authz/object-feed.ts';
import type { Authorizer } from '../call.ts';
import type { AdmissionMetrics } from '../metrics/admission-metrics.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { ResourceCatalog } from '../served-resources.ts';
import type { MutatingDispatcher } from './mutating-dispatcher.ts';
import { PolicySource } from './policy-source.ts';
import type { ValidatingDispatcher } from './validating-dispatcher.ts';

export interface PolicyOptions {
  readonly reader: ObjectReader;
  readonly feed: ObjectFeed;
  readonly catalog: ResourceCatalog;
  /** Asked by expressions. */
  readonly authorizer: Pick<Authorizer, 'authorize'>;
  /** Default: nobody counts. */
  readonly metrics?: AdmissionMetrics | undefined;
}

/**
 * The plugins that evaluate admission policies. What evaluates them is loaded when there is a binding: until then they
 * cost a look at a counter.
 */
export function createPolicies(options: PolicyOptions): {
  readonly mutating: AdmissionPlugin;
  readonly validating: AdmissionPlugin;
} {
  return { mutating: new MutatingPolicies(options), validating: new ValidatingPolicies(options) };
}

class ValidatingPolicies implements AdmissionPlugin {
  readonly name = 'ValidatingAdmissionPolicy';
  readonly operations = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'] as const;
  readonly #options: PolicyOptions;
  readonly #source: PolicySource<ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding>;
  #dispatcher: Promise<ValidatingDispatcher> | undefined;

  constructor(options: PolicyOptions) {
    this.#options = options;
    this.#source = new PolicySource(options.feed, validatingadmissionpolicies, validatingadmissionpolicybindings);
  }

  validate(attempt: AdmissionAttempt): void | Promise<void> {
    if (isExempt(attempt)) return;
    const syncing = this.#source.whenSynced();
    if (syncing !== undefined) return syncing.then(() => this.validate(attempt));
    const { hooks } = this.#source;
    if (hooks.length === 0) return;
    this.#dispatcher ??= import('./validating-dispatcher.ts').then(
      ({ ValidatingDispatcher }) => new ValidatingDispatcher(this.#options),
    );
    return this.#dispatcher.then((dispatcher) => dispatcher.validate(attempt, hooks));
  }
}

class MutatingPolicies implements AdmissionPlugin {
  readonly name = 'MutatingAdmissionPolicy';
  /** Deletions have no object that could be changed. */
  readonly operations = ['CREATE', 'UPDATE', 'CONNECT'] as const;
  readonly #options: PolicyOptions;
  readonly #source: PolicySource<MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding>;
  #dispatcher: Promise<MutatingDispatcher> | undefined;

  constructor(options: PolicyOptions) {
    this.#options = options;
    this.#source = new PolicySource(options.feed, mutatingadmissionpolicies, mutatingadmissionpolicybindings);
  }

  mutate(attempt: AdmissionAttempt, round: MutationRound): void | Promise<void> {
    if (isExempt(attempt)) return;
    const syncing = this.#source.whenSynced();
    if (syncing !== undefined) return syncing.then(() => this.mutate(attempt, round));
    const { hooks } = this.#source;
    if (hooks.length === 0) return;
    this.#dispatcher ??= import('./mutating-dispatcher.ts').then(
      ({ MutatingDispatcher }) => new MutatingDispatcher(this.#options),
    );
    return this.#dispatcher.then((dispatcher) => dispatcher.mutate(attempt, round, hooks));
  }
}

/** Policies neither judge themselves nor questions about rights. Source: `pkg/kubeapiserver/admission/exclusion`. */
const exempt: Readonly<Record<string, readonly string[]>> = {
  'admissionregistration.k8s.io': [
    'validatingadmissionpolicies',
    'validatingadmissionpolicybindings',
    'mutatingadmissionpolicies',
    'mutatingadmissionpolicybindings',
  ],
  'authentication.k8s.io': ['selfsubjectreviews', 'tokenreviews'],
  'authorization.k8s.io': [
    'localsubjectaccessreviews',
    'selfsubjectaccessreviews',
    'selfsubjectrulesreviews',
    'subjectaccessreviews',
  ],
};

function isExempt({ group, resource }: AdmissionAttempt): boolean {
  return exempt[group]?.includes(resource) === true;
}
