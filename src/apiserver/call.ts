import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AnyObject } from '../machinery/object/object.ts';
import type { ResourceDefinition } from '../machinery/object/resource-definition.ts';
import type { ListPage, WatchFeed } from './pages.ts';
import type { RequestInfo } from './request-info.ts';

/** Who asks. `groups` hold `system:authenticated` or `system:unauthenticated` already. */
export interface User {
  readonly name: string;
  readonly uid?: string | undefined;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>> | undefined;
}

/** What an HTTP upgrade or a proxy needs: the parts of Node's server beneath the call. */
export interface RawExchange {
  readonly request: IncomingMessage;
  /** Absent for an upgrade, which brings the bare socket. */
  readonly response?: ServerResponse | undefined;
  readonly socket: Duplex;
  /** First bytes behind an upgrade request. */
  readonly head: Buffer;
}

/** One request, whichever way it came. HTTP and in-process calls take the same road from here on. */
export interface Call {
  /** Upper case. */
  readonly method: string;
  /** Decoded path, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The value of a header by its lower-case name; repeated ones joined by `, ` as Node does. */
  header(name: string): string | undefined;
  /** All headers as they came, name and value in turn, as Node's `rawHeaders`; absent for in-process calls. */
  readonly rawHeaders?: readonly string[] | undefined;
  /**
   * Reads the body, once; later calls get the same bytes.
   * @throws StatusError 413 beyond 3 MiB, 408-like faults of the connection as they are.
   */
  body(): Promise<Buffer>;
  /**
   * Set for in-process calls only: the body is this object (frozen or owned by the server), and the answer goes back as
   * objects, never as bytes.
   */
  readonly direct?: { readonly body: unknown } | undefined;
  readonly info: RequestInfo;
  /** Aborts when the client goes or the request's time is over. */
  readonly signal: AbortSignal;
  /** Sentences for `Warning` headers; handlers add to it before they answer. */
  readonly warnings: string[];
  readonly startedMs: number;
  /** Notes for the audit event, by annotation key. */
  readonly annotations: Map<string, string>;
  /** Headers of whatever the answer will be; filters add to them. Absent for in-process calls. */
  readonly answerHeaders?: Record<string, string> | undefined;
  readonly raw?: RawExchange | undefined;
  /** Absent where nobody counts. */
  readonly trace?: CallTrace | undefined;
}

/** What is learnt of a call on its way, for its metrics and its audit event. One object for all forms of the call. */
export interface CallTrace {
  /** What took the call in the end; undefined while nothing has, as for those that are refused. */
  route?: 'resource' | 'path' | undefined;
  /** Whether what was asked for is deprecated. */
  isDeprecated?: boolean;
  /** Time that webhooks and queues took of it. */
  waitedMs: number;
  /** Size of the request's body, once it is read. */
  bodyBytes?: number | undefined;
  /** What a watch has sent so far. */
  sentBytes?: number | undefined;
  /** Present where the request is told of. */
  audit?: AuditTrail | undefined;
}

/** Takes what an audit event tells beyond the head of its request. */
export interface AuditTrail {
  /** The object of the request's body, as it was understood. */
  requestObject(object: AnyObject): void;
  requestPatch(patch: Buffer | string): void;
  /** Who is acted as. @param constraint - The right that allowed it, where it is one of the narrow ones */
  impersonated(user: User, constraint: string): void;
  /** A stream has begun. */
  started(answer: Answer, code: number): void;
  /** @param wire - The answer as it was sent; absent for streams and within the process */
  ended(answer: Answer, wire: WireAnswer | undefined, code: number): void;
  /** The request failed by a fault of the server. */
  panicked(error: unknown): void;
}

/** A call whose sender is known. `user` is the impersonated one where impersonation took place. */
export interface AuthenticatedCall extends Call {
  readonly user: User;
  /** Who impersonates; absent otherwise. */
  readonly impersonator?: User | undefined;
}

export type AnswerHeaders = Readonly<Record<string, string>>;

/** Finished bytes. Several buffers are written one after the other: list answers are joined from stored objects. */
export interface BytesAnswer {
  readonly kind: 'bytes';
  readonly status: number;
  readonly contentType: string;
  readonly headers?: AnswerHeaders | undefined;
  readonly body: Buffer | readonly Buffer[];
}

/** An endless answer. `write` returns false where the client lags: stop until `drained`. */
export interface StreamAnswer {
  readonly kind: 'stream';
  readonly status: number;
  readonly contentType: string;
  readonly headers?: AnswerHeaders | undefined;
  /** Called once the head is sent. The stream ends by `sink.end()` or when `signal` aborts. */
  start(sink: StreamSink, signal: AbortSignal): void;
}

export interface StreamSink {
  /** Queues bytes; false where the client's window is full. */
  write(chunk: Buffer): boolean;
  /** Resolves when written bytes have left, or the client is gone. */
  drained(): Promise<void>;
  end(): void;
}

/** The handler answered on the socket itself (upgrades, proxied requests). */
export interface TakenAnswer {
  readonly kind: 'taken';
}

/** An object or a `Status`; rendered in the media type that the client asked for. */
export interface ObjectAnswer {
  readonly kind: 'object';
  readonly status: number;
  /**
   * The object, with `apiVersion` and `kind` set; frozen, or nobody else's. Stored ones bring their bytes and are parsed
   * only if somebody looks.
   */
  readonly item: { readonly object: AnyObject; readonly json?: Buffer | undefined };
  /** Tells how to show the object as a table; absent for `Status` and other objects without columns. */
  readonly table?: TableSource | undefined;
  readonly headers?: AnswerHeaders | undefined;
}

/** A list, item by item, so that stored bytes are joined and in-process callers get the shared objects. */
export interface ListAnswer {
  readonly kind: 'list';
  readonly status: number;
  readonly list: ListPage;
  readonly table?: TableSource | undefined;
  readonly headers?: AnswerHeaders | undefined;
}

export interface WatchAnswer {
  readonly kind: 'watch';
  readonly status: number;
  readonly feed: WatchFeed;
  readonly table?: TableSource | undefined;
}

/** What a table needs beside the objects. */
export interface TableSource {
  readonly definition: ResourceDefinition;
  /** Whether there is a table of it. Default true; else it has a form of metadata only. */
  readonly tables?: boolean | undefined;
}

/** Answers that can go on the wire as they are. */
export type WireAnswer = BytesAnswer | StreamAnswer | TakenAnswer;

/** What handlers return; `render.ts` turns the rich kinds into wire answers. */
export type Answer = WireAnswer | ObjectAnswer | ListAnswer | WatchAnswer;

export type Handler<C extends Call = Call, A extends Answer = Answer> = (call: C) => Promise<A>;

/** Puts a duty around a handler. */
export type Filter<C extends Call = AuthenticatedCall> = (next: Handler<C>) => Handler<C>;

/** A client's connection, as far as those need it who end it. */
export interface Connection {
  destroy(): void;
  once(event: 'close', call: () => void): unknown;
}

/** What an authenticator may look at. */
export interface Credentials {
  header(name: string): string | undefined;
  /** The client's certificate chain in DER, leaf first, verified against nothing yet; empty without one. */
  readonly certificates: readonly Buffer[];
  /** The connection, the same object for each of its calls; absent for calls that came over none. */
  readonly connection?: Connection | undefined;
  /** What is asked for; some paths are open to everybody. */
  readonly path?: string | undefined;
  readonly query: URLSearchParams;
  /** As {@link Call.rawHeaders}: front proxies repeat headers and invent names. */
  readonly rawHeaders?: readonly string[] | undefined;
}

export interface Authenticator {
  /** @returns undefined where the credentials say nothing. @throws StatusError 401 where they are wrong. */
  authenticate(credentials: Credentials, signal: AbortSignal): Promise<User | undefined>;
  /** Judges a bearer token for TokenReview; undefined where nobody knows it. `audiences` empty: the server's own. */
  reviewToken?(
    token: string,
    audiences: readonly string[],
    signal: AbortSignal,
  ): Promise<{ readonly user: User; readonly audiences: readonly string[] } | { readonly error: string } | undefined>;
}

/** What is to be allowed: a resource request or a bare path. {@link RequestInfo} has this shape. */
export type AuthorizationAttributes = Pick<
  RequestInfo,
  'isResourceRequest' | 'verb' | 'path' | 'group' | 'version' | 'namespace' | 'resource' | 'subresource' | 'name'
> & {
  readonly fieldSelector?: string | undefined;
  readonly labelSelector?: string | undefined;
};

export interface Verdict {
  readonly verdict: 'allow' | 'deny' | 'no-opinion';
  readonly reason: string;
  readonly error?: string | undefined;
}

/** A rule of `SelfSubjectRulesReview`. */
export interface ResourceRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[] | undefined;
  readonly resources?: readonly string[] | undefined;
  readonly resourceNames?: readonly string[] | undefined;
}

export interface NonResourceRule {
  readonly verbs: readonly string[];
  readonly nonResourceURLs?: readonly string[] | undefined;
}

export interface Authorizer {
  authorize(user: User, attributes: AuthorizationAttributes, signal: AbortSignal): Promise<Verdict>;
  /** Every rule that holds for the user in the namespace, for SelfSubjectRulesReview. */
  rulesFor?(
    user: User,
    namespace: string,
  ): Promise<{
    readonly resourceRules: readonly ResourceRule[];
    readonly nonResourceRules: readonly NonResourceRule[];
    readonly incomplete: boolean;
    readonly evaluationError?: string | undefined;
  }>;
}

/** Whether the user belongs to the group. */
export function isInGroup(user: User, group: string): boolean {
  return user.groups.includes(group);
}
