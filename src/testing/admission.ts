import type { AdmissionAttempt, AdmissionPlugin } from '../apiserver/admission/admission.ts';
import type { Authorizer, User } from '../apiserver/call.ts';
import type { ObjectReader } from '../apiserver/object-reader.ts';
import { StatusError } from '../machinery/errors/status-error.ts';
import {
  type AnyObject,
  type KubeObject,
  type ObjectKey,
  type ResourceType,
  toKeyText,
} from '../machinery/object/object.ts';

/** Objects by plural; a reader of them. */
export function readerOf(objects: Readonly<Record<string, readonly unknown[]>>): ObjectReader {
  const all = <T extends KubeObject>(type: ResourceType<T>): readonly T[] =>
    (objects[type.plural] ?? []) as readonly T[];
  return {
    async get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): Promise<T | undefined> {
      return all(type).find(({ metadata: { namespace, name = '' } }) => {
        return toKeyText({ ...(namespace === undefined ? {} : { namespace }), name }) === toKeyText(key);
      });
    },
    async list<T extends KubeObject>(type: ResourceType<T>, namespace?: string): Promise<readonly T[]> {
      return all(type).filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace);
    },
  };
}

export const alice: User = { name: 'alice', groups: ['system:authenticated'] };

/** An attempt at a pod, unless it says otherwise; what plugins tell is kept in the two lists. */
export interface TriedAttempt extends AdmissionAttempt {
  readonly warnings: string[];
  readonly notes: Map<string, string>;
}

type Facts = Partial<Omit<AdmissionAttempt, 'object' | 'previous'>> & { object?: unknown; previous?: unknown };

export function attemptOf(facts: Facts): TriedAttempt {
  const warnings: string[] = [];
  const notes = new Map<string, string>();
  const object = facts.object as AnyObject | undefined;
  const previous = facts.previous as AnyObject | undefined;
  return {
    operation: previous === undefined ? 'CREATE' : object === undefined ? 'DELETE' : 'UPDATE',
    verb: previous === undefined ? 'create' : object === undefined ? 'delete' : 'update',
    group: '',
    version: 'v1',
    resource: 'pods',
    subresource: '',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    namespace: 'ns',
    name: object?.metadata?.name ?? previous?.metadata?.name ?? '',
    user: alice,
    dryRun: false,
    signal: new AbortController().signal,
    warn: (text) => void warnings.push(text),
    annotate: (key, value) => void notes.set(key, value),
    ...facts,
    object,
    previous,
    warnings,
    notes,
  };
}

/** Runs both halves of a plugin as the server does. @returns the refusal's message; undefined where it lets through. */
export async function admit(plugin: AdmissionPlugin, attempt: AdmissionAttempt): Promise<string | undefined> {
  if (!plugin.operations.includes(attempt.operation)) return undefined;
  try {
    await plugin.mutate?.(attempt, { isRepeated: false, repeat: () => {} });
    await plugin.validate?.(attempt);
    return undefined;
  } catch (error) {
    if (error instanceof StatusError) return error.message;
    throw error;
  }
}

/** Lets through what is named `verb resource name`, and nothing else. */
export function authorizerOf(...allowed: readonly string[]): Authorizer {
  return {
    async authorize(_user, { verb, resource, name }) {
      const isAllowed = allowed.includes(`${verb} ${resource} ${name}`);
      return { verdict: isAllowed ? 'allow' : 'no-opinion', reason: isAllowed ? '' : 'not granted' };
    },
  };
}
