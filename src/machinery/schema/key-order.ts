/** Go writes maps in the order of their keys. Keys that look like small numbers stand first in any object of JavaScript. */
export function inKeyOrder(map: Record<string, unknown>): Record<string, unknown> {
  const keys = Object.keys(map);
  if (keys.every((key, index) => index === 0 || (keys[index - 1] as string) < key)) return map;
  return Object.fromEntries(keys.sort().map((key) => [key, map[key]]));
}
