import type { Status, StatusCause, StatusDetails } from '../../generated/api/meta/v1.ts';
import type { GroupResource } from '../object/object.ts';
import { type FieldError, quoteGo, toAggregateText } from './field-error.ts';

/** Reasons as upstream spells them. Source: apimachinery `pkg/apis/meta/v1/types.go` (StatusReason). */
export type StatusReason =
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Invalid'
  | 'ServerTimeout'
  | 'StoreReadError'
  | 'Timeout'
  | 'TooManyRequests'
  | 'BadRequest'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'InternalError'
  | 'Expired'
  | 'ServiceUnavailable'
  | '';

export interface StatusFault {
  readonly code: number;
  readonly reason: StatusReason;
  readonly message: string;
  readonly details?: StatusDetails | undefined;
}

/** An error that is an API answer: it carries the `Status` object that the client gets. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly code: number;
  readonly reason: StatusReason;
  readonly details: StatusDetails | undefined;

  constructor(fault: StatusFault, options?: ErrorOptions) {
    super(fault.message, options);
    this.code = fault.code;
    this.reason = fault.reason;
    this.details = fault.details;
  }

  /** The `Status` object as upstream writes it, fields in upstream's order. */
  toStatus(): Status & { apiVersion: string; kind: string } {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      ...(this.reason === '' ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    } as Status & { apiVersion: string; kind: string };
  }

  /** The error that a `Status` of another server stands for. */
  static fromStatus(status: Status, fallbackCode: number): StatusError {
    return new StatusError({
      code: status.code ?? fallbackCode,
      reason: (status.reason ?? '') as StatusReason,
      message: status.message ?? `the server answered ${fallbackCode}`,
      details: status.details,
    });
  }
}

/** `pods "x"`, `deployments.apps "x"`: how upstream's messages name a resource. */
export function qualified(resource: GroupResource): string {
  return resource.group === '' ? resource.resource : `${resource.resource}.${resource.group}`;
}

function named(resource: GroupResource, name: string, causes?: StatusCause[]): StatusDetails {
  return {
    ...(name === '' ? {} : { name }),
    ...(resource.group === '' ? {} : { group: resource.group }),
    ...(resource.resource === '' ? {} : { kind: resource.resource }),
    ...(causes === undefined ? {} : { causes }),
  };
}

export function notFound(resource: GroupResource, name: string, options?: ErrorOptions): StatusError {
  const message = `${qualified(resource)} ${quoteGo(name)} not found`;
  return new StatusError({ code: 404, reason: 'NotFound', message, details: named(resource, name) }, options);
}

export function alreadyExists(resource: GroupResource, name: string, options?: ErrorOptions): StatusError {
  const message = `${qualified(resource)} ${quoteGo(name)} already exists`;
  return new StatusError({ code: 409, reason: 'AlreadyExists', message, details: named(resource, name) }, options);
}

/** Upstream's text for a lost race; `why` replaces the usual sentence. */
export function conflict(resource: GroupResource, name: string, why?: string, options?: ErrorOptions): StatusError {
  const reason = why ?? 'the object has been modified; please apply your changes to the latest version and try again';
  const message = `Operation cannot be fulfilled on ${qualified(resource)} ${quoteGo(name)}: ${reason}`;
  return new StatusError({ code: 409, reason: 'Conflict', message, details: named(resource, name) }, options);
}

export function forbidden(resource: GroupResource, name: string, why: string, options?: ErrorOptions): StatusError {
  const target =
    resource.resource === '' ? '' : name === '' ? qualified(resource) : `${qualified(resource)} ${quoteGo(name)}`;
  const message = target === '' ? `forbidden: ${why}` : `${target} is forbidden: ${why}`;
  return new StatusError({ code: 403, reason: 'Forbidden', message, details: named(resource, name) }, options);
}

export function unauthorized(message = 'Unauthorized', options?: ErrorOptions): StatusError {
  return new StatusError({ code: 401, reason: 'Unauthorized', message }, options);
}

export function badRequest(message: string, options?: ErrorOptions): StatusError {
  return new StatusError({ code: 400, reason: 'BadRequest', message }, options);
}

/** All faults of an object at once; `kind` is `{group, kind}` as upstream prints it (`Deployment.apps "x" is invalid`). */
export function invalid(
  kind: { readonly group: string; readonly kind: string },
  name: string,
  faults: readonly FieldError[],
  options?: ErrorOptions,
): StatusError {
  const title = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  const causes = faults.map((fault) => ({ reason: fault.reason, message: fault.text(), field: fault.field }));
  const details: StatusDetails = {
    ...(name === '' ? {} : { name }),
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.kind,
    ...(causes.length === 0 ? {} : { causes }),
  };
  const text = faults.length === 0 ? '' : `: ${toAggregateText(faults)}`;
  const message = `${title} ${quoteGo(name)} is invalid${text}`;
  return new StatusError({ code: 422, reason: 'Invalid', message, details }, options);
}

export function expired(message: string, options?: ErrorOptions): StatusError {
  return new StatusError({ code: 410, reason: 'Expired', message }, options);
}

export function methodNotSupported(resource: GroupResource, verb: string): StatusError {
  const message = `${verb} is not supported on resources of kind "${qualified(resource)}"`;
  return new StatusError({ code: 405, reason: 'MethodNotAllowed', message, details: named(resource, '') });
}

export function internalError(cause: unknown): StatusError {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new StatusError(
    {
      code: 500,
      reason: 'InternalError',
      message: `Internal error occurred: ${text}`,
      details: { causes: [{ message: text }] },
    },
    { cause },
  );
}

export function serviceUnavailable(message: string, options?: ErrorOptions): StatusError {
  return new StatusError({ code: 503, reason: 'ServiceUnavailable', message }, options);
}

export function tooManyRequests(message: string, retryAfterSeconds: number): StatusError {
  return new StatusError({ code: 429, reason: 'TooManyRequests', message, details: { retryAfterSeconds } });
}

/** Status code of an API error; undefined for any other error. */
export function codeOf(error: unknown): number | undefined {
  return error instanceof StatusError ? error.code : undefined;
}

function hasReason(error: unknown, ...reasons: StatusReason[]): boolean {
  return error instanceof StatusError && reasons.includes(error.reason);
}

export const isNotFound = (error: unknown): boolean => hasReason(error, 'NotFound');
export const isAlreadyExists = (error: unknown): boolean => hasReason(error, 'AlreadyExists');
export const isConflict = (error: unknown): boolean => hasReason(error, 'Conflict');
export const isForbidden = (error: unknown): boolean => hasReason(error, 'Forbidden');
export const isInvalid = (error: unknown): boolean => hasReason(error, 'Invalid');
/** The revision asked for is no longer kept: list again. */
export const isExpired = (error: unknown): boolean => hasReason(error, 'Expired', 'Gone');
