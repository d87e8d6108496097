/** A number, or a share (`25%`) of `total`, rounded as said. Unreadable texts count as 0, as validation refuses them. */
export function toScaledInt(value: number | string | undefined, total: number, rounding: 'up' | 'down'): number {
  if (value === undefined) return 0;
  if (typeof value === 'number') return value;
  const percent = /^(\d+)%$/.exec(value)?.[1];
  if (percent === undefined) return 0;
  // Integers first: 0.07 * 100 is a little above 7 and would round up to 8.
  const scaled = (Number(percent) * total) / 100;
  return rounding === 'up' ? Math.ceil(scaled) : Math.floor(scaled);
}
