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

/** The forms that a path has to offer beside JSON and YAML. */
export interface Offers {
  readonly protobuf: boolean;
  /** Whether objects are turned into tables and metadata. */
  readonly transforms: boolean;
  /** Whether these include tables. Default true. */
  readonly tables?: boolean | undefined;
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
export function negotiate(accept: string | undefined, offers: Offers): Negotiated | undefined {
  if (accept === undefined || accept.trim() === '') return plain('application/json');
  for (const { type, parameters } of acceptClauses(accept)) {
    const mediaType = aliases[type];
    if (mediaType === undefined || !isAllowed(mediaType, parameters, offers)) continue;
    const form = {
      mediaType,
      stream: parameters.get('stream') === 'watch',
      pretty: parameters.get('pretty') === '1',
    };
    if (!isTransform(parameters)) return form;
    const as = parameters.get('as') as NonNullable<Negotiated['as']>;
    return { ...form, as, group: META_GROUP, version: parameters.get('v') };
  }
  return undefined;
}

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const META_GROUP = 'meta.k8s.io';

function isTransform(parameters: ReadonlyMap<string, string>): boolean {
  return parameters.has('as') || parameters.has('g') || parameters.has('v');
}

/**
 * Whether a clause can be served. Metadata comes in protobuf for custom kinds as well, and tables never do.
 * Source: apiserver `negotiation/negotiate.go` (acceptMediaTypeOptions), `handlers/rest.go` (AllowsMediaTypeTransform).
 */
function isAllowed(mediaType: MediaType, parameters: ReadonlyMap<string, string>, offers: Offers): boolean {
  const stream = parameters.get('stream');
  if (stream && (stream !== 'watch' || mediaType === 'application/yaml')) return false;
  const serverVersion = parameters.get('sv');
  if (serverVersion && !(offers.transforms && serverVersion === 'v1')) return false;
  if (!isTransform(parameters)) return offers.protobuf || mediaType !== PROTOBUF;
  const as = parameters.get('as');
  const version = parameters.get('v');
  if (!offers.transforms || as === undefined || !transforms.has(as)) return false;
  if (parameters.get('g') !== META_GROUP || (version !== 'v1' && version !== 'v1beta1')) return false;
  return as !== 'Table' || (mediaType !== PROTOBUF && offers.tables !== false);
}

/** The media ranges of an Accept header in the order in which upstream tries them. */
export function acceptClauses(accept: string): readonly Clause[] {
  return inOrder(accept.split(',').map(parseClause));
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

/** One media range of an Accept header. */
export interface Clause {
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
