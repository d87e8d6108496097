export type MediaType = 'application/json' | 'application/yaml' | 'application/vnd.kubernetes.protobuf';

export interface Negotiated {
  readonly mediaType: MediaType;
  /** The object turned into another kind, such as `Table`. */
  readonly as?: 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList' | undefined;
  readonly group?: string | undefined;
  readonly version?: string | undefined;
  /** Bytes of a watch are framed. */
  readonly stream: boolean;
  readonly pretty: boolean;
}

const aliases: Readonly<Record<string, MediaType>> = {
  'application/json': 'application/json',
  'application/yaml': 'application/yaml',
  'application/vnd.kubernetes.protobuf': 'application/vnd.kubernetes.protobuf',
  '*/*': 'application/json',
  'application/*': 'application/json',
};

const transforms = new Set(['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList']);

/**
 * Chooses the answer's form from an Accept header: the clause with the highest quality that can be served, the first of
 * equals. Undefined where none can.
 *
 * Source: apiserver `pkg/endpoints/handlers/negotiation/negotiate.go`.
 */
export function negotiate(
  accept: string | undefined,
  offers: { readonly protobuf: boolean; readonly transforms: boolean },
): Negotiated | undefined {
  if (accept === undefined || accept.trim() === '') return plain('application/json');
  const clauses = accept.split(',').map(parseClause);
  clauses.sort((a, b) => b.quality - a.quality);
  for (const { type, parameters } of clauses) {
    const mediaType = aliases[type];
    if (mediaType === undefined) continue;
    if (mediaType === 'application/vnd.kubernetes.protobuf' && !offers.protobuf) continue;
    const as = parameters.get('as');
    if (as === undefined)
      return {
        ...plain(mediaType),
        pretty: parameters.get('pretty') === '1',
        stream: parameters.get('stream') === 'watch',
      };
    const version = parameters.get('v');
    if (
      !offers.transforms ||
      !transforms.has(as) ||
      parameters.get('g') !== 'meta.k8s.io' ||
      (version !== 'v1' && version !== 'v1beta1')
    )
      continue;
    return {
      mediaType,
      as: as as 'Table',
      group: 'meta.k8s.io',
      version,
      stream: parameters.get('stream') === 'watch',
      pretty: parameters.get('pretty') === '1',
    };
  }
  return undefined;
}

function plain(mediaType: MediaType): Negotiated {
  return { mediaType, stream: false, pretty: false };
}

function parseClause(text: string): { type: string; quality: number; parameters: Map<string, string> } {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const parameters = new Map(
    rest.map((part) => {
      const equals = part.indexOf('=');
      return equals < 0
        ? [part, '']
        : [
            part.slice(0, equals).trim(),
            part
              .slice(equals + 1)
              .trim()
              .replace(/^"|"$/g, ''),
          ];
    }),
  );
  const quality = Number(parameters.get('q') ?? 1);
  return { type: type.toLowerCase(), quality: Number.isFinite(quality) ? quality : 0, parameters };
}
