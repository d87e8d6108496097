import type { AggregatedVersion } from './aggregated.ts';

/** One media range of an Accept header. */
interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

/** What form of discovery a client wants: one document for all, the plain lists, or something that is not there. */
export type WantedForm = AggregatedVersion | 'plain' | 'none';

/** Takes the first range that can be served. Source: apiserver `discovery/aggregated/{wrapper,negotiation}.go`. */
export function wantedForm(accept: string | undefined): WantedForm {
  if (accept === undefined || accept.trim() === '') return 'plain';
  for (const { type, parameters } of parseAccept(accept)) {
    if (parameters.get('as') === undefined) return 'plain';
    if (type !== 'application/json' && type !== 'application/*' && type !== '*/*') continue;
    if (parameters.get('as') !== 'APIGroupDiscoveryList' || parameters.get('g') !== 'apidiscovery.k8s.io') continue;
    const version = parameters.get('v');
    if (version === 'v2' || version === 'v2beta1') return version;
  }
  return 'none';
}

function parseAccept(accept: string): readonly MediaRange[] {
  return accept
    .split(',')
    .map((range) => {
      const [type = '', ...rest] = range.split(';').map((part) => part.trim());
      const parameters = new Map(rest.map((part) => part.split('=', 2) as [string, string]));
      return { type, parameters, quality: Number(parameters.get('q') ?? 1) };
    })
    .sort((a, b) => b.quality - a.quality);
}
