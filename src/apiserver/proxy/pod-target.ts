import type { Pod } from '../../generated/api/core/v1.ts';
import { pods } from '../../generated/resource-types.ts';
import { badRequest, notFound } from '../../machinery/errors/status-error.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import type { AuthenticatedCall } from '../call.ts';
import type { ObjectReader } from '../object-reader.ts';

/** The pod of a call's path. @throws StatusError 404 */
export async function readPod(reader: ObjectReader, { info }: AuthenticatedCall, name = info.name): Promise<Pod> {
  const key = { namespace: info.namespace, name };
  const pod = await reader.get(pods as ResourceType<Pod & KubeObject>, key);
  if (pod === undefined) throw notFound({ group: '', resource: 'pods' }, name);
  return pod;
}

/**
 * The container that a request means: the one it names, or the only one.
 * @throws StatusError 400. Source: `pkg/registry/core/pod/strategy.go` (validateContainer).
 */
export function chooseContainer(pod: Pod, wanted: string): string {
  const name = pod.metadata?.name ?? '';
  const { initContainers = [], containers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const names = [...initContainers, ...containers, ...ephemeralContainers].map((container) => container.name);
  if (wanted !== '') {
    if (names.includes(wanted)) return wanted;
    throw badRequest(`container ${wanted} is not valid for pod ${name}`);
  }
  const [only, ...others] = containers;
  if (only !== undefined && others.length === 0) return only.name;
  const choice = only === undefined ? '' : `, choose one of: [${names.join(' ')}]`;
  throw badRequest(`a container name must be specified for pod ${name}${choice}`);
}

/** The node of a pod. @throws StatusError 400 where it has none yet. */
export function nodeOf(pod: Pod): string {
  const node = pod.spec?.nodeName;
  if (!node) throw badRequest(`pod ${pod.metadata?.name ?? ''} does not have a host assigned`);
  return node;
}

/** A boolean of the query as upstream reads it: present without a value means yes. */
export function readFlag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value.toLowerCase() !== 'false' && value !== '0';
}
