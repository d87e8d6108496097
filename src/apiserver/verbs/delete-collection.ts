import { isNotFound } from '../../machinery/errors/status-error.ts';
import type { AuthenticatedCall, Handler, ListAnswer } from '../call.ts';
import type { ServedItem } from '../pages.ts';
import type { Collection } from '../registry/collection.ts';
import type { ResourceStore } from '../registry/store.ts';
import { decodeDeleteOptions, warnOfPropagation } from './decode-delete-options.ts';
import { toDeleteOptionsObject } from './delete-options.ts';
import { toCollectionQuery } from './list.ts';
import { readListOptions } from './list-options.ts';
import { requireAcceptable } from './media.ts';
import { addWarning, toAttempt, type VerbScope } from './scope.ts';

const PAGE_ITEMS = 10_000;

/** Serves DELETE of a collection: lists, deletes one by one, answers with the list. Source: `generic/registry/store.go`. */
export function deleteCollectionHandler(
  scope: VerbScope,
  store: ResourceStore,
  collection: Collection,
): Handler<AuthenticatedCall, ListAnswer> {
  const { admission } = scope.deps;
  const table = { definition: scope.bodyDefinition };
  return async (call) => {
    requireAcceptable(call, scope.bodyDefinition);
    const listOptions = readListOptions(call.query, { watch: false });
    const options = await decodeDeleteOptions(call);
    warnOfPropagation(call, scope.definition, options);
    const query = toCollectionQuery(call, listOptions, scope.definition);
    const hasLimit = listOptions.limit > 0;
    const items: ServedItem[] = [];
    let page = await collection.list({ ...query, limit: hasLimit ? listOptions.limit : PAGE_ITEMS });
    const first = page;
    for (;;) {
      for (const item of page.items) {
        call.signal.throwIfAborted();
        await remove(item);
      }
      items.push(...page.items);
      if (hasLimit || !page.continue) break;
      page = await collection.list({ ...query, resourceVersion: '', limit: PAGE_ITEMS, continue: page.continue });
    }
    const list = { ...first, items, ...(hasLimit ? {} : { continue: undefined, remainingItemCount: undefined }) };
    return { kind: 'list', status: 200, list, table };

    async function remove(item: ServedItem): Promise<void> {
      const { name = '', namespace } = item.object.metadata;
      const key = scope.definition.namespaced ? { namespace, name } : { name };
      try {
        await store.delete(key, {
          ...options,
          userName: call.user.name,
          warn: (text) => addWarning(call, text),
          signal: call.signal,
          async validate(previous) {
            const facts = {
              operation: 'DELETE',
              name: '',
              dryRun: options.dryRun,
              object: undefined,
              previous,
              options: toDeleteOptionsObject(options),
            } as const;
            const attempt = toAttempt(call, scope, facts);
            await admission.mutate(attempt);
            await admission.validate(attempt);
          },
        });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  };
}
