/**
 * The number that an int-or-percent stands for, of a whole. Source: apimachinery `pkg/util/intstr/intstr.go`
 * (GetScaledValueFromIntOrPercent).
 *
 * @returns undefined where the text is no percentage.
 */
export function toScaledNumber(value: number | string, total: number, rounding: 'up' | 'down'): number | undefined {
  if (typeof value === 'number') return value;
  const match = /^(\d+)%$/.exec(value);
  if (match === null) return undefined;
  const exact = (Number(match[1]) * total) / 100;
  return rounding === 'up' ? Math.ceil(exact) : Math.floor(exact);
}
