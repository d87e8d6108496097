import { randomUUID } from 'node:crypto';
import type { Clock } from '../../std/clock.ts';
import type { Answer, AuthenticatedCall, Filter } from '../call.ts';
import { toUserInfo } from '../virtual/token-review.ts';

export type AuditStage = 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete' | 'Panic';

/** One line of the audit log: `audit.k8s.io/v1, Event` at level Metadata. */
export interface AuditEvent {
  readonly kind: 'Event';
  readonly apiVersion: 'audit.k8s.io/v1';
  readonly level: 'Metadata';
  readonly auditID: string;
  readonly stage: AuditStage;
  readonly requestURI: string;
  readonly verb: string;
  readonly [field: string]: unknown;
}

/** Takes finished events; must not throw and must not wait. */
export interface AuditSink {
  write(event: AuditEvent): void;
}

export interface AuditOptions {
  readonly sink: AuditSink;
  readonly clock: Clock;
  /** Which calls are told of. Default: all but reads of health, version and discovery. */
  readonly wants?: ((call: AuthenticatedCall) => boolean) | undefined;
}

/**
 * Writes one event for each call, once its answer is known, at level Metadata: who did what, when, with which outcome.
 * The answer carries the event's id. Source: apiserver `pkg/endpoints/filters/audit.go`.
 */
export function createAuditFilter({ sink, clock, wants = isInteresting }: AuditOptions): Filter {
  return (next) => async (call) => {
    if (!wants(call)) return next(call);
    const auditID = call.header('audit-id') ?? randomUUID();
    const tell = (fields: Record<string, unknown>): void => sink.write(toEvent(call, auditID, clock.nowMs(), fields));
    try {
      const answer = await next(call);
      tell(outcomeOf(answer));
      return withAuditId(answer, auditID);
    } catch (error) {
      tell({ stage: 'Panic', responseStatus: { metadata: {}, code: 500 } });
      throw error;
    }
  };
}

function isInteresting({ info }: AuthenticatedCall): boolean {
  return info.isResourceRequest;
}

function outcomeOf(answer: Answer): Record<string, unknown> {
  if (answer.kind === 'taken') return { stage: 'ResponseComplete', responseStatus: { metadata: {}, code: 101 } };
  const lasting = answer.kind === 'watch' || answer.kind === 'stream';
  const failure = answer.kind === 'object' && answer.status > 399 ? answer.item.object : undefined;
  const text =
    failure === undefined ? {} : { status: failure['status'], message: failure['message'], reason: failure['reason'] };
  return {
    stage: lasting ? 'ResponseStarted' : 'ResponseComplete',
    responseStatus: { metadata: {}, ...text, code: answer.status },
  };
}

function toEvent(
  call: AuthenticatedCall,
  auditID: string,
  nowMs: number,
  { stage, ...fields }: Record<string, unknown>,
): AuditEvent {
  const { info, impersonator, user } = call;
  const query = call.query.toString();
  const address = call.raw?.request.socket.remoteAddress;
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID,
    stage: stage as AuditStage,
    requestURI: query === '' ? call.path : `${call.path}?${query}`,
    verb: info.verb,
    user: toUserInfo(impersonator ?? user),
    ...(impersonator === undefined ? {} : { impersonatedUser: toUserInfo(user) }),
    sourceIPs: address === undefined ? [] : [address.replace(/^::ffff:/, '')],
    userAgent: call.header('user-agent') ?? '',
    ...(info.isResourceRequest ? { objectRef: toReference(info) } : {}),
    ...fields,
    requestReceivedTimestamp: toMicroTime(call.startedMs),
    stageTimestamp: toMicroTime(nowMs),
    annotations: Object.fromEntries(call.annotations),
  };
}

function toReference(info: AuthenticatedCall['info']): Record<string, string> {
  const fields = {
    resource: info.resource,
    namespace: info.namespace,
    name: info.name,
    apiGroup: info.group,
    apiVersion: info.version,
    subresource: info.subresource,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''));
}

function toMicroTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}

function withAuditId(answer: Answer, auditID: string): Answer {
  if (answer.kind === 'taken' || answer.kind === 'watch') return answer;
  return { ...answer, headers: { ...answer.headers, 'Audit-Id': auditID } };
}

/** Writes events as lines of JSON. */
export function jsonLinesSink(write: (line: string) => void): AuditSink {
  return { write: (event) => write(JSON.stringify(event)) };
}
