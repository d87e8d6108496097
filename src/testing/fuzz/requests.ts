import { toApiVersion } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { Random } from './random.ts';
import { anyName, anyText, anyValue, objectOf } from './values.ts';

/** A request that somebody who means harm, or nothing at all, could send. */
export interface FuzzRequest {
  readonly method: string;
  /** With the query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'FOO'];
const likely = ['GET', 'POST', 'POST', 'PUT', 'PATCH', 'PATCH', 'DELETE'];
const mediaTypes = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
  'application/cbor',
  'text/plain',
  '',
  ';',
];
const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
  'application/apply-patch+cbor',
];
const accepts = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
  'application/json;as=Table;g=meta.k8s.io;v=v1',
  'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
  'application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
  'application/json;as=APIGroupDiscoveryList;g=apidiscovery.k8s.io;v=v2',
  '*/*;q=x',
  ',;,',
  'image/png',
];
const subresources = [
  'status',
  'scale',
  'binding',
  'eviction',
  'ephemeralcontainers',
  'resize',
  'token',
  'finalize',
  'approval',
  'log',
  'exec',
  'proxy',
  'nothing',
  '',
];
const parameters = [
  'labelSelector',
  'fieldSelector',
  'limit',
  'continue',
  'resourceVersion',
  'resourceVersionMatch',
  'watch',
  'timeoutSeconds',
  'sendInitialEvents',
  'allowWatchBookmarks',
  'fieldManager',
  'fieldValidation',
  'dryRun',
  'force',
  'pretty',
  'timeout',
  'gracePeriodSeconds',
  'propagationPolicy',
  'orphanDependents',
  'includeObject',
  'container',
  'tailLines',
];
const parameterValues = [
  '1',
  '0',
  '-1',
  'true',
  'All',
  'Strict',
  'Exact',
  'NotOlderThan',
  'Background',
  'Foreground',
  'Orphan',
  'a=b',
  'a in (b,c),!d',
  'a in (',
  'metadata.name=a',
  'spec.nodeName!=x,metadata.namespace==y',
  'status.phase=Running',
  'metadata.name=a\\,b',
  '=',
  ',',
  '!=',
  'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhXHUwMDAwIn0',
  '99999999999999999999',
  '1h',
  '%',
  '',
];

/** Makes requests at all resources of a server, from nearly right ones to plain noise. */
export class RequestMaker {
  readonly #random: Random;
  readonly #definitions: readonly ResourceDefinition[];

  constructor(random: Random, definitions: readonly ResourceDefinition[]) {
    this.#random = random;
    this.#definitions = definitions;
  }

  make(): FuzzRequest {
    const random = this.#random;
    random.odds = random.pick([Number.POSITIVE_INFINITY, 400, 40]);
    const definition = random.pick(this.#definitions);
    const method = random.once(20) ? random.pick(methods) : random.pick(likely);
    const target = random.once(25) ? this.#noisePath() : this.#path(definition, method);
    const isPatch = method === 'PATCH';
    const type = random.pick(isPatch && !random.once(10) ? patchTypes : mediaTypes.slice(0, random.once(4) ? 7 : 1));
    const body = method === 'GET' || method === 'HEAD' ? Buffer.alloc(0) : this.#body(definition, type);
    const headers: Record<string, string> = {
      'user-agent': random.pick(['fuzz/1', '', 'curl/8', 'é', '/'.repeat(99)]),
    };
    if (type !== '') headers['content-type'] = type;
    if (random.once(3)) headers['accept'] = random.pick(accepts);
    return { method, target, headers, body };
  }

  #path(definition: ResourceDefinition, method: string): string {
    const random = this.#random;
    const { group, version, plural, namespaced } = definition;
    const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    const space =
      namespaced && !random.once(8) ? `/namespaces/${random.pick(['default', 'default', 'none', 'A b'])}` : '';
    const named = method !== 'POST' && !(method === 'GET' && random.once(3)) && !random.once(12);
    const name = named || random.once(10) ? `/${encodeURIComponent(anyName(random)) || 'a'}` : '';
    const sub = name !== '' && random.once(6) ? `/${random.pick(subresources)}` : '';
    const watch = random.once(30) ? '/watch' : '';
    return `${root}${watch}${space}/${plural}${name}${sub}${random.once(30) ? '/' : ''}${this.#query()}`;
  }

  #noisePath(): string {
    const random = this.#random;
    const pieces = [
      'api',
      'apis',
      'v1',
      'apps',
      'namespaces',
      'default',
      'pods',
      'a',
      '',
      '..',
      '%00',
      '%2f',
      '%',
      '*',
    ];
    pieces.push('openapi', 'v2', 'v3', 'version', 'healthz', 'readyz', 'livez', 'metrics', 'debug', '.well-known');
    return `/${Array.from({ length: random.below(7) }, () => random.pick(pieces)).join('/')}${this.#query()}`;
  }

  #query(): string {
    const random = this.#random;
    if (!random.once(2)) return '';
    const pairs = Array.from({ length: 1 + random.below(3) }, () => {
      const value = random.once(4) ? anyText(random) : random.pick(parameterValues);
      const safe = random.once(30) ? value.replace(/[^\x21-\x7e]|#/g, '') : encodeURIComponent(value.toWellFormed());
      return `${random.pick(parameters)}=${safe}`;
    });
    return `?${pairs.join('&')}`;
  }

  #body(definition: ResourceDefinition, type: string): Buffer {
    const random = this.#random;
    if (random.once(15)) return this.#noise();
    const value = type === 'application/json-patch+json' ? this.#operations() : this.#object(definition);
    const text = JSON.stringify(value);
    if (random.once(12)) return Buffer.from(this.#damaged(text));
    const bytes = Buffer.from(text);
    return type.endsWith('protobuf') ? Buffer.concat([Buffer.from('k8s\0'), this.#noise()]) : bytes;
  }

  #object(definition: ResourceDefinition): unknown {
    const random = this.#random;
    if (random.once(20)) return anyValue(random);
    const object = objectOf(definition.schema, random, 3 + random.below(5));
    if (!random.once(20)) Object.assign(object, { apiVersion: toApiVersion(definition), kind: definition.kind });
    if (random.once(10)) return object;
    const metadata = (object['metadata'] ?? {}) as Record<string, unknown>;
    const [name, namespace] = [random.pick(['a', 'b', anyName(random)]), definition.namespaced ? 'default' : undefined];
    return { ...object, metadata: typeof metadata === 'object' ? { ...metadata, name, namespace } : metadata };
  }

  #operations(): unknown {
    const random = this.#random;
    const paths = [
      '/metadata/labels',
      '/metadata/labels/a',
      '/spec',
      '/spec/x/-',
      '/spec/containers/0',
      '',
      '/',
      'x',
      '/~2',
    ];
    return Array.from({ length: random.below(4) }, () => ({
      op: random.pick(['add', 'remove', 'replace', 'move', 'copy', 'test', 'odd']),
      path: random.pick(paths),
      from: random.pick(paths),
      value: anyValue(random),
    }));
  }

  #damaged(text: string): string {
    const random = this.#random;
    const at = random.below(text.length + 1);
    return (
      text.slice(0, at) +
      random.pick(['', '{', '}', '"', '\\', ',', '\u0000', 'NaN', '[['.repeat(500)]) +
      text.slice(at + random.below(3))
    );
  }

  #noise(): Buffer {
    const random = this.#random;
    return Buffer.from(Array.from({ length: random.below(200) }, () => random.below(256)));
  }
}
