import { forbidden } from '../../machinery/errors/status-error.ts';
import type { AnyObject, GroupVersionKind } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { toWire } from '../../machinery/schema/to-wire.ts';
import type { Clock } from '../../std/clock.ts';
import type { AdmissionAttempt, AdmissionChain, Operation } from '../admission/admission.ts';
import type { AuthenticatedCall, Authorizer } from '../call.ts';
import { accessDenied } from '../filters/authorization.ts';

/** What the verbs need beside the resource itself. */
export interface VerbDeps {
  readonly admission: AdmissionChain;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
}

/** A resource, or one of its subresources, as the verbs see it. */
export interface VerbScope {
  /** The resource that the path names. */
  readonly definition: ResourceDefinition;
  readonly subresource: string;
  /** The kind of bodies and answers; that of the resource unless a subresource has its own. */
  readonly bodyDefinition: ResourceDefinition;
  /** The kind of the body in all its versions. Default: it has one. */
  readonly siblings?: readonly ResourceDefinition[] | undefined;
  /** Whether answers can be tables; upstream has none for what is not stored. Default true. */
  readonly tables?: boolean | undefined;
  readonly deps: VerbDeps;
}

export interface AttemptFacts {
  readonly operation: Operation;
  readonly name: string;
  readonly dryRun: boolean;
  readonly object: AnyObject | undefined;
  readonly previous: AnyObject | undefined;
  /** Options that came in a body. Default: those of the query. */
  readonly options?: AnyObject | undefined;
}

/** What admission is asked about. */
export function toAttempt(call: AuthenticatedCall, scope: VerbScope, facts: AttemptFacts): AdmissionAttempt {
  const { definition, bodyDefinition } = scope;
  const { options, ...known } = facts;
  // Upstream counts a namespace as being in itself.
  const isNamespace = definition.group === '' && definition.plural === 'namespaces';
  return {
    ...known,
    definition: bodyDefinition,
    options: () => options ?? toOptions(call, facts.operation),
    verb: call.info.verb,
    group: definition.group,
    version: definition.version,
    resource: definition.plural,
    subresource: scope.subresource,
    kind: kindOf(bodyDefinition),
    namespace: isNamespace ? facts.name : call.info.namespace,
    user: call.user,
    signal: call.signal,
    warn: (text) => addWarning(call, text),
    annotate: (key, value) => void call.annotations.set(key, value),
    waited: (ms) => {
      if (call.trace !== undefined) call.trace.waitedMs += ms;
    },
  };
}

/** What the query asks for, as plugins see it: a patch is an update or a creation. Source: `handlers/patch.go`. */
function toOptions({ query }: AuthenticatedCall, operation: Operation): AnyObject | undefined {
  if (operation !== 'CREATE' && operation !== 'UPDATE') return undefined;
  const options: Record<string, unknown> = {
    kind: operation === 'CREATE' ? 'CreateOptions' : 'UpdateOptions',
    apiVersion: 'meta.k8s.io/v1',
  };
  const dryRun = query.getAll('dryRun');
  if (dryRun.length > 0) options['dryRun'] = dryRun;
  for (const name of ['fieldManager', 'fieldValidation']) {
    const value = query.get(name);
    if (value) options[name] = value;
  }
  // Options have no metadata.
  return options as unknown as AnyObject;
}

export function kindOf({ group, version, kind }: GroupVersionKind): GroupVersionKind {
  return { group, version, kind };
}

/** Tells of the body of a request where somebody wants to know, in upstream's order. */
export function tellBody({ trace }: AuthenticatedCall, object: AnyObject, { bodyDefinition }: VerbScope): void {
  trace?.audit?.requestObject(toWire(object, bodyDefinition.schema));
}

/** Adds a sentence once, however often a retry says it. */
export function addWarning(call: AuthenticatedCall, text: string): void {
  if (!call.warnings.includes(text)) call.warnings.push(text);
}

/** A PUT or PATCH that creates needs the right to create. Source: apiserver `endpoints/handlers/create.go` (withAuthorization). */
export async function requireCreate(call: AuthenticatedCall, scope: VerbScope): Promise<void> {
  const attributes = { ...call.info, verb: 'create' };
  const { verdict, reason } = await scope.deps.authorizer.authorize(call.user, attributes, call.signal);
  if (verdict === 'allow') return;
  const { definition } = scope;
  const denial = accessDenied(call.user, attributes, reason);
  throw forbidden({ group: definition.group, resource: definition.plural }, call.info.name, denial.message);
}
