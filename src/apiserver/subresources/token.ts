import type { BoundObjectReference, TokenRequest } from '../../generated/api/authentication/v1.ts';
import type { Node, Pod, Secret, ServiceAccount } from '../../generated/api/core/v1.ts';
import { nodes, pods, secrets, serviceaccounts } from '../../generated/resource-types.ts';
import { type FieldError, fieldInvalid } from '../../machinery/errors/field-error.ts';
import { badRequest, conflict, invalid, notFound } from '../../machinery/errors/status-error.ts';
import { type AnyObject, type KubeObject, parseApiVersion, type ResourceType } from '../../machinery/object/object.ts';
import { toTimeText } from '../../machinery/values/time.ts';
import type { Clock } from '../../std/clock.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { Creater, CreaterRequest } from './creater.ts';

const kind = { group: 'authentication.k8s.io', kind: 'TokenRequest' };
const DEFAULT_SECONDS = 60 * 60;
const MIN_SECONDS = 10 * 60;
const MAX_SECONDS = 2 ** 32;

/** What a token is bound to. */
export interface TokenBinding {
  readonly pod?: Pod | undefined;
  readonly secret?: Secret | undefined;
  readonly node?: Node | undefined;
}

export interface IssueRequest extends TokenBinding {
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
}

/** Signs tokens of service accounts. */
export interface TokenIssuer {
  /** Audiences of tokens that ask for none: the server's own. */
  readonly audiences: readonly string[];
  issueToken(
    account: ServiceAccount,
    request: IssueRequest,
  ): Promise<{
    readonly token: string;
    /** Which token it is, as its claim `jti` says. */
    readonly id: string;
    /** RFC 3339 in seconds. */
    readonly expirationTimestamp: string;
  }>;
}

export interface TokenDeps {
  readonly reader: ObjectReader;
  readonly issuer: TokenIssuer;
  readonly clock: Clock;
}

/** Issues a token for a service account. Source: `pkg/registry/core/serviceaccount/storage/token.go`. */
export function tokenCreater(deps: TokenDeps): Creater {
  return {
    async create(object, request) {
      const { metadata } = object;
      const { namespace, name } = request.key;
      for (const [field, wanted] of [
        ['name', name],
        ['namespace', namespace],
      ] as const) {
        if (!metadata[field] || metadata[field] === wanted) continue;
        const text = `must match the service account ${field} if specified`;
        throw invalid(kind, name, [fieldInvalid(`metadata.${field}`, metadata[field], text)]);
      }
      const account = await deps.reader.get(serviceaccounts, { namespace, name });
      if (account === undefined) throw notFound({ group: '', resource: 'serviceaccounts' }, name);
      const tokenRequest = complete(object, account, deps);
      const faults = validateSeconds(tokenRequest.spec.expirationSeconds ?? 0);
      if (faults.length > 0) throw invalid(kind, '', faults);
      await request.validate(object);
      const binding = await bind(tokenRequest.spec.boundObjectRef, request, deps.reader);
      const { audiences = [], expirationSeconds = DEFAULT_SECONDS } = tokenRequest.spec;
      const { id, ...status } = await deps.issuer.issueToken(account, { audiences, expirationSeconds, ...binding });
      request.annotate?.('authentication.kubernetes.io/issued-credential-id', `JTI=${id}`);
      return {
        object: { ...object, status: { token: status.token, expirationTimestamp: status.expirationTimestamp } },
      };
    },
  };
}

/** Source: `pkg/apis/authentication/v1/defaults.go`. */
export function defaultTokenRequest(object: AnyObject): void {
  const tokenRequest = object as unknown as { spec?: TokenRequest['spec'] };
  const spec = tokenRequest.spec ?? ({} as TokenRequest['spec']);
  tokenRequest.spec = { ...spec, expirationSeconds: spec.expirationSeconds ?? DEFAULT_SECONDS };
}

/** Fills in what the client left out. */
function complete(object: AnyObject, account: ServiceAccount, deps: TokenDeps): TokenRequest {
  const tokenRequest = object as unknown as TokenRequest;
  const { uid, name, namespace } = account.metadata ?? {};
  const { metadata } = object;
  if (metadata.uid && metadata.uid !== uid) {
    const why = `the UID in the token request (${metadata.uid}) does not match the UID of the service account (${uid})`;
    throw conflict({ group: kind.group, resource: kind.kind }, name ?? '', why);
  }
  Object.assign(metadata, { name, namespace, uid, creationTimestamp: toTimeText(deps.clock.nowMs()) });
  const spec = tokenRequest.spec ?? { audiences: [] };
  tokenRequest.spec = {
    ...spec,
    audiences: (spec.audiences ?? []).length > 0 ? spec.audiences : [...deps.issuer.audiences],
  };
  return tokenRequest;
}

function validateSeconds(seconds: number): readonly FieldError[] {
  const path = 'spec.expirationSeconds';
  if (seconds < MIN_SECONDS) return [fieldInvalid(path, seconds, 'may not specify a duration less than 10 minutes')];
  if (seconds > MAX_SECONDS) {
    return [fieldInvalid(path, seconds, 'may not specify a duration larger than 2^32 seconds')];
  }
  return [];
}

async function bind(
  reference: BoundObjectReference | undefined | null,
  request: CreaterRequest,
  reader: ObjectReader,
): Promise<TokenBinding> {
  if (reference === undefined || reference === null) return {};
  const { group, version } = parseApiVersion(reference.apiVersion ?? '');
  const { namespace, name: account } = request.key;
  const find = async <T extends KubeObject>(type: ResourceType<T>): Promise<T> => {
    const key = type.namespaced ? { namespace, name: reference.name ?? '' } : { name: reference.name ?? '' };
    const found = await reader.get(type, key);
    if (found !== undefined) return found;
    if (!reference.name) throw badRequest('Name parameter required.');
    throw notFound({ group: '', resource: type.plural }, reference.name);
  };
  const demandUid = (found: KubeObject): void => {
    if (!reference.uid || reference.uid === found.metadata.uid) return;
    const why = `the UID in the bound object reference (${reference.uid}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw conflict({ group, resource: reference.kind ?? '' }, reference.name ?? '', why);
  };
  switch (group === '' ? reference.kind : '') {
    case 'Pod': {
      const pod = await find(pods as ResourceType<Pod & KubeObject>);
      if (pod.spec?.serviceAccountName !== account) {
        const text = `cannot bind token for serviceaccount ${JSON.stringify(account)} to pod running with different serviceaccount name.`;
        throw badRequest(text);
      }
      demandUid(pod);
      return { pod, node: await nodeOf(pod, reader) };
    }
    case 'Node': {
      const node = await find(nodes as ResourceType<Node & KubeObject>);
      demandUid(node);
      return { node };
    }
    case 'Secret': {
      const secret = await find(secrets as ResourceType<Secret & KubeObject>);
      demandUid(secret);
      return { secret };
    }
    default:
      throw badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${reference.kind ?? ''}`);
  }
}

async function nodeOf(pod: Pod, reader: ObjectReader): Promise<Node | undefined> {
  const name = pod.spec?.nodeName;
  if (!name) return undefined;
  return (await reader.get(nodes, { name })) ?? ({ metadata: { name } } as Node);
}
