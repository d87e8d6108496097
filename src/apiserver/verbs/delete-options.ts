import type { DeleteOptions as MetaDeleteOptions } from '../../generated/api/meta/v1.ts';
import { type FieldError, fieldInvalid, fieldNotSupported } from '../../machinery/errors/field-error.ts';
import { badRequest, invalid, StatusError } from '../../machinery/errors/status-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { builtinShape } from '../../machinery/schema/builtin.ts';
import { decodeObject } from '../../machinery/schema/decode.ts';
import { TypeMismatchError } from '../../machinery/schema/type-mismatch.ts';
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

/** The options as admission sees them. */
export function toDeleteOptionsObject(options: DeleteOptions): AnyObject {
  const { gracePeriodSeconds, propagationPolicy, orphanDependents, uid, resourceVersion, dryRun } = options;
  const preconditions = {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  // Options have no metadata.
  return {
    kind: 'DeleteOptions',
    apiVersion: 'meta.k8s.io/v1',
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(Object.keys(preconditions).length === 0 ? {} : { preconditions }),
    ...(orphanDependents === undefined ? {} : { orphanDependents }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    ...(dryRun ? { dryRun: ['All'] } : {}),
  } as unknown as AnyObject;
}

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
  const { gracePeriodSeconds, propagationPolicy, orphanDependents, preconditions, dryRun = [] } = decode(body);
  return check({ gracePeriodSeconds, propagationPolicy, orphanDependents, preconditions, dryRun });
}

function decode(body: unknown): MetaDeleteOptions {
  try {
    const { object } = decodeObject(body, builtinShape('meta/v1.DeleteOptions'), { unknownFields: 'drop' });
    return object as unknown as MetaDeleteOptions;
  } catch (error) {
    if (error instanceof StatusError && error.cause instanceof TypeMismatchError) throw badRequest(error.cause.message);
    throw error;
  }
}

interface Unchecked {
  readonly gracePeriodSeconds: number | undefined;
  readonly propagationPolicy: string | undefined;
  readonly orphanDependents: boolean | undefined;
  readonly preconditions:
    | { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined }
    | undefined;
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
    uid: read.preconditions?.uid,
    resourceVersion: read.preconditions?.resourceVersion,
    dryRun: read.dryRun.length > 0,
  };
}

function isPolicy(text: string): text is PropagationPolicy {
  return text === 'Foreground' || text === 'Background' || text === 'Orphan';
}

/** The kind of a JSON value, in Go's word. */
export function goKindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : value === null ? 'null' : typeof value;
}
