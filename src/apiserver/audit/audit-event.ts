import { isIP } from 'node:net';
import type { Call, User } from '../call.ts';
import { toUserInfo } from '../virtual/token-review.ts';
import type { AuditLevel, AuditStage } from './audit-policy.ts';

/** Which object a request is about. */
export interface ObjectReference {
  resource?: string;
  namespace?: string;
  name?: string;
  uid?: string;
  apiGroup?: string;
  apiVersion?: string;
  resourceVersion?: string;
  subresource?: string;
}

/** What is known of a request so far. Objects are JSON texts: they go into the log as they are. */
export interface AuditEvent {
  readonly level: AuditLevel;
  readonly auditID: string;
  stage: AuditStage;
  readonly requestURI: string;
  readonly verb: string;
  readonly user: User | undefined;
  impersonated?: { readonly user: User; readonly constraint: string };
  readonly sourceIPs: readonly string[];
  readonly userAgent: string;
  objectRef: ObjectReference | undefined;
  responseStatus?: Readonly<Record<string, unknown>> | undefined;
  requestObject?: string | undefined;
  responseObject?: string | undefined;
  readonly receivedMs: number;
  stageMs: number;
  annotations?: Readonly<Record<string, string>> | undefined;
}

/** Source: apiserver `pkg/audit/request.go`. */
const MOST_AGENT = 1024;

/** One line of JSON, its fields in upstream's order. Source: apiserver `pkg/apis/audit/v1/types.go`. */
export function toJsonLine(event: AuditEvent): string {
  const { impersonated, objectRef, responseStatus, annotations } = event;
  const head = {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: event.level,
    auditID: event.auditID,
    stage: event.stage,
    requestURI: event.requestURI,
    verb: event.verb,
    user: event.user === undefined ? {} : toUserInfo(event.user),
    ...(impersonated === undefined ? {} : { impersonatedUser: toUserInfo(impersonated.user) }),
    ...(impersonated?.constraint
      ? { authenticationMetadata: { impersonationConstraint: impersonated.constraint } }
      : {}),
    ...(event.sourceIPs.length === 0 ? {} : { sourceIPs: event.sourceIPs }),
    ...(event.userAgent === '' ? {} : { userAgent: event.userAgent }),
    ...(objectRef === undefined ? {} : { objectRef: inOrder(objectRef) }),
    ...(responseStatus === undefined ? {} : { responseStatus }),
  };
  const tail = {
    requestReceivedTimestamp: toMicroTime(event.receivedMs),
    stageTimestamp: toMicroTime(event.stageMs),
    ...(annotations === undefined || Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
  const objects = [
    event.requestObject === undefined ? '' : `"requestObject":${event.requestObject},`,
    event.responseObject === undefined ? '' : `"responseObject":${event.responseObject},`,
  ];
  return `${JSON.stringify(head).slice(0, -1)},${objects.join('')}${JSON.stringify(tail).slice(1)}\n`;
}

/** The form of one line of text. Source: apiserver `pkg/audit/format.go`. */
export function toLegacyLine(event: AuditEvent): string {
  const { user, impersonated, objectRef, responseStatus, sourceIPs } = event;
  const list = (items: readonly string[]): string => items.map((item) => JSON.stringify(item)).join(',');
  const groups = user !== undefined && user.name !== '' && user.groups.length > 0 ? list(user.groups) : '<none>';
  const fields: Readonly<Record<string, string>> = {
    id: event.auditID,
    stage: event.stage,
    ip: sourceIPs[0] ?? '<unknown>',
    method: event.verb,
    user: user?.name || '<none>',
    groups,
    as: impersonated?.user.name ?? '<self>',
    asgroups: impersonated === undefined ? '<lookup>' : list(impersonated.user.groups),
    'user-agent': event.userAgent,
    namespace: objectRef?.namespace || '<none>',
    uri: event.requestURI,
  };
  const text = Object.entries(fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const code = responseStatus === undefined ? '<deferred>' : String(responseStatus['code'] ?? 0);
  return `${toMicroTime(event.receivedMs)} AUDIT: ${text.join(' ')} response="${code}"\n`;
}

/** What is known of a request as it comes. */
export function startEvent(call: Call, user: User | undefined, level: AuditLevel, auditID: string): AuditEvent {
  const { info } = call;
  const agent = call.header('user-agent') ?? '';
  return {
    level,
    auditID,
    stage: 'RequestReceived',
    requestURI: uriOf(call),
    verb: info.verb,
    user,
    sourceIPs: sourcesOf(call),
    userAgent: agent.length > MOST_AGENT ? `${agent.slice(0, MOST_AGENT)}...TRUNCATED` : agent,
    objectRef: info.isResourceRequest
      ? {
          resource: info.resource,
          namespace: info.namespace,
          name: info.name,
          apiGroup: info.group,
          apiVersion: info.version,
          subresource: info.subresource,
        }
      : undefined,
    receivedMs: call.startedMs,
    stageMs: call.startedMs,
  };
}

function inOrder(reference: ObjectReference): ObjectReference {
  const { resource, namespace, name, uid, apiGroup, apiVersion, resourceVersion, subresource } = reference;
  const fields = { resource, namespace, name, uid, apiGroup, apiVersion, resourceVersion, subresource };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== ''));
}

function uriOf(call: Call): string {
  const url = call.raw?.request.url;
  if (url !== undefined) return url;
  const query = call.query.toString();
  return query === '' ? call.path : `${call.path}?${query}`;
}

/** Source: apimachinery `pkg/util/net/http.go` (SourceIPs). */
function sourcesOf(call: Call): readonly string[] {
  const { raw } = call;
  // Requests of this process come from this machine.
  if (raw === undefined) return ['127.0.0.1'];
  const found = (call.header('x-forwarded-for') ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => isIP(each) !== 0);
  const real = call.header('x-real-ip') ?? '';
  if (isIP(real) !== 0 && !found.includes(real)) found.push(real);
  const peer = raw.request.socket.remoteAddress?.replace(/^::ffff:/, '');
  if (peer !== undefined && found.at(-1) !== peer) found.push(peer);
  return found;
}

function toMicroTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
