import type { AnyObject } from '../../machinery/object/object.ts';
import type { Answer, AuthenticatedCall } from '../call.ts';
import { isPretty } from '../render/render.ts';
import type { ResourceCatalog, ResourcesSnapshot } from '../served-resources.ts';
import { negotiateAnswer } from '../verbs/media.ts';
import { type AggregatedForm, aggregatedForm } from './accept.ts';
import { type AggregatedDocument, toAggregated } from './aggregated.ts';
import { toApiVersions, toGroup, toGroupList, toResourceList } from './documents.ts';
import { type RemoteVersion, type RemoteVersions, withRemote } from './remote-versions.ts';

export interface DiscoveryOptions {
  readonly catalog: ResourceCatalog;
  /** `host:port` as shown to clients. */
  readonly serverAddress: string;
  /** What other servers serve. Default: there are none. */
  readonly remote?: RemoteVersions | undefined;
}

/** What was made from one snapshot; thrown away with it. */
class Documents {
  readonly own: ResourcesSnapshot;
  readonly remote: readonly RemoteVersion[];
  readonly snapshot: ResourcesSnapshot;
  readonly #aggregated = new Map<string, AggregatedDocument>();

  constructor(own: ResourcesSnapshot, remote: readonly RemoteVersion[]) {
    this.own = own;
    this.remote = remote;
    this.snapshot = remote.length === 0 ? own : { ...own, groups: withRemote(own.groups, remote) };
  }

  /** All groups in one: the core group for `/api`, the others for `/apis`. */
  aggregated(root: 'api' | 'apis'): AggregatedDocument {
    const known = this.#aggregated.get(root);
    if (known !== undefined) return known;
    const made = toAggregated(this.snapshot.groups.filter(({ group }) => (group === '') === (root === 'api')));
    this.#aggregated.set(root, made);
    return made;
  }
}

const none: readonly RemoteVersion[] = [];

/** Paths beside those of resources, as the list at `/` shows them. */
const otherPaths = [
  '/.well-known/openid-configuration',
  '/healthz',
  '/livez',
  '/metrics',
  '/openapi/v2',
  '/openapi/v3',
  '/openid/v1/jwks',
  '/readyz',
  '/version',
];

/** Answers `/`, `/api`, `/apis` and below, as far as they are no resources; undefined for paths that are not there. */
export function createDiscoveryPaths(
  options: DiscoveryOptions,
): (call: AuthenticatedCall) => Promise<Answer> | undefined {
  let documents: Documents | undefined;
  const current = (): Documents => {
    const snapshot = options.catalog.resourcesSnapshot();
    const remote = options.remote?.remoteVersions() ?? none;
    if (documents?.own !== snapshot || documents.remote !== remote) documents = new Documents(snapshot, remote);
    return documents;
  };
  return (call) => {
    const [, root = '', group, version, ...rest] = call.path.replace(/\/$/, '').split('/');
    if (root === '' && group === undefined) return answerIndex(current().snapshot);
    if (root === 'api') {
      if (group === undefined) return answerRoot(call, current(), root, options);
      return version === undefined ? answerResources(call, current().snapshot, ['', group]) : undefined;
    }
    if (root !== 'apis' || rest.length > 0) return undefined;
    if (group === undefined) return answerRoot(call, current(), root, options);
    if (version === undefined) return answerGroup(call, current().snapshot, group);
    return answerResources(call, current().snapshot, [group, version]);
  };
}

/** Every path that leads somewhere. Source: apiserver `pkg/server/routes/index.go`. */
async function answerIndex({ groups }: ResourcesSnapshot): Promise<Answer> {
  const paths = new Set([...otherPaths, '/api', '/apis']);
  for (const { group, versions } of groups) {
    const root = group === '' ? '/api' : `/apis/${group}`;
    paths.add(root);
    for (const { version } of versions) paths.add(`${root}/${version}`);
  }
  const body = Buffer.from(JSON.stringify({ paths: [...paths].sort() }, undefined, 2));
  return { kind: 'bytes', status: 200, contentType: 'application/json', body };
}

async function answerRoot(
  call: AuthenticatedCall,
  documents: Documents,
  root: 'api' | 'apis',
  { serverAddress }: DiscoveryOptions,
): Promise<Answer> {
  const form = call.direct === undefined ? aggregatedForm(call.header('accept')) : undefined;
  if (form !== undefined) return answerAggregated(call, documents.aggregated(root), form);
  const { snapshot } = documents;
  if (root === 'apis') return toAnswer(call, toGroupList(snapshot), false);
  return toAnswer(call, toApiVersions(snapshot, serverAddress));
}

function answerAggregated(call: AuthenticatedCall, document: AggregatedDocument, form: AggregatedForm): Answer {
  const headers = { ETag: document.etag, Vary: 'Accept', 'Cache-Control': 'public' };
  const contentType = `${form.mediaType};g=apidiscovery.k8s.io;v=${form.version};as=APIGroupDiscoveryList`;
  if (call.header('if-none-match') === document.etag)
    return { kind: 'bytes', status: 304, contentType, headers, body: Buffer.alloc(0) };
  return {
    kind: 'bytes',
    status: 200,
    contentType,
    headers,
    body: document.bytes({ ...form, pretty: form.pretty || isPretty(call) }),
  };
}

function answerGroup(call: AuthenticatedCall, snapshot: ResourcesSnapshot, name: string): Promise<Answer> | undefined {
  const group = snapshot.groups.find((each) => each.group === name);
  return group === undefined || name === '' ? undefined : toAnswer(call, toGroup(group), false);
}

function answerResources(
  call: AuthenticatedCall,
  snapshot: ResourcesSnapshot,
  [name, wanted]: readonly [string, string],
): Promise<Answer> | undefined {
  const group = snapshot.groups.find((each) => each.group === name);
  const version = group?.versions.find((each) => each.version === wanted);
  if (group === undefined || version === undefined) return undefined;
  return toAnswer(call, toResourceList(group, version));
}

/** @throws StatusError 406 where the client takes no form that there is. */
async function toAnswer(call: AuthenticatedCall, object: unknown, routed = true): Promise<Answer> {
  if (call.direct === undefined) negotiateAnswer(call, { protobuf: true, transforms: false, routed });
  return { kind: 'object', status: 200, item: { object: object as AnyObject } };
}
