/**
 * Maps and selectors that have one owner, whom server-side apply lets replace the whole of them: a key more of somebody
 * else's changes what they select. Source: `mapType=atomic` in staging/src/k8s.io/api.
 */
const whole = new Set(['selector', 'podSelector', 'namespaceSelector', 'labelSelector', 'matchLabels', 'nodeSelector']);

/**
 * Whether everything that `wanted` says holds in `actual`. Fields that `wanted` does not name may be anything: they are
 * the host's defaults or another manager's; only selectors have no others. Lists must agree in length; their elements are
 * compared in the same way.
 */
export function isSatisfied(wanted: unknown, actual: unknown): boolean {
  if (Array.isArray(wanted)) {
    if (!Array.isArray(actual) || actual.length !== wanted.length) return false;
    return wanted.every((item, index) => isSatisfied(item, actual[index]));
  }
  if (typeof wanted === 'object' && wanted !== null) {
    if (typeof actual !== 'object' || actual === null) return Object.keys(wanted).length === 0;
    const present = actual as Record<string, unknown>;
    return Object.entries(wanted).every(
      ([key, value]) =>
        value === undefined ||
        (isSatisfied(value, present[key]) && (!whole.has(key) || sizeOf(present[key]) === sizeOf(value))),
    );
  }
  return wanted === actual;
}

function sizeOf(value: unknown): number {
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}
