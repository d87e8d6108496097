import { forbidden, type StatusError } from '../../machinery/errors/status-error.ts';
import type { AnyObject, GroupVersionKind } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { User } from '../call.ts';

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

export function createAdmissionChain(plugins: readonly AdmissionPlugin[]): AdmissionChain {
  const mutating = byOperation(plugins.filter((plugin) => plugin.mutate !== undefined));
  const validating = byOperation(plugins.filter((plugin) => plugin.validate !== undefined));
  return {
    async mutate(attempt) {
      const plugins = mutating[attempt.operation];
      let repeats = false;
      const repeat = (): void => {
        repeats = true;
      };
      for (const plugin of plugins) await plugin.mutate?.(attempt, { isRepeated: false, repeat });
      if (!repeats) return;
      for (const plugin of plugins) await plugin.mutate?.(attempt, { isRepeated: true, repeat });
    },
    async validate(attempt) {
      for (const plugin of validating[attempt.operation]) await plugin.validate?.(attempt);
    },
  };
}

function byOperation(plugins: readonly AdmissionPlugin[]): Readonly<Record<Operation, readonly AdmissionPlugin[]>> {
  const of = (operation: Operation): readonly AdmissionPlugin[] =>
    plugins.filter(({ operations }) => operations.includes(operation));
  return { CREATE: of('CREATE'), UPDATE: of('UPDATE'), DELETE: of('DELETE'), CONNECT: of('CONNECT') };
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
