/** Milliseconds that a zone's clocks are ahead of UTC at an instant. @throws RangeError for an unknown zone. */
export function localOffsetMs(ms: number, zone: string): number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
  const at = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
  const local = Date.UTC(at('year'), at('month') - 1, at('day'), at('hour'), at('minute'), at('second'));
  return local - Math.floor(ms / 1000) * 1000;
}

/** A time as the clocks of a zone show it, such as `2030-07-01T09:00:00+02:00`; in UTC where no zone is given. */
export function toZoneTime(ms: number, zone: string | undefined): string {
  const offsetMinutes = zone ? Math.round(localOffsetMs(ms, zone) / 60_000) : 0;
  const local = new Date(ms + offsetMinutes * 60_000).toISOString().slice(0, 19);
  if (offsetMinutes === 0) return `${local}Z`;
  const twoDigits = (value: number): string => String(value).padStart(2, '0');
  const size = Math.abs(offsetMinutes);
  return `${local}${offsetMinutes < 0 ? '-' : '+'}${twoDigits(Math.floor(size / 60))}:${twoDigits(size % 60)}`;
}
