import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import type { ValidatingAdmissionPolicy } from '../../generated/api/admissionregistration/v1.ts';
import { validatingadmissionpolicies } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';

/**
 * Writes into the status of policies which of their expressions do not fit the kinds that they are for. The checker is
 * loaded with the first policy. Source: `pkg/controller/validatingadmissionpolicystatus/controller.go`.
 */
class PolicyStatus implements Reconciler {
  readonly #client: Client;
  readonly #policies: Informer<ValidatingAdmissionPolicy>;

  constructor(client: Client, policies: Informer<ValidatingAdmissionPolicy>) {
    this.#client = client;
    this.#policies = policies;
  }

  async reconcile(name: string): Promise<Result> {
    const policy = this.#policies.get(name);
    const { generation = 0 } = policy?.metadata ?? {};
    if (policy === undefined || generation <= (policy.status?.observedGeneration ?? 0)) return done;
    const { TypeChecker } = await import('./type-checker.ts');
    const expressionWarnings = await new TypeChecker(this.#client).check(policy);
    const typeChecking = expressionWarnings.length === 0 ? {} : { expressionWarnings };
    const wanted = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name },
      status: { observedGeneration: generation, typeChecking },
    };
    try {
      await this.#client.patch(validatingadmissionpolicies, { name }, wanted, {
        type: 'apply',
        subresource: 'status',
        force: true,
        fieldManager: 'validatingadmissionpolicy-status',
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return done;
  }
}

export function runPolicyStatus(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const policies = informers.for(validatingadmissionpolicies);
  const client = clientFor(controllerUser('validatingadmissionpolicy-status-controller'));
  const source = onChange(policies, ({ type, object }) => (type === 'deleted' ? [] : [object.metadata.name ?? '']));
  const reconciler = new PolicyStatus(client, policies);
  return runController(
    { name: 'validatingadmissionpolicy-status', reconciler, sources: [source], workers: 5, clock, logger, metrics },
    signal,
  );
}
