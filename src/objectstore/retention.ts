/** How long backups are kept. Each limit that is given must hold; without any, all are kept. */
export interface Retention {
  /** The newest so many. */
  readonly keepLast?: number | undefined;
  /** Those younger than so many milliseconds. */
  readonly maxAgeMs?: number | undefined;
}

/** The end of a key: the time at which the backup was asked for. */
const STAMP = /(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.backup$/;

/** The name of a backup that is asked for at a time. */
export function backupName(ms: number): string {
  return `${new Date(ms).toISOString().replace(/[-:]|\.\d+/g, '')}.backup`;
}

/** When a backup was asked for, by its key; undefined where the key is none of ours. */
export function backupTimeMs(key: string): number | undefined {
  const found = STAMP.exec(key);
  if (found === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** The keys that need not be kept any more. The newest backup always is, however old; foreign keys are left alone. */
export function outdated(keys: readonly string[], { keepLast, maxAgeMs }: Retention, nowMs: number): string[] {
  const own = keys.flatMap((key) => {
    const ms = backupTimeMs(key);
    return ms === undefined ? [] : [{ key, ms }];
  });
  own.sort((a, b) => b.ms - a.ms);
  return own
    .filter(({ ms }, place) => {
      if (place === 0) return false;
      return (keepLast !== undefined && place >= keepLast) || (maxAgeMs !== undefined && nowMs - ms > maxAgeMs);
    })
    .map(({ key }) => key);
}
