import { forbidden, type StatusError } from '../../machinery/errors/status-error.ts';
import type { AnyObject, GroupVersionKind } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { SeriesId } from '../../telemetry/metrics/family.ts';
import type { User } from '../call.ts';
import type { AdmissionMetrics, AdmissionStep } from '../metrics/admission-metrics.ts';

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

/** One try to change something, as admission sees it. */
export interface AdmissionAttempt {
  readonly operation: Operation;
  /** The verb of the request that rights are asked for: a change is an `update` or a `patch`. */
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  /** Of the object in the request, which a subresource may define otherwise than its resource. */
  readonly kind: GroupVersionKind;
  readonly namespace: string;
  /** Empty while a name is still to be generated. */
  readonly name: string;
  readonly user: User;
  readonly dryRun: boolean;
  /** What is to be stored: a private copy for `mutate`, not to be changed by `validate`. Absent for deletions. */
  readonly object: AnyObject | undefined;
  /** What is stored now, frozen; absent for creations. */
  readonly previous: AnyObject | undefined;
  /** The record of {@link kind}; absent for kinds that only say where a connection leads. */
  readonly definition?: ResourceDefinition | undefined;
  /** The options of the request as an object of `meta.k8s.io`; connections have none. */
  options?(): AnyObject | undefined;
  readonly signal: AbortSignal;
  /** Adds a sentence to the answer's `Warning` headers. */
  warn(text: string): void;
  /** Adds a note to the audit event of the request. */
  annotate(key: string, value: string): void;
  /** Tells of time that others took of the request. */
  waited?(ms: number): void;
}

/**
 * One round of mutation. There are two at most: where a plugin that comes late has changed the object, those before it
 * see it once more. Source: apiserver `pkg/admission/reinvocation.go`.
 */
export interface MutationRound {
  readonly isRepeated: boolean;
  /** Asks for the second round. */
  repeat(): void;
}

/** A rule about changes beyond what one kind knows of itself. A rule says no by throwing a `StatusError`. */
export interface AdmissionPlugin {
  /** Upstream's name, as `--enable-admission-plugins` spells it. */
  readonly name: string;
  readonly operations: readonly Operation[];
  /** Changes `attempt.object` in place. Both rounds bring the same attempt. */
  mutate?(attempt: AdmissionAttempt, round: MutationRound): void | Promise<void>;
  /** Judges the object as it will be stored. */
  validate?(attempt: AdmissionAttempt): void | Promise<void>;
}

/** All plugins in order. */
export interface AdmissionChain {
  mutate(attempt: AdmissionAttempt): Promise<void>;
  validate(attempt: AdmissionAttempt): Promise<void>;
}

/** @param metrics - Counts each plugin and both steps. Default: nobody counts. */
export function createAdmissionChain(
  plugins: readonly AdmissionPlugin[],
  metrics?: AdmissionMetrics | undefined,
): AdmissionChain {
  const mutating = byOperation(
    'admit',
    plugins.filter((plugin) => plugin.mutate !== undefined),
    metrics,
  );
  const validating = byOperation(
    'validate',
    plugins.filter((plugin) => plugin.validate !== undefined),
    metrics,
  );
  return {
    async mutate(attempt) {
      const plugins = mutating[attempt.operation];
      let repeats = false;
      const repeat = (): void => {
        repeats = true;
      };
      await measured('admit', attempt, metrics, async () => {
        const inFirst: MutationRound = { isRepeated: false, repeat };
        await runAll(plugins, attempt, (plugin) => plugin.mutate?.(attempt, inFirst));
        if (!repeats) return;
        const inSecond: MutationRound = { isRepeated: true, repeat };
        await runAll(plugins, attempt, (plugin) => plugin.mutate?.(attempt, inSecond));
      });
    },
    async validate(attempt) {
      await measured('validate', attempt, metrics, async () => {
        await runAll(validating[attempt.operation], attempt, (plugin) => plugin.validate?.(attempt));
      });
    },
  };
}

/** A plugin of one step and one operation. */
interface Link {
  readonly plugin: AdmissionPlugin;
  readonly step: AdmissionStep;
  readonly metrics: AdmissionMetrics | undefined;
  series: SeriesId | undefined;
}

function byOperation(
  step: AdmissionStep,
  plugins: readonly AdmissionPlugin[],
  metrics: AdmissionMetrics | undefined,
): Readonly<Record<Operation, readonly Link[]>> {
  const of = (operation: Operation): readonly Link[] =>
    plugins
      .filter(({ operations }) => operations.includes(operation))
      .map((plugin) => ({ plugin, step, metrics, series: undefined }));
  return { CREATE: of('CREATE'), UPDATE: of('UPDATE'), DELETE: of('DELETE'), CONNECT: of('CONNECT') };
}

type Ask = (plugin: AdmissionPlugin) => void | Promise<void>;

/** Waits only for those that have to wait themselves: most look at the object and are done. */
async function runAll(links: readonly Link[], attempt: AdmissionAttempt, ask: Ask): Promise<void> {
  for (const link of links) {
    const { plugin, step, metrics } = link;
    const startedMs = metrics?.clock.nowMs() ?? 0;
    try {
      const asked = ask(plugin);
      if (asked !== undefined) await asked;
    } catch (error) {
      metrics?.refused(plugin.name, step, attempt.operation, startedMs);
      throw error;
    }
    if (metrics === undefined) continue;
    link.series ??= metrics.pluginSeries(plugin.name, step, attempt.operation);
    metrics.passed(link.series, startedMs);
  }
}

async function measured(
  step: AdmissionStep,
  { operation }: AdmissionAttempt,
  metrics: AdmissionMetrics | undefined,
  work: () => Promise<void>,
): Promise<void> {
  if (metrics === undefined) return await work();
  const startedMs = metrics.clock.nowMs();
  let rejected = true;
  try {
    await work();
    rejected = false;
  } finally {
    metrics.step(step, operation, startedMs, rejected);
  }
}

/** The refusal that plugins give. Source: apiserver `pkg/admission/errors.go` (NewForbidden). */
export function refused(attempt: AdmissionAttempt, why: string): StatusError {
  const meta = attempt.object?.metadata;
  const name = attempt.name || meta?.name || meta?.generateName || 'Unknown';
  return forbidden({ group: attempt.group, resource: attempt.resource }, name, why);
}

/** Whether the attempt is about the resource itself or, where given, one of its subresources. */
export function concerns(attempt: AdmissionAttempt, group: string, resource: string, subresource = ''): boolean {
  return attempt.group === group && attempt.resource === resource && attempt.subresource === subresource;
}
