import type { Binding, Pod, PodCondition } from '../../generated/api/core/v1.ts';
import {
  type FieldError,
  fieldNotSupported,
  fieldRequired,
  toAggregateText,
} from '../../machinery/errors/field-error.ts';
import { badRequest, conflict, StatusError } from '../../machinery/errors/status-error.ts';
import { toTimeText } from '../../machinery/values/time.ts';
import type { Clock } from '../../std/clock.ts';
import type { ResourceStore } from '../registry/store.ts';
import { type Creater, success } from './creater.ts';

/** Puts a pod on a node. Source: `pkg/registry/core/pod/storage/storage.go` (BindingREST). */
export function bindingCreater(deps: { readonly pods: ResourceStore; readonly clock: Clock }): Creater {
  return {
    async create(object, request) {
      const binding = object as unknown as Binding;
      const { name, uid, resourceVersion, annotations, labels } = object.metadata;
      // The older form is posted on the namespace and names the pod itself.
      if (request.key.name !== '' && request.key.name !== name) {
        throw badRequest('name in URL does not match name in Binding object');
      }
      const faults = validateBinding(binding);
      if (faults.length > 0) throw new StatusError({ code: 500, reason: '', message: toAggregateText(faults) });
      await request.validate(object);
      if (!name) throw badRequest('Name parameter required.');
      const key = { namespace: request.key.namespace, name };
      const bind = (draft: unknown): void => {
        const pod = draft as Pod;
        refuseBound(pod, name ?? '');
        pod.spec = { ...pod.spec, containers: pod.spec?.containers ?? [], nodeName: binding.target.name };
        pod.metadata = {
          ...pod.metadata,
          ...merged('annotations', pod.metadata?.annotations, annotations),
          ...merged('labels', pod.metadata?.labels, labels),
        };
        setScheduled(pod, deps.clock.nowMs());
      };
      await deps.pods.modify(key, bind, { uid, resourceVersion, dryRun: request.dryRun });
      return { object: success };
    },
  };
}

function merged(
  field: 'annotations' | 'labels',
  before: Record<string, string> | undefined,
  added: Record<string, string> | undefined,
): { annotations?: Record<string, string>; labels?: Record<string, string> } {
  if (added === undefined || Object.keys(added).length === 0) return {};
  return { [field]: { ...before, ...added } };
}

function validateBinding(binding: Binding): readonly FieldError[] {
  const faults: FieldError[] = [];
  const { kind, name } = binding.target ?? {};
  if (kind !== undefined && kind !== '' && kind !== 'Node') {
    faults.push(fieldNotSupported('target.kind', kind, ['Node', '<empty>']));
  }
  if (!name) faults.push(fieldRequired('target.name'));
  return faults;
}

function refuseBound(pod: Pod, name: string): void {
  const resource = { group: '', resource: 'pods/binding' };
  if (pod.metadata?.deletionTimestamp !== undefined) {
    throw conflict(resource, name, `pod ${name} is being deleted, cannot be assigned to a host`);
  }
  if (pod.spec?.nodeName) {
    throw conflict(resource, name, `pod ${name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`);
  }
  if ((pod.spec?.schedulingGates ?? []).length > 0) {
    throw conflict(resource, name, `pod ${name} has non-empty .spec.schedulingGates`);
  }
}

function setScheduled(pod: Pod, nowMs: number): void {
  const { nominatedNodeName: _nominated, ...status } = pod.status ?? {};
  pod.status = {
    ...status,
    conditions: withCondition(status.conditions ?? [], { type: 'PodScheduled', status: 'True' }, nowMs),
  };
}

/** Conditions with one set; its transition time moves only where its status does. */
export function withCondition(
  conditions: readonly PodCondition[],
  wanted: PodCondition,
  nowMs: number,
): PodCondition[] {
  const index = conditions.findIndex((condition) => condition.type === wanted.type);
  const before = conditions[index];
  const same = before?.status === wanted.status;
  const lastTransitionTime = (same ? before?.lastTransitionTime : undefined) ?? toTimeText(nowMs);
  const next = { ...wanted, lastTransitionTime };
  if (before === undefined) return [...conditions, next];
  return conditions.map((condition, at) => (at === index ? next : condition));
}
