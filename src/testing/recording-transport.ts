import type { ApiRequest, Transport } from '../client/transport.ts';

const VERBS: Record<string, string> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/**
 * Writes down what a client does, as RBAC rules name it: `deployments.apps patch`, `virtualclusters.warren.dev/status
 * patch`, `pods list`. A server-side apply counts as `create` too, since it may make the object.
 */
export function recordingTransport(inner: Transport, used: Set<string>): Transport {
  const note = (request: ApiRequest, verb?: string): void => {
    const found = /^\/(?:api|apis\/([^/]+))\/[^/]+\/(?:namespaces\/[^/]+\/)?([^/?]+)(?:\/([^/]+)(?:\/([^/]+))?)?$/.exec(
      request.path,
    );
    if (found === null) return;
    const [, group, resource, name, subresource] = found;
    const what = `${resource}${group === undefined ? '' : `.${group}`}${subresource === undefined ? '' : `/${subresource}`}`;
    used.add(`${what} ${verb ?? VERBS[request.method] ?? (name === undefined ? 'list' : 'get')}`);
    if (request.contentType?.startsWith('application/apply-patch')) used.add(`${what} create`);
  };
  return {
    request(request) {
      note(request);
      return inner.request(request);
    },
    watch(request) {
      note(request, 'watch');
      return inner.watch(request);
    },
  };
}
