import { isQuantity, parseQuantity } from '../machinery/values/quantity.ts';

/**
 * Maps and selectors that have one owner, whom server-side apply lets replace the whole of them: a key more of somebody
 * else's changes what they select. Source: `mapType=atomic` in staging/src/k8s.io/api.
 */
const whole = new Set(['selector', 'podSelector', 'namespaceSelector', 'labelSelector', 'matchLabels', 'nodeSelector']);
/** Maps of amounts, which servers write in their canonical form: `1024Mi` comes back as `1Gi`. */
const amounts = new Set(['requests', 'limits']);

/**
 * Whether everything that `wanted` says holds in `actual`. Fields that `wanted` does not name may be anything: they are
 * the host's defaults or another manager's; only selectors have no others. Lists must agree in length; their elements are
 * compared in the same way. What is empty may be left out: servers do not write it. Amounts are compared by their value.
 */
export function isSatisfied(wanted: unknown, actual: unknown): boolean {
  if (actual === undefined && (wanted === '' || wanted === null)) return true;
  if (Array.isArray(wanted)) {
    if (actual === undefined) return wanted.length === 0;
    if (!Array.isArray(actual) || actual.length !== wanted.length) return false;
    return wanted.every((item, index) => isSatisfied(item, actual[index]));
  }
  if (typeof wanted === 'object' && wanted !== null) {
    if (typeof actual !== 'object' || actual === null) return Object.keys(wanted).length === 0;
    const present = actual as Record<string, unknown>;
    return Object.entries(wanted).every(([key, value]) => {
      if (value === undefined) return true;
      if (amounts.has(key)) return areSameAmounts(value, present[key]);
      return isSatisfied(value, present[key]) && (!whole.has(key) || sizeOf(present[key]) === sizeOf(value));
    });
  }
  return wanted === actual;
}

function areSameAmounts(wanted: unknown, actual: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return isSatisfied(wanted, actual);
  const present = (actual ?? {}) as Record<string, unknown>;
  return Object.entries(wanted).every(([key, value]) => {
    const [left, right] = [String(value), String(present[key])];
    return (
      left === right ||
      (isQuantity(left) && isQuantity(right) && parseQuantity(left).compare(parseQuantity(right)) === 0)
    );
  });
}

function sizeOf(value: unknown): number {
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}
