import type {
  Container,
  LimitRange,
  LimitRangeItem,
  PersistentVolumeClaim,
  Pod,
} from '../../../generated/api/core/v1.ts';
import { limitranges } from '../../../generated/resource-types.ts';
import type { KubeObject, ResourceType } from '../../../machinery/object/object.ts';
import { parseQuantity, type Quantity } from '../../../machinery/values/quantity.ts';
import { type Amounts, toAmounts } from '../../../resources/quota/amounts.ts';
import type { ObjectFeed } from '../../authz/object-feed.ts';
import { type AdmissionAttempt, type AdmissionPlugin, refused } from '../admission.ts';
import { NamespaceIndex } from '../namespace-index.ts';
import { podAmounts } from './pod-amounts.ts';

const ANNOTATION = 'kubernetes.io/limit-ranger';

/** Gives containers the default amounts of their namespace, and refuses too little and too much. Source: `plugin/pkg/admission/limitranger`. */
export function limitRanger(deps: { readonly feed: ObjectFeed }): AdmissionPlugin {
  const ranges = new NamespaceIndex(deps.feed, limitranges as ResourceType<LimitRange & KubeObject>);
  const rangesOf = async (attempt: AdmissionAttempt): Promise<readonly LimitRange[]> =>
    attempt.previous?.metadata.deletionTimestamp !== undefined ? [] : await ranges.list(attempt.namespace);
  return {
    name: 'LimitRanger',
    operations: ['CREATE', 'UPDATE'],
    async mutate(attempt) {
      if (!isPodWrite(attempt)) return;
      for (const range of await rangesOf(attempt)) applyDefaults(attempt.object as unknown as Pod, range);
    },
    async validate(attempt) {
      const judge = isPodWrite(attempt) ? podFaults : isClaimWrite(attempt) ? claimFaults : undefined;
      if (judge === undefined) return;
      for (const range of await rangesOf(attempt)) {
        const faults = (range.spec?.limits ?? []).flatMap((item) => judge(attempt.object, item));
        if (faults.length > 0) throw refused(attempt, aggregate(faults));
      }
    },
  };
}

function aggregate(faults: readonly string[]): string {
  const texts = [...new Set(faults)];
  return texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
}

function isPodWrite(attempt: AdmissionAttempt): boolean {
  if (attempt.group !== '' || attempt.resource !== 'pods' || attempt.kind.kind !== 'Pod') return false;
  return attempt.subresource === 'resize' || (attempt.subresource === '' && attempt.operation === 'CREATE');
}

function isClaimWrite(attempt: AdmissionAttempt): boolean {
  return attempt.group === '' && attempt.resource === 'persistentvolumeclaims' && attempt.subresource === '';
}

function applyDefaults(pod: Pod, range: LimitRange): void {
  const requests: Record<string, string> = {};
  const limits: Record<string, string> = {};
  for (const item of range.spec?.limits ?? []) {
    if (item.type !== 'Container') continue;
    Object.assign(requests, item.defaultRequest);
    Object.assign(limits, item.default);
  }
  const notes: string[] = [];
  for (const container of pod.spec?.containers ?? []) fill(container, 'container', { requests, limits }, notes);
  for (const container of pod.spec?.initContainers ?? [])
    fill(container, 'init container', { requests, limits }, notes);
  if (notes.length === 0) return;
  const text = `LimitRanger plugin set: ${notes.join('; ')}`;
  pod.metadata = { ...pod.metadata, annotations: { ...pod.metadata?.annotations, [ANNOTATION]: text } };
}

function fill(
  container: Container,
  title: string,
  defaults: { requests: Record<string, string>; limits: Record<string, string> },
  notes: string[],
): void {
  const resources = { ...container.resources };
  for (const [field, word] of [
    ['requests', 'request'],
    ['limits', 'limit'],
  ] as const) {
    const given = resources[field] ?? {};
    const missing = Object.keys(defaults[field]).filter((name) => given[name] === undefined);
    if (missing.length === 0) continue;
    resources[field] = { ...given, ...Object.fromEntries(missing.map((name) => [name, defaults[field][name] ?? ''])) };
    notes.push(`${missing.sort().join(', ')} ${word} for ${title} ${container.name}`);
  }
  container.resources = resources;
}

function podFaults(object: unknown, item: LimitRangeItem): readonly string[] {
  const pod = object as Pod;
  if (item.type === 'Pod') return rangeFaults(item, podAmounts(pod, 'requests'), podAmounts(pod, 'limits'));
  if (item.type !== 'Container') return [];
  return [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].flatMap((container) =>
    rangeFaults(item, toAmounts(container.resources?.requests), toAmounts(container.resources?.limits)),
  );
}

function claimFaults(object: unknown, item: LimitRangeItem): readonly string[] {
  if (item.type !== 'PersistentVolumeClaim') return [];
  const requests = toAmounts((object as PersistentVolumeClaim).spec?.resources?.requests);
  const faults: string[] = [];
  for (const [name, least] of toAmounts(item.min))
    faults.push(...minFaults(item.type, name, least, requests, new Map()));
  for (const [name, most] of toAmounts(item.max)) {
    const request = requests.get(name);
    const head = `maximum ${name} usage per ${item.type} is ${most}`;
    if (request === undefined) faults.push(`${head}.  No request is specified`);
    else if (request.compare(most) > 0) faults.push(`${head}, but request is ${request}`);
  }
  return faults;
}

function rangeFaults(item: LimitRangeItem, requests: Amounts, limits: Amounts): readonly string[] {
  const faults: string[] = [];
  for (const [name, least] of toAmounts(item.min)) faults.push(...minFaults(item.type, name, least, requests, limits));
  for (const [name, most] of toAmounts(item.max)) {
    const [request, limit] = [requests.get(name), limits.get(name)];
    const head = `maximum ${name} usage per ${item.type} is ${most}`;
    if (limit === undefined) faults.push(`${head}.  No limit is specified`);
    else if (limit.compare(most) > 0) faults.push(`${head}, but limit is ${limit}`);
    else if (request !== undefined && request.compare(most) > 0) faults.push(`${head}, but request is ${request}`);
  }
  for (const [name, text] of Object.entries(item.maxLimitRequestRatio ?? {})) {
    faults.push(...ratioFaults(item.type, name, parseQuantity(String(text)), requests.get(name), limits.get(name)));
  }
  return faults;
}

function minFaults(type: string, name: string, least: Quantity, requests: Amounts, limits: Amounts): readonly string[] {
  const [request, limit] = [requests.get(name), limits.get(name)];
  const head = `minimum ${name} usage per ${type} is ${least}`;
  if (request === undefined) return [`${head}.  No request is specified`];
  if (request.compare(least) < 0) return [`${head}, but request is ${request}`];
  if (limit !== undefined && limit.compare(least) < 0) return [`${head}, but limit is ${limit}`];
  return [];
}

function ratioFaults(
  type: string,
  name: string,
  most: Quantity,
  request: Quantity | undefined,
  limit: Quantity | undefined,
): readonly string[] {
  const head = `${name} max limit to request ratio per ${type} is ${most}, but`;
  if (request === undefined || request.isZero()) return [`${head} no request is specified or request is 0`];
  if (limit === undefined || limit.isZero()) return [`${head} no limit is specified or limit is 0`];
  const ratio = limit.toMillis() / request.toMillis();
  return ratio * 1000 > most.toMillis() ? [`${head} provided ratio is ${ratio.toFixed(6)}`] : [];
}
