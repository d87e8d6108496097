/** A call to an API server, free of HTTP: objects in, objects out. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path below the server, such as `/api/v1/namespaces/default/pods`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** An object or a patch; the transport owns it from here on. */
  readonly body?: unknown;
  /** Default `application/json`. */
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
}

export interface WatchEvent<T = unknown> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: T;
}

/**
 * Carries requests to one API server under one identity: over HTTP, or straight into the server of the same process.
 * Answers may be frozen and shared; never change them.
 */
export interface Transport {
  /** @throws StatusError for every answer above 399. */
  request(request: ApiRequest): Promise<unknown>;
  /**
   * Watches a collection from `query.resourceVersion` on. Ends when the server ends it; the caller starts anew.
   * @throws StatusError, with 410 where the revision is too old.
   */
  watch(request: ApiRequest): AsyncIterable<WatchEvent>;
}
