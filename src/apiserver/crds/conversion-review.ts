import type { CustomResourceConversion } from '../../generated/api/apiextensions/v1.ts';
import { toAggregateText } from '../../machinery/errors/field-error.ts';
import { type AnyObject, parseApiVersion } from '../../machinery/object/object.ts';
import { cloneJson } from '../registry/clone-json.ts';
import { validateAnnotations, validateLabels } from '../registry/metadata-validation.ts';

type Fields = Record<string, unknown>;

/** Objects that somebody is asked to convert. */
export interface ConversionReview {
  readonly uid: string;
  readonly version: string;
  readonly objects: readonly AnyObject[];
  readonly desiredApiVersion: string;
}

const GROUP = 'apiextensions.k8s.io';
const known = ['v1', 'v1beta1'];

/** The version in which a webhook is asked: the first of its own that this server speaks. @throws Error where there is none */
export function reviewVersionOf({ webhook }: CustomResourceConversion): string {
  const found = webhook?.conversionReviewVersions.find((version) => known.includes(version));
  if (found === undefined) throw new Error('no supported conversion review versions');
  return found;
}

export function writeReview({ uid, version, objects, desiredApiVersion }: ConversionReview): Buffer {
  return Buffer.from(
    JSON.stringify({
      kind: 'ConversionReview',
      apiVersion: `${GROUP}/${version}`,
      request: { uid, desiredAPIVersion: desiredApiVersion, objects },
      // Go's struct has it already when it asks.
      response: { uid: '', convertedObjects: null, result: { metadata: {} } },
    }),
  );
}

/**
 * The converted objects of an answer, in the order of the question; metadata stays as it was, but for labels and
 * annotations.
 *
 * Source: apiextensions-apiserver `pkg/apiserver/conversion/webhook_converter.go`.
 *
 * @throws Error in upstream's words
 */
export function readConverted(answer: unknown, review: ConversionReview): readonly AnyObject[] {
  const { objects, desiredApiVersion } = review;
  const [first] = objects;
  const asked = `conversion webhook for ${first === undefined ? '' : kindText(first)}`;
  const converted = within(`${asked} failed`, () => convertedOf(answer, review));
  if (converted.length !== objects.length) {
    throw new Error(`${asked} returned ${converted.length} objects, expected ${objects.length}`);
  }
  return objects.map((original, index) => {
    const object = converted[index];
    if (!isFields(object) || typeof object['kind'] !== 'string') {
      throw new Error(`Object 'Kind' is missing in '${JSON.stringify(object)}'`);
    }
    const { apiVersion = '', kind } = object as unknown as AnyObject;
    if (apiVersion !== desiredApiVersion) {
      const difference = `expected ${desiredApiVersion}, received ${apiVersion}`;
      throw new Error(`${asked} returned invalid object at index ${index}: invalid groupVersion (${difference})`);
    }
    if (kind !== original.kind) {
      const difference = `expected ${original.kind}, received ${kind}`;
      throw new Error(`${asked} returned invalid object at index ${index}: invalid kind (${difference})`);
    }
    within(`${asked} returned invalid object`, () => checkIdentity(object, original));
    return within(`${asked} returned invalid metadata`, () => withMetadataOf(object, original));
  });
}

function convertedOf(answer: unknown, { uid, version }: ConversionReview): readonly unknown[] {
  const { apiVersion = '', kind = '', response } = (isFields(answer) ? answer : {}) as Partial<AnyObject> & Fields;
  const wanted = `${GROUP}/${version}`;
  if (kind !== '') checkReviewKind(apiVersion, kind, version);
  if (version === 'v1' && (apiVersion !== wanted || kind !== 'ConversionReview')) {
    const got = kindText({ apiVersion, kind });
    throw new Error(`expected webhook response of ${wanted}, Kind=ConversionReview, got ${got}`);
  }
  if (!isFields(response)) throw new Error('no response provided');
  if (version === 'v1' && response['uid'] !== uid) {
    const got = String(response['uid'] ?? '');
    throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(got)}`);
  }
  const { status = '', message } = (response['result'] ?? {}) as { status?: string; message?: string };
  if (status !== 'Success') {
    throw new Error(message || `response.result.status was '${status}', not 'Success'`);
  }
  return Array.isArray(response['convertedObjects']) ? response['convertedObjects'] : [];
}

/** What upstream's scheme says of an answer that is something else. */
function checkReviewKind(apiVersion: string, kind: string, version: string): void {
  const given = parseApiVersion(apiVersion);
  if (given.group !== GROUP || !known.includes(given.version) || kind !== 'ConversionReview') {
    const scheme = 'in scheme "k8s.io/apiserver/pkg/util/webhook/client.go:71"';
    throw new Error(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} ${scheme}`,
    );
  }
  if (given.version === version) return;
  throw new Error(`converting (${given.version}.${kind}) to (${version}.${kind}): unknown conversion`);
}

function checkIdentity(object: Fields, original: AnyObject): void {
  const meta = (isFields(object['metadata']) ? object['metadata'] : {}) as Fields;
  const same = (what: string, before: string | undefined, after: unknown): void => {
    const [e, a] = [before ?? '', typeof after === 'string' ? after : ''];
    if (e !== a) throw new Error(`must have the same ${what}: ${e} != ${a}`);
  };
  same('name', original.metadata.name, meta['name']);
  same('namespace', original.metadata.namespace, meta['namespace']);
  same('UID', original.metadata.uid, meta['uid']);
}

function withMetadataOf(object: Fields, original: AnyObject): AnyObject {
  const given = object['metadata'];
  if (given === undefined) throw new Error('missing metadata in converted object');
  if (!isFields(given)) throw new Error(`invalid metadata of type ${goTypeOf(given)} in converted object`);
  const metadata = cloneJson(original.metadata);
  for (const field of ['labels', 'annotations'] as const) {
    const value = given[field];
    if (value === undefined || value === null) {
      delete metadata[field];
      continue;
    }
    if (!isFields(value)) {
      throw new Error(`invalid metadata.${field} of type ${goTypeOf(value)} in converted object`);
    }
    for (const [key, text] of Object.entries(value)) {
      if (typeof text === 'string') continue;
      throw new Error(`metadata.${field}[${key}] must be a string, but is ${goTypeOf(text)} in converted object`);
    }
    const texts = value as Record<string, string>;
    if (!isSameMap(metadata[field] ?? {}, texts)) demandValid(field, texts);
    metadata[field] = texts;
  }
  return { ...object, metadata } as AnyObject;
}

/** Texts that were there before need not fit the rules of today. */
function demandValid(field: 'labels' | 'annotations', texts: Readonly<Record<string, string>>): void {
  const faults =
    field === 'labels' ? validateLabels(texts, 'metadata.labels') : validateAnnotations(texts, 'metadata.annotation');
  if (faults.length > 0) throw new Error(toAggregateText(faults));
}

function isSameMap(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

function within<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
  }
}

/** A kind as Go prints it. */
export function kindText({ apiVersion = '', kind }: Pick<AnyObject, 'apiVersion' | 'kind'>): string {
  const { group, version } = parseApiVersion(apiVersion);
  return `${group}/${version}, Kind=${kind}`;
}

function goTypeOf(value: unknown): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return typeof value === 'boolean' ? 'bool' : typeof value === 'object' ? 'map[string]interface {}' : typeof value;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
