import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { AuthenticatedCall, Handler, ListAnswer, WatchAnswer } from '../call.ts';
import type { Collection, CollectionQuery } from '../registry/collection.ts';
import { type ListOptions, readListOptions } from './list-options.ts';
import { requireAcceptable, requireStreamable } from './media.ts';
import type { VerbScope } from './scope.ts';

/** Milliseconds after which the server ends a watch that sets no time itself: 30 to 60 minutes, as upstream's. */
const MIN_WATCH_MS = 30 * 60_000;

/** Serves GET of a collection: a list or, where asked, a watch. Source: apiserver `endpoints/handlers/get.go`. */
export function listHandler(
  scope: VerbScope,
  collection: Collection,
): Handler<AuthenticatedCall, ListAnswer | WatchAnswer> {
  const table = { definition: scope.bodyDefinition };
  return async (call) => {
    requireAcceptable(call, scope.bodyDefinition, { streams: true });
    const options = readListOptions(call.query, { watch: call.info.verb === 'watch' });
    const query = toCollectionQuery(call, options, scope.definition);
    if (!options.watch) return { kind: 'list', status: 200, list: await collection.list(query), table };
    requireStreamable(call, scope.bodyDefinition);
    const asked = options.timeoutSeconds;
    const timeoutMs = asked ? Math.max(asked * 1000, 0) : MIN_WATCH_MS * (1 + Math.random());
    const feed = await collection.watch({ ...query, timeoutMs });
    return { kind: 'watch', status: 200, feed, table };
  };
}

/** The options with what the path says. */
export function toCollectionQuery(
  call: AuthenticatedCall,
  options: ListOptions,
  { namespaced }: Pick<ResourceDefinition, 'namespaced'>,
): CollectionQuery {
  const { namespace, name } = call.info;
  const isWithin = namespaced && namespace !== '';
  const query = { ...options, namespace: isWithin ? namespace : undefined, signal: call.signal };
  // The old paths of watches may name one object.
  if (name === '' || options.fieldSelector) return query;
  return { ...query, fieldSelector: `metadata.name=${name}` };
}
