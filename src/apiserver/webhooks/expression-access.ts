import type { FunctionDecl } from '../../machinery/cel/functions/function.ts';
import type { CelValue, OpaqueValue } from '../../machinery/cel/values.ts';
import {
  AUTHORIZER,
  authorizerFunctions,
  RESOURCE_CHECK,
} from '../../resources/admissionregistration/request-types.ts';
import type { AdmissionAttempt } from '../admission/admission.ts';
import type { AuthorizationAttributes, Authorizer, User, Verdict } from '../call.ts';

type Decision = Verdict | { readonly verdict: 'no-opinion'; readonly reason: ''; readonly failure: string };

/** Something that an expression asks, and that nobody knows yet. */
class PendingCheck extends Error {
  readonly user: User;
  readonly attributes: AuthorizationAttributes;
  readonly key: string;

  constructor(user: User, attributes: AuthorizationAttributes, key: string) {
    super('the answer is not there yet');
    this.user = user;
    this.attributes = attributes;
    this.key = key;
  }
}

/** A value of the authorizer's library. */
class AccessValue<T> implements OpaqueValue {
  readonly opaqueType: string;
  readonly value: T;

  constructor(opaqueType: string, value: T) {
    this.opaqueType = opaqueType;
    this.value = value;
  }

  equals(other: OpaqueValue): boolean {
    return this === other;
  }
}

interface Asker {
  readonly user: User;
  decide(user: User, attributes: AuthorizationAttributes): Decision;
}

interface Check {
  readonly asker: Asker;
  readonly attributes: Omit<AuthorizationAttributes, 'verb'>;
}

const PREFIX = 'kubernetes.authorization.';
const nothing = {
  path: '',
  group: '',
  version: '',
  namespace: '',
  resource: '',
  subresource: '',
  name: '',
};

type Calls = Readonly<Record<string, (self: never, ...args: never[]) => CelValue>>;

const refine =
  (field: string) =>
  (check: AccessValue<Check>, value: string): CelValue =>
    toCheck(check.value.asker, { ...check.value.attributes, [field]: value });
const decide = (check: AccessValue<Check>, verb: string): CelValue => {
  const { asker, attributes } = check.value;
  const decision = asker.decide(asker.user, { ...attributes, verb } as AuthorizationAttributes);
  return new AccessValue(`${PREFIX}Decision`, decision);
};

const calls: Calls = {
  authorizer_path: (self: AccessValue<Asker>, path: string) =>
    new AccessValue<Check>(`${PREFIX}PathCheck`, {
      asker: self.value,
      attributes: { ...nothing, isResourceRequest: false, path },
    }),
  authorizer_group: (self: AccessValue<Asker>, group: string) =>
    new AccessValue(`${PREFIX}GroupCheck`, { asker: self.value, group }),
  authorizer_serviceaccount: (self: AccessValue<Asker>, namespace: string, name: string) =>
    new AccessValue<Asker>(AUTHORIZER.name, {
      ...self.value,
      user: {
        name: `system:serviceaccount:${namespace}:${name}`,
        groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
      },
    }),
  groupcheck_resource: (self: AccessValue<{ asker: Asker; group: string }>, resource: string) =>
    toCheck(self.value.asker, {
      ...nothing,
      isResourceRequest: true,
      version: '*',
      group: self.value.group,
      resource,
    }),
  resourcecheck_subresource: refine('subresource'),
  resourcecheck_namespace: refine('namespace'),
  resourcecheck_name: refine('name'),
  authorizer_fieldselector: refine('fieldSelector'),
  authorizer_labelselector: refine('labelSelector'),
  pathcheck_check: decide,
  resourcecheck_check: decide,
  decision_errored: (self: AccessValue<Decision>) => failureOf(self.value) !== '',
  decision_error: (self: AccessValue<Decision>) => failureOf(self.value),
  decision_allowed: (self: AccessValue<Decision>) => self.value.verdict === 'allow',
  decision_reason: (self: AccessValue<Decision>) => self.value.reason,
};

function toCheck(asker: Asker, attributes: Check['attributes']): CelValue {
  return new AccessValue<Check>(RESOURCE_CHECK.name, { asker, attributes });
}

function failureOf(decision: Decision): string {
  return 'failure' in decision ? decision.failure : (decision.error ?? '');
}

/** The authorizer's functions, as they run. Source: apiserver `pkg/cel/library/authz.go`. */
export const accessFunctions: readonly FunctionDecl[] = authorizerFunctions.map(({ name, overloads }) => ({
  name,
  overloads: overloads.map((overload) => ({
    ...overload,
    call: calls[overload.id] as unknown as (...args: CelValue[]) => CelValue,
  })),
}));

/**
 * Lets expressions, which cannot wait, ask an authorizer that takes time: a run that asks for something new is broken
 * off, and taken up from its beginning once the answer is there. Expressions come to the same each time.
 */
export class AccessChecks {
  readonly own: CelValue;
  readonly requestResource: CelValue;
  readonly #authorizer: Pick<Authorizer, 'authorize'>;
  readonly #signal: AbortSignal;
  readonly #decisions = new Map<string, Decision>();

  constructor(attempt: AdmissionAttempt, authorizer: Pick<Authorizer, 'authorize'>) {
    this.#authorizer = authorizer;
    this.#signal = attempt.signal;
    const asker: Asker = { user: attempt.user, decide: (user, attributes) => this.#decide(user, attributes) };
    this.own = new AccessValue<Asker>(AUTHORIZER.name, asker);
    const { group, version, resource, subresource, namespace, name } = attempt;
    this.requestResource = toCheck(asker, {
      ...nothing,
      isResourceRequest: true,
      group,
      version,
      resource,
      subresource,
      namespace,
      name,
    });
  }

  /** Runs until everything that is asked has been answered. */
  async settle<T>(run: () => T): Promise<T> {
    for (;;) {
      try {
        return run();
      } catch (error) {
        if (!(error instanceof PendingCheck)) throw error;
        this.#decisions.set(error.key, await this.#ask(error));
      }
    }
  }

  #decide(user: User, attributes: AuthorizationAttributes): Decision {
    const key = JSON.stringify([user.name, attributes]);
    const known = this.#decisions.get(key);
    if (known === undefined) throw new PendingCheck(user, attributes, key);
    return known;
  }

  async #ask({ user, attributes }: PendingCheck): Promise<Decision> {
    try {
      return await this.#authorizer.authorize(user, attributes, this.#signal);
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error);
      return { verdict: 'no-opinion', reason: '', failure };
    }
  }
}
