import { fieldInvalid, quoteGo } from '../../machinery/errors/field-error.ts';
import { badRequest, invalid, type StatusError } from '../../machinery/errors/status-error.ts';
import { parseApiVersion, toApiVersion } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { typeNameOf } from '../../machinery/schema/builtin.ts';

/** Older versions that upstream still reads and converts, though no server answers in them. */
const retiredVersions = new Map<string, readonly string[]>(
  Object.entries({
    Deployment: ['extensions/v1beta1', 'apps/v1beta1', 'apps/v1beta2'],
    DaemonSet: ['extensions/v1beta1', 'apps/v1beta2'],
    ReplicaSet: ['extensions/v1beta1', 'apps/v1beta2'],
    StatefulSet: ['apps/v1beta1', 'apps/v1beta2'],
    ControllerRevision: ['apps/v1beta1', 'apps/v1beta2'],
    Ingress: ['extensions/v1beta1', 'networking.k8s.io/v1beta1'],
    NetworkPolicy: ['extensions/v1beta1'],
    CronJob: ['batch/v1beta1'],
    PodDisruptionBudget: ['policy/v1beta1'],
    EndpointSlice: ['discovery.k8s.io/v1beta1'],
  }),
);

/** Older versions that are taken as the one of the path. Source: `AcceptsGroupVersion` in `pkg/registry`. */
const acceptedVersions: Readonly<Record<string, string | undefined>> = { Eviction: 'policy/v1beta1' };

/**
 * Checks `apiVersion` and `kind` of a body against the kind that the path takes. Built-in kinds may leave them out.
 * @throws StatusError 400, or 422 for a custom resource of another kind
 */
export function checkBodyKind(value: unknown, definition: ResourceDefinition, bytes: Buffer): void {
  const { kind, apiVersion } = readType(value, definition, bytes);
  const expected = toApiVersion(definition);
  if (definition.origin === 'custom') {
    checkCustom({ kind, apiVersion }, definition, bytes);
    return;
  }
  const given = { kind: kind || definition.kind, apiVersion: apiVersion.replace(/^\//, '') || expected };
  const isAccepted = given.apiVersion === expected || given.apiVersion === acceptedVersions[definition.kind];
  if (given.kind === definition.kind && isAccepted) return;
  const { version } = parseApiVersion(given.apiVersion);
  const head = `${given.kind} in version ${quoteGo(version)} cannot be handled as a ${definition.kind}`;
  if (version === '') throw badRequest(`${head}: Object 'apiVersion' is missing in '${bytes.toString('utf8')}'`);
  if (!isKnown(given.apiVersion, given.kind)) {
    const text = `no kind ${quoteGo(given.kind)} is registered for version ${quoteGo(given.apiVersion)} in scheme "pkg/api/legacyscheme/scheme.go:30"`;
    throw badRequest(`${head}: ${text}`);
  }
  if (given.kind !== definition.kind) {
    const target = `${packageOf(definition.group)}.${definition.kind}`;
    throw badRequest(`${head}: converting (${version}.${given.kind}) to (${target}): unknown conversion`);
  }
  throw versionMismatch(given.apiVersion, expected);
}

function versionMismatch(given: string, expected: string): StatusError {
  return badRequest(`the API version in the data (${given}) does not match the expected API version (${expected})`);
}

function checkCustom(given: { kind: string; apiVersion: string }, definition: ResourceDefinition, bytes: Buffer): void {
  const text = bytes.toString('utf8');
  if (given.kind === '') throw unrecognized(definition, `Object 'Kind' is missing in '${text}'`, bytes);
  const expected = toApiVersion(definition);
  if (given.apiVersion !== expected) throw versionMismatch(given.apiVersion, expected);
  if (given.kind === definition.kind) return;
  const fault = fieldInvalid('kind', given.kind, `must be ${definition.kind}`);
  throw invalid({ group: definition.group, kind: given.kind }, nameIn(text), [fault]);
}

function nameIn(text: string): string {
  try {
    return String((JSON.parse(text) as { metadata?: { name?: unknown } }).metadata?.name ?? '');
  } catch {
    return '';
  }
}

function isKnown(apiVersion: string, kind: string): boolean {
  const single = kind.replace(/List$/, '');
  // Views of objects are no kinds of the scheme that reads bodies.
  if (apiVersion.startsWith('meta.k8s.io/')) return false;
  return [kind, single].some(
    (name) => typeNameOf(apiVersion, name) !== undefined || retiredVersions.get(name)?.includes(apiVersion) === true,
  );
}

/** Name of upstream's internal package of a group. */
function packageOf(group: string): string {
  return group === '' || group === 'events.k8s.io' ? 'core' : (group.split('.')[0] ?? group);
}

function readType(
  value: unknown,
  definition: ResourceDefinition,
  bytes: Buffer,
): { readonly kind: string; readonly apiVersion: string } {
  if (value === null || value === undefined) return { kind: '', apiVersion: '' };
  const head = "couldn't get version/kind; json parse error: json: cannot unmarshal";
  if (typeof value !== 'object' || Array.isArray(value)) {
    const type =
      'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
    throw unrecognized(definition, `${head} ${jsonTypeOf(value)} into Go value of type ${type}`, bytes);
  }
  const fields = value as Readonly<Record<string, unknown>>;
  for (const field of ['apiVersion', 'kind']) {
    const inner = fields[field];
    if (inner === undefined || inner === null || typeof inner === 'string') continue;
    throw unrecognized(definition, `${head} ${jsonTypeOf(inner)} into Go struct field .${field} of type string`, bytes);
  }
  const apiVersion = (fields['apiVersion'] ?? '') as string;
  if (apiVersion.split('/').length > 2) {
    throw unrecognized(definition, `unexpected GroupVersion string: ${apiVersion}`, bytes);
  }
  return { kind: (fields['kind'] ?? '') as string, apiVersion };
}

function jsonTypeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/** The fault of a body that shows no kind at all, with its first bytes. */
export function unrecognized(definition: ResourceDefinition, why: string, bytes: Buffer): StatusError {
  const text = `the object provided is unrecognized (must be of type ${definition.kind}): ${why} (${summarize(bytes)})`;
  return badRequest(text);
}

const SUMMARY_BYTES = 30;

function summarize(bytes: Buffer): string {
  if (bytes.length === 0) return '<empty>';
  const encoding = bytes[0] === 0x7b ? 'utf8' : 'hex';
  if (bytes.length <= SUMMARY_BYTES) return bytes.toString(encoding);
  return `${bytes.subarray(0, SUMMARY_BYTES).toString(encoding)} ...`;
}
