import type { Node, Pod } from '../../../generated/api/core/v1.ts';
import { nodes } from '../../../generated/resource-types.ts';
import { StatusError } from '../../../machinery/errors/status-error.ts';
import { Quantity } from '../../../machinery/values/quantity.ts';
import { toAmounts } from '../../../resources/quota/amounts.ts';
import { specResources } from '../../../resources/quota/effective-resources.ts';
import type { ObjectReader } from '../../object-reader.ts';
import { type AdmissionPlugin, concerns, refused } from '../admission.ts';

/** Pods grow to what their node has, and on Linux alone. Source: `plugin/pkg/admission/podresize`. */
export function podResizeValidator(deps: { readonly reader: ObjectReader }): AdmissionPlugin {
  return {
    name: 'PodResizeValidator',
    operations: ['UPDATE'],
    async validate(attempt) {
      if (!concerns(attempt, '', 'pods', 'resize')) return;
      const pod = attempt.object as unknown as Pod;
      const name = pod.spec?.nodeName;
      if (!name || attempt.object?.metadata.generation === attempt.previous?.metadata.generation) return;
      const node = await deps.reader.get(nodes, { name });
      if (node === undefined) throw refused(attempt, `node ${JSON.stringify(name)} not found`);
      const fault = platformFault(node) ?? capacityFault(pod, node);
      if (fault !== undefined) throw withCause(refused(attempt, fault.text), fault.reason);
    },
  };
}

interface Fault {
  readonly reason: string;
  readonly text: string;
}

function platformFault({ metadata }: Node): Fault | undefined {
  const system = metadata?.labels?.['kubernetes.io/os'];
  if (system === undefined || system === 'linux') return undefined;
  const text = `pod resize is only supported on linux nodes, node ${JSON.stringify(metadata?.name)} is ${JSON.stringify(system)}`;
  return { reason: 'UnsupportedPlatform', text };
}

function capacityFault(pod: Pod, node: Node): Fault | undefined {
  const zero = new Quantity(0n, 'decimal');
  const requests = specResources(pod, 'requests');
  const allocatable = toAmounts(node.status?.allocatable);
  const texts: string[] = [];
  for (const [name, show] of [
    ['cpu', (amount: Quantity) => amount.toMillis()],
    ['memory', (amount: Quantity) => amount.toInteger()],
  ] as const) {
    const [wanted, most] = [requests.get(name) ?? zero, allocatable.get(name) ?? zero];
    if (wanted.compare(most) > 0) texts.push(`${name}, requested: ${show(wanted)}, allocatable: ${show(most)}`);
  }
  if (texts.length === 0) return undefined;
  return { reason: 'NodeCapacity', text: `node didn't have enough allocatable resources: ${texts.join('; ')}` };
}

function withCause({ code, reason, message, details }: StatusError, cause: string): StatusError {
  return new StatusError({ code, reason, message, details: { ...details, causes: [{ reason: cause }] } });
}
