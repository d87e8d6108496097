import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import { type AgentGeneration, JoinError, type KeyPair, type Membership } from './join.ts';

export interface GatesOptions {
  readonly server: string;
  readonly generation: AgentGeneration;
  readonly membership: Membership;
}

/** What an agent has learnt once it has passed. */
export interface Passed {
  /** Servers that it balances between and opens tunnels to, as `host:port`; empty: the one by which it came. */
  readonly servers: readonly string[];
}

/**
 * What agents ask between their certificates and their start, under the identities under which they ask it: the list of
 * servers, whether the API is ready, whether they may read what they watch.
 *
 * @throws JoinError where a real agent would wait or give up.
 * Source: k3s `pkg/agent/tunnel/tunnel.go`, `pkg/agent/config/config.go`, `pkg/util/api.go`; v1.21: `tunnel.go` (Setup).
 */
export async function passGates({ server, generation, membership }: GatesOptions): Promise<Passed> {
  const { serverCa: ca, clientKubelet, clientK3sController } = membership;
  const ask = async (as: KeyPair, path: string, body?: object): Promise<unknown> => {
    const request = httpsRequest(new URL(path, server), {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'Content-Type': 'application/json', Connection: 'close' },
      agent: false,
      ca,
      ...as,
    });
    // A connection that breaks after its answer is nobody's concern.
    request.on('error', () => {});
    request.end(body === undefined ? undefined : JSON.stringify(body));
    const [response] = await once(request, 'response');
    let text = '';
    for await (const chunk of response) text += chunk;
    if (response.statusCode >= 300) throw new JoinError(path, response.statusCode, text);
    return /json/.test(response.headers['content-type'] ?? '') ? JSON.parse(text) : text;
  };
  if (generation === '2021') {
    const path = '/api/v1/namespaces/default/endpoints/kubernetes';
    const found = await ask(clientK3sController, path).catch((error: JoinError) => {
      if (error.status === 404) return {};
      throw error;
    });
    await ask(clientKubelet, '/healthz');
    return { servers: toServers(found as EndpointsLike) };
  }
  const listed = await ask(clientKubelet, '/v1-k3s/apiservers').catch((error: JoinError) => {
    // An error lets agents keep the address by which they came; an empty list would let them wait for ever.
    if (error.status === 404) return undefined;
    throw error;
  });
  if (Array.isArray(listed) && listed.length === 0) throw new Error('/v1-k3s/apiservers: an empty list');
  await ask(clientKubelet, '/v1-k3s/readyz');
  await ask(clientKubelet, '/v1-k3s/config');
  await ask(clientKubelet, '/readyz?exclude=kms-providers&verbose=true');
  for (const [group, resource, namespace] of REVIEWS)
    await review(ask, clientK3sController, { group, resource, namespace });
  return { servers: (listed as string[] | undefined) ?? [] };
}

/** What agents of one version or another must be allowed to list. */
const REVIEWS = [
  ['', 'endpoints', 'default'],
  ['discovery.k8s.io', 'endpointslices', 'default'],
  ['', 'nodes', ''],
] as const;

async function review(
  ask: (as: KeyPair, path: string, body?: object) => Promise<unknown>,
  as: KeyPair,
  attributes: { group: string; resource: string; namespace: string },
): Promise<void> {
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const answer = (await ask(as, path, {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { verb: 'list', ...attributes } },
  })) as { status?: { allowed?: boolean } };
  if (answer.status?.allowed !== true) throw new JoinError(path, 403, `may not list ${attributes.resource}`);
}

interface EndpointsLike {
  readonly subsets?: readonly {
    readonly addresses?: readonly { readonly ip: string }[];
    readonly ports?: readonly { readonly port: number }[];
  }[];
}

function toServers({ subsets = [] }: EndpointsLike): readonly string[] {
  return subsets.flatMap(({ addresses = [], ports = [] }) =>
    addresses.flatMap(({ ip }) => ports.map(({ port }) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`))),
  );
}
