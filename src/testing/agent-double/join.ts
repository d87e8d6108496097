import { createHash, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import { createCertificateRequest } from '../../pki/certificate-request.ts';
import { parseJoinToken } from '../../pki/join-token.ts';
import { newKey, toKeyPem } from '../../pki/keys.ts';

/** `2021`: asks for certificates and keys. `current`: brings a key of its own for each. */
export type AgentGeneration = '2021' | 'current';

export interface JoinOptions {
  /** Such as `https://127.0.0.1:6443`. */
  readonly server: string;
  readonly token: string;
  readonly nodeName: string;
  readonly nodePassword: string;
  readonly nodeIp: string;
  readonly generation: AgentGeneration;
  /** A certificate from an earlier join, which newer agents show. */
  readonly previous?: KeyPair | undefined;
}

export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** What an agent has once it has joined. */
export interface Membership {
  readonly serverCa: string;
  readonly clientCa: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly servingKubelet: KeyPair;
  readonly clientKubelet: KeyPair;
  readonly clientKubeProxy: KeyPair;
  readonly clientK3sController: KeyPair;
}

/** What a server refuses; agents look at nothing but the status. */
export class JoinError extends Error {
  override readonly name = 'JoinError';
  readonly status: number;

  constructor(path: string, status: number, body: string) {
    super(`${path}: ${status} ${body}`);
    this.status = status;
  }
}

interface Asking {
  readonly options: JoinOptions;
  /** PEM of the pinned authority; undefined before it is known. */
  readonly ca: string | undefined;
}

/** Joins as an agent does: pins the authority by the token, then fetches configuration and certificates, in its order. */
export async function joinCluster(options: JoinOptions): Promise<Membership> {
  const bare: JoinOptions = { ...options, previous: undefined };
  const serverCa = await ask({ options: bare, ca: undefined }, 'GET', '/cacerts', {});
  const { caHash } = parseJoinToken(options.token);
  const actual = createHash('sha256').update(serverCa).digest('hex');
  if (caHash !== '' && caHash !== actual)
    throw new Error(`token CA hash does not match the Cluster CA hash: ${actual}`);
  const asking: Asking = { options, ca: serverCa };
  // As agents do: the server has to pass with this authority as the only one.
  await ask({ options: bare, ca: serverCa }, 'GET', '/cacerts', {});
  const get = (name: string): Promise<string> => ask(asking, 'GET', `/v1-k3s/${name}`, credentialsOf(options));
  const config = JSON.parse(await get('config')) as Record<string, unknown>;
  const clientCa = await get('client-ca.crt');
  const servedCa = await get('server-ca.crt');
  return {
    serverCa: servedCa,
    clientCa,
    config,
    servingKubelet: await fetchPair(asking, 'serving-kubelet.crt'),
    clientKubelet: await fetchPair(asking, 'client-kubelet.crt'),
    clientKubeProxy: await fetchPair(asking, 'client-kube-proxy.crt'),
    clientK3sController: await fetchPair(asking, 'client-k3s-controller.crt'),
  };
}

/** Agents are `node`, whatever user their token names. */
function credentialsOf({ token }: JoinOptions): Record<string, string> {
  const { password, bootstrap } = parseJoinToken(token);
  if (bootstrap) return { authorization: `Bearer ${password}` };
  return { authorization: `Basic ${Buffer.from(`node:${password}`).toString('base64')}` };
}

async function fetchPair(asking: Asking, name: string): Promise<KeyPair> {
  const { options } = asking;
  const headers = {
    ...credentialsOf(options),
    'k3s-Node-Name': options.nodeName,
    'k3s-Node-Password': options.nodePassword,
    'k3s-Node-IP': options.nodeIp,
  };
  const own: KeyObject | undefined = options.generation === 'current' ? newKey() : undefined;
  const body = own === undefined ? undefined : createCertificateRequest(own, { commonName: '', organizations: [] });
  const text = await ask(asking, body === undefined ? 'GET' : 'POST', `/v1-k3s/${name}`, headers, body);
  const keyAt = text.indexOf('-----BEGIN EC PRIVATE KEY-----');
  if (keyAt >= 0) return { cert: text.slice(0, keyAt), key: text.slice(keyAt) };
  if (own === undefined) throw new Error(`${name}: the answer holds no key`);
  return { cert: text, key: toKeyPem(own) };
}

async function ask(
  { options, ca }: Asking,
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: Buffer,
): Promise<string> {
  const { previous } = options;
  const request = httpsRequest(new URL(path, options.server), {
    method,
    headers,
    // Agents close their connection after each of these calls.
    agent: false,
    ...(ca === undefined ? { rejectUnauthorized: false } : { ca }),
    ...(previous === undefined ? {} : { cert: previous.cert, key: previous.key }),
  });
  // A connection that breaks after its answer is nobody's concern.
  request.on('error', () => {});
  request.end(body);
  const [response] = await once(request, 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  if (response.statusCode !== 200) throw new JoinError(path, response.statusCode, text);
  return text;
}
