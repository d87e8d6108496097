/**
 * Whether everything that `wanted` says holds in `actual`. Fields that `wanted` does not name may be anything: they are
 * the host's defaults or another manager's. Lists must agree in length; their elements are compared in the same way.
 */
export function isSatisfied(wanted: unknown, actual: unknown): boolean {
  if (Array.isArray(wanted)) {
    if (!Array.isArray(actual) || actual.length !== wanted.length) return false;
    return wanted.every((item, index) => isSatisfied(item, actual[index]));
  }
  if (typeof wanted === 'object' && wanted !== null) {
    if (typeof actual !== 'object' || actual === null) return Object.keys(wanted).length === 0;
    const present = actual as Record<string, unknown>;
    return Object.entries(wanted).every(([key, value]) => value === undefined || isSatisfied(value, present[key]));
  }
  return wanted === actual;
}
