import type { CelValue } from '../../machinery/cel/values.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { toWire } from '../../machinery/schema/to-wire.ts';
import type { AdmissionAttempt } from '../admission/admission.ts';
import { toRequestFields } from '../webhooks/admission-review.ts';
import type { AccessChecks } from '../webhooks/expression-access.ts';
import { toDynamicValue } from '../webhooks/expression-values.ts';
import type { VersionedPair } from '../webhooks/versioned-object.ts';
import type { Matched } from './policy-matching.ts';

/** Everything that expressions of a policy can be asked about a request. */
export interface PolicyInput {
  readonly attempt: AdmissionAttempt;
  readonly matched: Matched;
  readonly pair: VersionedPair;
  /** Of the kind that the objects are in. */
  readonly definition: ResourceDefinition | undefined;
  readonly params: AnyObject | undefined;
  readonly namespace: AnyObject | undefined;
  readonly checks: AccessChecks;
}

export type Values = (name: string) => CelValue | undefined;

/**
 * The variables of expressions, made when they are first read. Not all expressions have an authorizer.
 * Source: apiserver `pkg/admission/plugin/cel/activation.go`.
 */
export function toValues(input: PolicyInput, { authorizer }: { readonly authorizer: boolean }): Values {
  const { attempt, matched, pair, definition, params, namespace, checks } = input;
  const known = new Map<string, CelValue>();
  if (authorizer) {
    known.set('authorizer', checks.own);
    known.set('authorizer.requestResource', checks.requestResource);
  }
  const sources: Readonly<Record<string, () => unknown>> = {
    object: () => shown(pair.object, definition),
    oldObject: () => shown(pair.previous, definition),
    request: () => toRequestFields('', matched, attempt),
    params: () => params,
    namespaceObject: () => namespace,
  };
  return (name) => {
    const value = known.get(name);
    if (value !== undefined) return value;
    const source = Object.hasOwn(sources, name) ? sources[name] : undefined;
    if (source === undefined) return undefined;
    const made = toDynamicValue(source());
    known.set(name, made);
    return made;
  };
}

/** Built-in kinds have the fields that Go always writes. */
function shown(object: AnyObject | undefined, definition: ResourceDefinition | undefined): AnyObject | undefined {
  if (object === undefined || definition?.origin !== 'builtin') return object;
  return toWire(object, definition.schema);
}
