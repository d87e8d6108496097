import { toTimeText } from '../../machinery/values/time.ts';
import { systemClock } from '../../std/clock.ts';

/** Now, for the few rules of updates that stamp a time: unlike those of creation they are not handed one. */
export function systemTimeText(): string {
  return toTimeText(systemClock.nowMs());
}
