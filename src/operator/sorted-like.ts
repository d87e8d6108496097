/** The fields of `present` in the order of `model`, so that equal states have equal texts. */
export function sortedLike(present: unknown, model: unknown): unknown {
  if (Array.isArray(present) && Array.isArray(model))
    return present.map((item, index) => sortedLike(item, model[index]));
  if (typeof present !== 'object' || present === null || typeof model !== 'object' || model === null) return present;
  const left = present as Record<string, unknown>;
  const order = Object.keys(model);
  const keys = Object.keys(left).sort((a, b) => rank(order, a) - rank(order, b));
  return Object.fromEntries(keys.map((key) => [key, sortedLike(left[key], (model as Record<string, unknown>)[key])]));
}

function rank(order: readonly string[], key: string): number {
  const index = order.indexOf(key);
  return index < 0 ? order.length : index;
}
