import { StatusError } from '../../machinery/errors/status-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { Answer, AuthenticatedCall } from '../call.ts';
import type { ResourceCatalog, ResourcesSnapshot } from '../served-resources.ts';
import { wantedForm } from './accept.ts';
import { type AggregatedDocument, type AggregatedVersion, toAggregated } from './aggregated.ts';
import { toApiVersions, toGroup, toGroupList, toResourceList } from './documents.ts';

export interface DiscoveryOptions {
  readonly catalog: ResourceCatalog;
  /** `host:port` as shown to clients. */
  readonly serverAddress: string;
}

/** What was made from one snapshot; thrown away with it. */
class Documents {
  readonly snapshot: ResourcesSnapshot;
  readonly #aggregated = new Map<string, AggregatedDocument>();

  constructor(snapshot: ResourcesSnapshot) {
    this.snapshot = snapshot;
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

/** Answers `/api`, `/apis` and below, as far as they are no resources; undefined for paths that are not there. */
export function createDiscoveryPaths(
  options: DiscoveryOptions,
): (call: AuthenticatedCall) => Promise<Answer> | undefined {
  let documents: Documents | undefined;
  const current = (): Documents => {
    const snapshot = options.catalog.resourcesSnapshot();
    if (documents?.snapshot !== snapshot) documents = new Documents(snapshot);
    return documents;
  };
  return (call) => {
    const [, root = '', group, version, ...rest] = call.path.replace(/\/$/, '').split('/');
    if (root === 'api') {
      if (group === undefined) return answerRoot(call, current(), root, options);
      return version === undefined ? answerResources(current().snapshot, '', group) : undefined;
    }
    if (root !== 'apis' || rest.length > 0) return undefined;
    if (group === undefined) return answerRoot(call, current(), root, options);
    if (version === undefined) return answerGroup(current().snapshot, group);
    return answerResources(current().snapshot, group, version);
  };
}

async function answerRoot(
  call: AuthenticatedCall,
  documents: Documents,
  root: 'api' | 'apis',
  { serverAddress }: DiscoveryOptions,
): Promise<Answer> {
  const form = wantedForm(call.header('accept'));
  if (form === 'none') throw notAcceptable();
  if (form !== 'plain') return answerAggregated(call, documents.aggregated(root), form);
  const { snapshot } = documents;
  return toAnswer(root === 'api' ? toApiVersions(snapshot, serverAddress) : toGroupList(snapshot));
}

function answerAggregated(call: AuthenticatedCall, document: AggregatedDocument, version: AggregatedVersion): Answer {
  const headers = { ETag: document.etag, Vary: 'Accept', 'Cache-Control': 'public' };
  const contentType = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
  const fresh = call.header('if-none-match') === document.etag;
  const body = fresh ? Buffer.alloc(0) : document.bytes(version);
  return { kind: 'bytes', status: fresh ? 304 : 200, contentType, headers, body };
}

function answerGroup(snapshot: ResourcesSnapshot, name: string): Promise<Answer> | undefined {
  const group = snapshot.groups.find((each) => each.group === name);
  return group === undefined || name === '' ? undefined : Promise.resolve(toAnswer(toGroup(group)));
}

function answerResources(snapshot: ResourcesSnapshot, name: string, wanted: string): Promise<Answer> | undefined {
  const group = snapshot.groups.find((each) => each.group === name);
  const version = group?.versions.find((each) => each.version === wanted);
  if (group === undefined || version === undefined) return undefined;
  return Promise.resolve(toAnswer(toResourceList(group, version)));
}

function toAnswer(object: unknown): Answer {
  return { kind: 'object', status: 200, item: { object: object as AnyObject } };
}

function notAcceptable(): StatusError {
  const types = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
  const message = `only the following media types are accepted: ${types}`;
  return new StatusError({ code: 406, reason: 'NotAcceptable', message });
}
