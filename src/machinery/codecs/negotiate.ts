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
  const clauses = inOrder(accept.split(',').map(parseClause));
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

/**
 * By quality, and what is named before what is left open, whatever its quality: upstream's comparison is no order, so
 * that the way of sorting counts too. Source: munnerz/goautoneg, Go's insertion sort.
 */
function inOrder(clauses: Clause[]): readonly Clause[] {
  for (let index = 1; index < clauses.length; index++) {
    for (let at = index; at > 0; at--) {
      const [before, clause] = [clauses[at - 1] as Clause, clauses[at] as Clause];
      if (!comesFirst(clause, before)) break;
      clauses[at - 1] = clause;
      clauses[at] = before;
    }
  }
  return clauses;
}

function comesFirst(a: Clause, b: Clause): boolean {
  if (a.quality > b.quality) return true;
  if (!a.type.startsWith('*/') && b.type.startsWith('*/')) return true;
  return !a.type.endsWith('/*') && b.type.endsWith('/*');
}

function plain(mediaType: MediaType): Negotiated {
  return { mediaType, stream: false, pretty: false };
}

interface Clause {
  readonly type: string;
  readonly quality: number;
  readonly parameters: ReadonlyMap<string, string>;
}

function parseClause(text: string): Clause {
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
