import { acceptClauses, type MediaType } from '../../machinery/codecs/negotiate.ts';

export type AggregatedVersion = 'v2' | 'v2beta1';

/** Everything in one document, in this version and encoding. */
export interface AggregatedForm {
  readonly version: AggregatedVersion;
  readonly mediaType: MediaType;
  readonly pretty: boolean;
}

const served: Readonly<Record<string, MediaType>> = {
  'application/json': 'application/json',
  'application/yaml': 'application/yaml',
  'application/vnd.kubernetes.protobuf': 'application/vnd.kubernetes.protobuf',
  'application/*': 'application/json',
  '*/*': 'application/json',
};

/**
 * Whether a client asks for one document about all groups: then the first of its media ranges that can be served says so.
 * Undefined for the plain lists, which then negotiate by themselves.
 *
 * Source: apiserver `discovery/aggregated/{wrapper,negotiation}.go`, `handlers/negotiation/negotiate.go`.
 */
export function aggregatedForm(accept: string | undefined): AggregatedForm | undefined {
  for (const { type, parameters } of acceptClauses(accept ?? '')) {
    const mediaType = served[type];
    if (mediaType === undefined) continue;
    const kind = parameters.get('as');
    if (kind === undefined) return undefined;
    const version = parameters.get('v');
    if (kind !== 'APIGroupDiscoveryList' || parameters.get('g') !== 'apidiscovery.k8s.io') continue;
    if (version === 'v2' || version === 'v2beta1') {
      return { version, mediaType, pretty: parameters.get('pretty') === '1' };
    }
  }
  return undefined;
}
