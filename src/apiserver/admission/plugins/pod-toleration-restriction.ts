import type { Pod, Toleration } from '../../../generated/api/core/v1.ts';
import { namespaces } from '../../../generated/resource-types.ts';
import { notFound, StatusError } from '../../../machinery/errors/status-error.ts';
import { qosClassOf } from '../../../resources/core/pod/qos-class.ts';
import type { ObjectReader } from '../../object-reader.ts';
import { type AdmissionAttempt, type AdmissionPlugin, concerns } from '../admission.ts';
import { mergeTolerations, tolerationCovers } from './merge-tolerations.ts';

const DEFAULTS = 'scheduler.alpha.kubernetes.io/defaultTolerations';
const ALLOWED = 'scheduler.alpha.kubernetes.io/tolerationsWhitelist';

/** What counts in namespaces whose annotations say nothing. */
export interface PodTolerationConfiguration {
  readonly default?: readonly Toleration[] | undefined;
  readonly whitelist?: readonly Toleration[] | undefined;
}

/**
 * Gives the pods of a namespace its tolerations, and lets them have no others than it allows. Off unless it is asked
 * for. Source: `plugin/pkg/admission/podtolerationrestriction`.
 */
export function podTolerationRestriction(
  { reader }: { readonly reader: ObjectReader },
  cluster: PodTolerationConfiguration = {},
): AdmissionPlugin {
  const ofNamespace = async (attempt: AdmissionAttempt, key: string): Promise<readonly Toleration[] | undefined> => {
    const namespace = await reader.get(namespaces, { name: attempt.namespace });
    if (namespace === undefined) throw notFound({ group: '', resource: 'namespaces' }, attempt.namespace);
    return readTolerations(namespace.metadata.annotations?.[key]);
  };
  const judge = async (attempt: AdmissionAttempt): Promise<void> => {
    const { tolerations = [] } = (attempt.object as unknown as Pod).spec ?? {};
    if (tolerations.length === 0) return;
    const own = await ofNamespace(attempt, ALLOWED);
    const allowed = own ?? cluster.whitelist ?? [];
    if (allowed.length === 0) return;
    if (tolerations.every((each) => allowed.some((wide) => tolerationCovers(wide, each)))) return;
    const scope = own === undefined ? 'cluster' : 'namespace';
    throw fault(
      `pod tolerations (possibly merged with namespace default tolerations) conflict with its ${scope} whitelist`,
    );
  };
  return {
    name: 'PodTolerationRestriction',
    operations: ['CREATE', 'UPDATE'],
    async mutate(attempt) {
      if (!concerns(attempt, '', 'pods')) return;
      const pod = attempt.object as unknown as Pod;
      if (pod.spec === undefined) return;
      const isNew = attempt.operation === 'CREATE';
      const extra = isNew ? [...((await ofNamespace(attempt, DEFAULTS)) ?? cluster.default ?? [])] : [];
      if (qosClassOf(pod) !== 'BestEffort')
        extra.push({ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' });
      if (extra.length > 0) pod.spec.tolerations = mergeTolerations(pod.spec.tolerations ?? [], extra);
      await judge(attempt);
    },
    async validate(attempt) {
      if (concerns(attempt, '', 'pods')) await judge(attempt);
    },
  };
}

/** An empty annotation is an empty list, which is not the same as none. */
function readTolerations(text: string | undefined): readonly Toleration[] | undefined {
  if (text === undefined) return undefined;
  if (text === '') return [];
  try {
    return JSON.parse(text) as Toleration[];
  } catch (cause) {
    throw fault((cause as Error).message, { cause });
  }
}

/** Upstream gives these refusals no code of their own. */
function fault(message: string, options?: ErrorOptions): StatusError {
  return new StatusError({ code: 500, reason: '', message }, options);
}
