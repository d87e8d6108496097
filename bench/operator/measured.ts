/** What an operator's process and its calls cost. */
import { readFileSync } from 'node:fs';
import type { CallCounts, FaultProxy } from '../../e2e/fault-proxy.ts';
import type { OperatorLife } from '../../e2e/operator-life.ts';
import { residentMb, wait } from '../server-process.ts';

/** Of Linux on all that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Processor time of a process so far. */
export function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}

/** Sum of a metric's values over all labels that hold `having`. */
export async function metricOf(operator: OperatorLife, name: string, having = ''): Promise<number> {
  const lines = (await operator.metrics()).split('\n').filter((line) => line.startsWith(name));
  const values = lines
    .filter((line) => /^[{ ]/.test(line.slice(name.length)) && line.includes(having))
    .map((line) => Number(line.split(' ').at(-1)));
  return values.reduce((sum, value) => sum + value, 0);
}

export const reconcilesOf = (operator: OperatorLife): Promise<number> =>
  metricOf(operator, 'controller_runtime_reconcile_total', 'controller="virtualcluster"');

export async function leads(operator: OperatorLife): Promise<boolean> {
  const value = await metricOf(operator, 'leader_election_master_status').catch(() => 0);
  return value === 1;
}

export async function until(
  what: string,
  check: () => Promise<boolean> | boolean,
  timeoutMs = 600_000,
): Promise<number> {
  const started = performance.now();
  while (!(await check())) {
    if (performance.now() - started > timeoutMs) throw new Error(`not in time: ${what}`);
    await wait(20);
  }
  return performance.now() - started;
}

/** Resident memory and what of it is JavaScript's. */
export async function memoryOf(operator: OperatorLife): Promise<string> {
  const heap = await metricOf(operator, 'nodejs_heap_size_used_bytes');
  return `${residentMb(operator.pid).toFixed(0)} MB resident, ${(heap / 1e6).toFixed(0)} MB heap`;
}

/** What was called since, most often first. */
export function callsSince(proxy: FaultProxy, before: CallCounts): CallCounts {
  const entries = Object.entries(proxy.counts())
    .map(([what, count]) => [what, count - (before[what] ?? 0)] as const)
    .filter(([, count]) => count > 0);
  return Object.fromEntries(entries.sort(([, a], [, b]) => b - a));
}

export function totalOf(calls: CallCounts): number {
  return Object.values(calls).reduce((sum, count) => sum + count, 0);
}

/** `12 PATCH secrets, 4 GET services`, each divided by `per`. */
export function toText(calls: CallCounts, per = 1): string {
  const parts = Object.entries(calls).map(([what, count]) => `${Number((count / per).toFixed(1))} ${what}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}

/** Waits until no calls come any more. */
export async function untilQuiet(proxy: FaultProxy, quietMs = 3_000): Promise<void> {
  let [seen, sinceMs] = [-1, performance.now()];
  while (performance.now() - sinceMs < quietMs) {
    const now = totalOf(proxy.counts());
    if (now !== seen) [seen, sinceMs] = [now, performance.now()];
    await wait(100);
  }
}
