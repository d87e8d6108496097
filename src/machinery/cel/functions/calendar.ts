import { DURATION, INT, STRING, TIMESTAMP } from '../cel-type.ts';
import type { DurationValue, TimestampValue } from '../values.ts';
import { type FunctionDecl, member } from './function.ts';
import { type CalendarTime, toCalendar } from './times.ts';

function getter(name: string, id: string, pick: (time: CalendarTime) => number, ofDuration?: bigint): FunctionDecl {
  const read = (time: TimestampValue, zone?: string): bigint => BigInt(pick(toCalendar(time, zone)));
  const overloads = [
    member(`timestamp_to_${id}`, [TIMESTAMP], INT, read),
    member(`timestamp_to_${id}_with_tz`, [TIMESTAMP, STRING], INT, read),
  ];
  if (ofDuration !== undefined) {
    const whole = ({ nanos }: DurationValue): bigint => nanos / ofDuration;
    overloads.push(member(`duration_to_${id}`, [DURATION], INT, whole));
  }
  return { name, overloads };
}

/** Parts of times and durations. Source: cel-go `common/stdlib`, `common/types/{timestamp,duration}.go`. */
export const calendarFunctions: readonly FunctionDecl[] = [
  getter('getFullYear', 'year', ({ year }) => year),
  getter('getMonth', 'month', ({ month }) => month),
  getter('getDayOfYear', 'day_of_year', ({ yearDay }) => yearDay),
  getter('getDayOfMonth', 'day_of_month', ({ day }) => day - 1),
  getter('getDate', 'day_of_month_1_based', ({ day }) => day),
  getter('getDayOfWeek', 'day_of_week', ({ weekDay }) => weekDay),
  getter('getHours', 'hours', ({ hours }) => hours, 3_600_000_000_000n),
  getter('getMinutes', 'minutes', ({ minutes }) => minutes, 60_000_000_000n),
  getter('getSeconds', 'seconds', ({ seconds }) => seconds, 1_000_000_000n),
  getter('getMilliseconds', 'milliseconds', ({ milliseconds }) => milliseconds, 1_000_000n),
];
