import type { AnyObject } from '../machinery/object/object.ts';

type Fields = Record<string, unknown>;

interface OlderForm {
  /** The version that is read in its place: fields and their numbers are the same, but for what `convert` does. */
  readonly apiVersion: string;
  readonly convert?: (object: AnyObject) => AnyObject;
}

/**
 * Forms in which older servers have stored objects that are served in a later version only. Each is the storage version
 * of its kind in some release since v1.19.
 *
 * Source: the conversions in Kubernetes' `pkg/apis/*` and in apiextensions.
 */
const forms: Readonly<Record<string, OlderForm>> = {
  'batch/v1beta1 CronJob': { apiVersion: 'batch/v1' },
  'policy/v1beta1 PodDisruptionBudget': { apiVersion: 'policy/v1', convert: toCurrentBudget },
  'discovery.k8s.io/v1beta1 EndpointSlice': { apiVersion: 'discovery.k8s.io/v1', convert: toCurrentSlice },
  'storage.k8s.io/v1beta1 CSIStorageCapacity': { apiVersion: 'storage.k8s.io/v1' },
  'apiextensions.k8s.io/v1beta1 CustomResourceDefinition': {
    apiVersion: 'apiextensions.k8s.io/v1',
    convert: toCurrentDefinition,
  },
  ...Object.fromEntries(
    ['v1beta1', 'v1beta2', 'v1beta3'].flatMap((version) => [
      [`flowcontrol.apiserver.k8s.io/${version} FlowSchema`, { apiVersion: 'flowcontrol.apiserver.k8s.io/v1' }],
      [
        `flowcontrol.apiserver.k8s.io/${version} PriorityLevelConfiguration`,
        { apiVersion: 'flowcontrol.apiserver.k8s.io/v1', convert: toCurrentPriorityLevel },
      ],
    ]),
  ),
};

/** The version as which a stored value is to be decoded. */
export function currentVersionOf(apiVersion: string, kind: string): string {
  return forms[`${apiVersion} ${kind}`]?.apiVersion ?? apiVersion;
}

/** An object of an older version as one of the current one. @param storedVersion - The version that it was stored in. */
export function fromOlderForm(object: AnyObject, storedVersion: string): AnyObject {
  const form = forms[`${storedVersion} ${object.kind}`];
  if (form === undefined) return object;
  const current: AnyObject = { ...object, apiVersion: form.apiVersion };
  return form.convert?.(current) ?? current;
}

function part(object: Fields | AnyObject, field: string): Fields | undefined {
  const found = (object as Fields)[field];
  return typeof found === 'object' && found !== null ? (found as Fields) : undefined;
}

function withoutUndefined(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** An empty selector matched nothing then, and matches everything now. */
const BUDGET_LABEL = 'pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match';

function toCurrentBudget(object: AnyObject): AnyObject {
  const spec = part(object, 'spec');
  const selector = spec === undefined ? undefined : part(spec, 'selector');
  if (spec === undefined || selector === undefined) return object;
  const expressions = (selector['matchExpressions'] ?? []) as Fields[];
  const labels = part(selector, 'matchLabels') ?? {};
  const rest = expressions.filter(({ key }) => key !== BUDGET_LABEL);
  const isEmpty = expressions.length === 0 && Object.keys(labels).length === 0;
  const { matchExpressions: _matchExpressions, ...others } = selector;
  const next = isEmpty
    ? { matchExpressions: [{ key: BUDGET_LABEL, operator: 'Exists' }] }
    : { ...others, ...(rest.length > 0 ? { matchExpressions: rest } : {}) };
  return { ...object, spec: { ...spec, selector: next } } as AnyObject;
}

const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';

function toCurrentSlice(object: AnyObject): AnyObject {
  const endpoints = ((object as Fields)['endpoints'] ?? []) as Fields[];
  return { ...object, endpoints: endpoints.map(toCurrentEndpoint) } as AnyObject;
}

/** In protobuf the labels arrive under the name that their number has now. */
function toCurrentEndpoint(endpoint: Fields): Fields {
  const { topology, deprecatedTopology, zone: _zone, ...rest } = endpoint;
  const labels: Fields = { ...((topology ?? deprecatedTopology) as Fields | undefined) };
  const zone = labels[ZONE];
  delete labels[ZONE];
  if (labels[HOST] === rest['nodeName']) delete labels[HOST];
  return withoutUndefined({
    ...rest,
    zone,
    deprecatedTopology: Object.keys(labels).length > 0 ? labels : undefined,
  });
}

function toCurrentPriorityLevel(object: AnyObject): AnyObject {
  const spec = part(object, 'spec');
  const limited = spec === undefined ? undefined : part(spec, 'limited');
  if (spec === undefined || limited?.['assuredConcurrencyShares'] === undefined) return object;
  const { assuredConcurrencyShares, ...rest } = limited;
  return {
    ...object,
    spec: { ...spec, limited: { nominalConcurrencyShares: assuredConcurrencyShares, ...rest } },
  } as AnyObject;
}

/** What all versions shared stood once, beside them. Source: apiextensions `pkg/apis/apiextensions/v1/conversion.go`. */
function toCurrentDefinition(object: AnyObject): AnyObject {
  const spec = part(object, 'spec') ?? {};
  const { version, versions, validation, subresources, additionalPrinterColumns, conversion, ...rest } = spec;
  const named = (versions ?? []) as Fields[];
  const all = named.length > 0 ? named : [{ name: version, served: true, storage: true }];
  return {
    ...object,
    spec: withoutUndefined({
      ...rest,
      preserveUnknownFields: rest['preserveUnknownFields'] ?? true,
      conversion: toCurrentConversion(conversion as Fields | undefined),
      versions: all.map((entry) => {
        const columns = (entry['additionalPrinterColumns'] ?? additionalPrinterColumns) as Fields[] | undefined;
        return withoutUndefined({
          ...entry,
          schema: entry['schema'] ?? validation,
          subresources: entry['subresources'] ?? subresources,
          additionalPrinterColumns: columns?.map(({ JSONPath, ...column }) =>
            JSONPath === undefined ? column : { ...column, jsonPath: JSONPath },
          ),
        });
      }),
    }),
  } as AnyObject;
}

function toCurrentConversion(conversion: Fields | undefined): Fields | undefined {
  if (conversion === undefined) return undefined;
  const { strategy, webhookClientConfig, conversionReviewVersions } = conversion;
  if (strategy !== 'Webhook') return { strategy };
  return { strategy, webhook: withoutUndefined({ clientConfig: webhookClientConfig, conversionReviewVersions }) };
}
