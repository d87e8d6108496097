import type { Pod } from '../../../generated/api/core/v1.ts';
import { namespaces } from '../../../generated/resource-types.ts';
import { forbidden, notFound } from '../../../machinery/errors/status-error.ts';
import type { ObjectReader } from '../../object-reader.ts';
import { type AdmissionAttempt, type AdmissionPlugin, concerns } from '../admission.ts';

type Labels = Readonly<Record<string, string>>;

const ANNOTATION = 'scheduler.alpha.kubernetes.io/node-selector';

/** Off unless it is asked for, as upstream's. */
export interface PodNodeSelectorOptions {
  readonly reader: ObjectReader;
  /** The selector of namespaces that name none: `key=value,…`. */
  readonly clusterDefault?: string | undefined;
  /** What pods of a namespace may select at most. */
  readonly allowed?: Readonly<Record<string, string>> | undefined;
}

/** Keeps the pods of a namespace to the nodes that its annotation selects. Source: `plugin/pkg/admission/podnodeselector`. */
export function podNodeSelector(options: PodNodeSelectorOptions): AdmissionPlugin {
  const validate = async (attempt: AdmissionAttempt): Promise<void> => {
    const own = (attempt.object as unknown as Pod).spec?.nodeSelector ?? {};
    if (conflicts(await selectorOf(attempt.namespace, options), own))
      throw refuse(attempt, 'namespace node label selector');
    const allowed = parseSelector(options.allowed?.[attempt.namespace] ?? '');
    const keys = Object.keys(allowed);
    if (keys.length === 0 || Object.keys(own).every((key) => allowed[key] === own[key])) return;
    throw refuse(attempt, 'whitelist');
  };
  return {
    name: 'PodNodeSelector',
    operations: ['CREATE'],
    async mutate(attempt) {
      if (!concerns(attempt, '', 'pods')) return;
      const { spec } = attempt.object as unknown as Pod;
      if (spec === undefined) return;
      const selector = await selectorOf(attempt.namespace, options);
      if (!conflicts(selector, spec.nodeSelector ?? {})) spec.nodeSelector = { ...selector, ...spec.nodeSelector };
      await validate(attempt);
    },
    async validate(attempt) {
      if (concerns(attempt, '', 'pods')) await validate(attempt);
    },
  };
}

function refuse(attempt: AdmissionAttempt, what: 'namespace node label selector' | 'whitelist'): Error {
  const why =
    what === 'whitelist'
      ? 'pod node label selector labels conflict with its namespace whitelist'
      : 'pod node label selector conflicts with its namespace node label selector';
  return forbidden({ group: '', resource: 'pods' }, attempt.object?.metadata.name ?? '', why);
}

async function selectorOf(name: string, { reader, clusterDefault = '' }: PodNodeSelectorOptions): Promise<Labels> {
  const namespace = await reader.get(namespaces, { name });
  if (namespace === undefined) throw notFound({ group: '', resource: 'namespaces' }, name);
  return parseSelector(namespace.metadata.annotations?.[ANNOTATION] ?? clusterDefault);
}

/** Source: apimachinery `pkg/labels/labels.go` (ConvertSelectorToLabelsMap). */
function parseSelector(text: string): Labels {
  if (text === '') return {};
  return Object.fromEntries(
    text.split(',').map((term) => {
      const [key = '', value, ...more] = term.split('=');
      if (value === undefined || more.length > 0) throw new Error(`invalid selector: ${term}`);
      return [key.trim(), value.trim()];
    }),
  );
}

function conflicts(a: Labels, b: Labels): boolean {
  return Object.keys(a).some((key) => b[key] !== undefined && a[key] !== b[key]);
}
