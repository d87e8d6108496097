import { type FieldError, fieldInvalid, fieldNotSupported } from '../../machinery/errors/field-error.ts';
import { badRequest, invalid } from '../../machinery/errors/status-error.ts';
import { readBoolean, readInteger } from './query-values.ts';
import { validateDryRun } from './write-options.ts';

export type PropagationPolicy = 'Background' | 'Foreground' | 'Orphan';

export interface DeleteOptions {
  readonly gracePeriodSeconds: number | undefined;
  readonly propagationPolicy: PropagationPolicy | undefined;
  /** The older form of `propagationPolicy`. */
  readonly orphanDependents: boolean | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly dryRun: boolean;
}

/** The options of a deletion nobody asked anything for. */
export const plainDeletion: DeleteOptions = {
  gracePeriodSeconds: undefined,
  propagationPolicy: undefined,
  orphanDependents: undefined,
  uid: undefined,
  resourceVersion: undefined,
  dryRun: false,
};

/** Reads the options from the query; used when the request has no body. */
export function readDeleteQuery(query: URLSearchParams): DeleteOptions {
  return check({
    gracePeriodSeconds: readInteger(query, 'gracePeriodSeconds'),
    propagationPolicy: query.get('propagationPolicy') ?? undefined,
    orphanDependents: readBoolean(query, 'orphanDependents'),
    preconditions: undefined,
    dryRun: query.getAll('dryRun'),
  });
}

/** Reads a `DeleteOptions` object. @throws StatusError 400 for values of the wrong type, 422 for wrong ones. */
export function readDeleteBody(body: unknown): DeleteOptions {
  const fields = asRecord(body, 'DeleteOptions');
  const preconditions = fields['preconditions'];
  return check({
    gracePeriodSeconds: optional(fields['gracePeriodSeconds'], 'number', 'gracePeriodSeconds', 'int64'),
    propagationPolicy: optional(fields['propagationPolicy'], 'string', 'propagationPolicy', 'v1.DeletionPropagation'),
    orphanDependents: optional(fields['orphanDependents'], 'boolean', 'orphanDependents', 'bool'),
    preconditions:
      preconditions === undefined || preconditions === null ? undefined : asRecord(preconditions, 'Preconditions'),
    dryRun: Array.isArray(fields['dryRun']) ? fields['dryRun'].map(String) : [],
  });
}

interface Unchecked {
  readonly gracePeriodSeconds: number | undefined;
  readonly propagationPolicy: string | undefined;
  readonly orphanDependents: boolean | undefined;
  readonly preconditions: Record<string, unknown> | undefined;
  readonly dryRun: readonly string[];
}

function check(read: Unchecked): DeleteOptions {
  const faults: FieldError[] = [];
  const path = 'propagationPolicy';
  if (read.orphanDependents !== undefined && read.propagationPolicy !== undefined) {
    const text = 'orphanDependents and deletionPropagation cannot be both set';
    faults.push(fieldInvalid(path, read.propagationPolicy, text));
  }
  if (read.propagationPolicy !== undefined && !isPolicy(read.propagationPolicy)) {
    faults.push(fieldNotSupported(path, read.propagationPolicy, ['Foreground', 'Background', 'Orphan', 'nil']));
  }
  faults.push(...validateDryRun(read.dryRun));
  if (faults.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', faults);
  return {
    // Negative periods count as one second.
    gracePeriodSeconds: (read.gracePeriodSeconds ?? 0) < 0 ? 1 : read.gracePeriodSeconds,
    propagationPolicy: read.propagationPolicy as PropagationPolicy | undefined,
    orphanDependents: read.orphanDependents,
    uid: optional(read.preconditions?.['uid'], 'string', 'preconditions.uid', 'types.UID'),
    resourceVersion: optional(
      read.preconditions?.['resourceVersion'],
      'string',
      'preconditions.resourceVersion',
      'string',
    ),
    dryRun: read.dryRun.length > 0,
  };
}

function isPolicy(text: string): text is PropagationPolicy {
  return text === 'Foreground' || text === 'Background' || text === 'Orphan';
}

function asRecord(value: unknown, type: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw badRequest(`json: cannot unmarshal ${goKindOf(value)} into Go value of type v1.${type}`);
}

interface JsonTypes {
  number: number;
  string: string;
  boolean: boolean;
}

function optional<K extends keyof JsonTypes>(
  value: unknown,
  type: K,
  field: string,
  goType: string,
): JsonTypes[K] | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === type) return value as JsonTypes[K];
  throw badRequest(
    `json: cannot unmarshal ${goKindOf(value)} into Go struct field DeleteOptions.${field} of type ${goType}`,
  );
}

/** The kind of a JSON value, in Go's word. */
export function goKindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : value === null ? 'null' : typeof value;
}
