import type { ParamKind, ParamRef } from '../../generated/api/admissionregistration/v1.ts';
import { type AnyObject, type GroupVersionKind, parseApiVersion } from '../../machinery/object/object.ts';
import { matchesLabels, parseSelectorObject } from '../../machinery/values/selector-object.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { EquivalentKinds } from '../webhooks/equivalent-kinds.ts';

export interface ParamDeps {
  readonly reader: ObjectReader;
  readonly kinds: EquivalentKinds;
}

/** Why a policy cannot be used at all, if so. Source: `policy/generic/policy_source.go` (ensureParamsForPolicyLocked). */
export function paramKindFault(paramKind: ParamKind | undefined, kinds: EquivalentKinds): Error | undefined {
  if (paramKind === undefined) return undefined;
  const wanted = toKind(paramKind);
  if (kinds.definitionOf(wanted) !== undefined) return undefined;
  const { group, version, kind } = wanted;
  return new Error(`failed to find resource referenced by paramKind: '${group}/${version}, Kind=${kind}'`);
}

/**
 * What a policy is evaluated with: once for each parameter that a binding names, once without where it names none.
 * @throws Error in upstream's words where the parameters cannot be told, or must be there and are not
 * Source: apiserver `admission/plugin/policy/generic/policy_dispatcher.go` (CollectParams).
 */
export async function collectParams(
  paramKind: ParamKind | undefined,
  ref: ParamRef | undefined,
  requestNamespace: string,
  { reader, kinds }: ParamDeps,
): Promise<readonly (AnyObject | undefined)[]> {
  if (paramKind === undefined || ref === undefined) return [undefined];
  const type = kinds.definitionOf(toKind(paramKind));
  if (type === undefined) {
    const { apiVersion = '', kind = '' } = paramKind;
    throw new Error(`paramKind kind \`&ParamKind{APIVersion:${apiVersion},Kind:${kind},}\` not known`);
  }
  const { name = '', namespace: given = '', selector, parameterNotFoundAction } = ref;
  const namespace = type.namespaced ? given || requestNamespace : undefined;
  if (namespace === '') {
    throw new Error('cannot use namespaced paramRef in policy binding that matches cluster-scoped resources');
  }
  if (!type.namespaced && given !== '') {
    throw new Error('paramRef.namespace must not be provided for a cluster-scoped `paramKind`');
  }
  let params: readonly AnyObject[];
  if (name !== '') {
    if (selector !== undefined) throw new Error('paramRef.name and paramRef.selector are mutually exclusive');
    const found = await reader.get(type, { namespace, name });
    params = found === undefined ? [] : [found];
  } else if (selector !== undefined) {
    const requirements = parseSelectorObject(selector);
    const all = await reader.list(type, namespace);
    params = all.filter(({ metadata }) => matchesLabels(requirements, metadata.labels ?? {}));
  } else throw new Error('one of name or selector must be provided');
  if (params.length === 0 && parameterNotFoundAction === 'Deny') {
    throw new Error('no params found for policy binding with `Deny` parameterNotFoundAction');
  }
  return params;
}

function toKind({ apiVersion = '', kind = '' }: ParamKind): GroupVersionKind {
  return { ...parseApiVersion(apiVersion), kind };
}
