import type { AdmissionResponse } from '../../generated/api/admission/v1.ts';
import { StatusError } from '../../machinery/errors/status-error.ts';
import { toApiVersion } from '../../machinery/object/object.ts';
import { builtinShape } from '../../machinery/schema/builtin.ts';
import { decodeObject } from '../../machinery/schema/decode.ts';
import { TypeMismatchError } from '../../machinery/schema/type-mismatch.ts';
import type { AdmissionAttempt } from '../admission/admission.ts';
import type { Invocation } from './invocation.ts';
import type { VersionedPair } from './versioned-object.ts';

const KIND = 'AdmissionReview';
const GROUP = 'admission.k8s.io';
const known = ['v1', 'v1beta1'];

export interface Review {
  readonly version: string;
  readonly uid: string;
  readonly body: Buffer;
}

/**
 * What a webhook is asked, in the first version of its list that the server knows.
 * @throws Error where it knows none
 * Source: apiserver `admission/plugin/webhook/request/admissionreview.go`.
 */
export function toReview(
  uid: string,
  invocation: Invocation,
  attempt: AdmissionAttempt,
  { object, previous }: VersionedPair,
): Review {
  const version = invocation.hook.webhook.admissionReviewVersions.find((each) => known.includes(each));
  if (version === undefined) throw new Error('webhook does not accept known AdmissionReview versions (v1, v1beta1)');
  const request = {
    ...toRequestFields(uid, invocation, attempt),
    object: object ?? null,
    oldObject: previous ?? null,
  };
  const review = { kind: KIND, apiVersion: toApiVersion({ group: GROUP, version }), request };
  return { version, uid, body: Buffer.from(JSON.stringify(review)) };
}

/** What is told of a request beside its objects. */
export function toRequestFields(
  uid: string,
  { resource, kind }: Pick<Invocation, 'resource' | 'kind'>,
  attempt: AdmissionAttempt,
): Readonly<Record<string, unknown>> {
  const { user, subresource, name, namespace, group, version, resource: requestResource } = attempt;
  return {
    uid,
    kind,
    resource,
    ...(subresource === '' ? {} : { subResource: subresource }),
    requestKind: attempt.kind,
    requestResource: { group, version, resource: requestResource },
    ...(subresource === '' ? {} : { requestSubResource: subresource }),
    ...(name === '' ? {} : { name }),
    ...(namespace === '' ? {} : { namespace }),
    operation: attempt.operation,
    userInfo: {
      username: user.name,
      ...(user.uid ? { uid: user.uid } : {}),
      ...(user.groups.length === 0 ? {} : { groups: user.groups }),
      ...(user.extra === undefined || Object.keys(user.extra).length === 0 ? {} : { extra: user.extra }),
    },
    object: null,
    oldObject: null,
    dryRun: attempt.dryRun,
    options: attempt.options?.() ?? null,
  };
}

/** What a webhook decided. */
export interface Verdict {
  readonly allowed: boolean;
  readonly status: AdmissionResponse['status'];
  readonly warnings: readonly string[];
  readonly auditAnnotations: Readonly<Record<string, string>>;
  /** The text of a JSON patch, where there is one. */
  readonly patch: Buffer | undefined;
  readonly patchType: string;
}

/** @throws Error that says in upstream's words why the answer does not count */
export function readVerdict(answer: unknown, review: Review, options: { readonly mutating: boolean }): Verdict {
  const { apiVersion, kind, response } = decode(answer);
  if (response === undefined) throw new Error('webhook response was absent');
  const patch = response.patch ? Buffer.from(response.patch, 'base64') : Buffer.alloc(0);
  if (review.version === 'v1') {
    if (response.uid !== review.uid) {
      throw new Error(`expected response.uid=${JSON.stringify(review.uid)}, got ${JSON.stringify(response.uid ?? '')}`);
    }
    if (apiVersion !== `${GROUP}/v1` || kind !== KIND) {
      throw new Error(`expected webhook response of ${GROUP}/v1, Kind=${KIND}, got ${shownKind(apiVersion, kind)}`);
    }
    checkPatch(patch, response.patchType, options);
  }
  return {
    allowed: response.allowed ?? false,
    status: response.status,
    warnings: response.warnings ?? [],
    auditAnnotations: response.auditAnnotations ?? {},
    patch: options.mutating && patch.length > 0 ? patch : undefined,
    patchType: review.version === 'v1' ? (response.patchType ?? '') : 'JSONPatch',
  };
}

function checkPatch(patch: Buffer, type: string | undefined, { mutating }: { readonly mutating: boolean }): void {
  if (!mutating) {
    if (patch.length > 0) throw new Error('validating webhook may not return response.patch');
    if (type !== undefined) throw new Error('validating webhook may not return response.patchType');
    return;
  }
  if (patch.length > 0 && type === undefined) {
    throw new Error('webhook returned response.patch but not response.patchType');
  }
  if (patch.length === 0 && type !== undefined) {
    throw new Error('webhook returned response.patchType but not response.patch');
  }
  if (type === '') throw new Error('webhook returned invalid response.patchType of ""');
}

interface Answer {
  readonly apiVersion: string;
  readonly kind: string;
  readonly response: AdmissionResponse | undefined;
}

function decode(answer: unknown): Answer {
  const { apiVersion = '', kind = '', response } = (answer ?? {}) as Record<string, unknown>;
  try {
    // Only the answer is read: webhooks may repeat the question, and nobody looks at it again.
    const { object } = decodeObject({ response }, builtinShape('admission/v1.AdmissionReview'), {
      unknownFields: 'drop',
    });
    const read = object['response'] as AdmissionResponse | undefined;
    return { apiVersion: String(apiVersion), kind: String(kind), response: read };
  } catch (error) {
    if (error instanceof StatusError && error.cause instanceof TypeMismatchError) throw error.cause;
    throw error;
  }
}

/** A group, version and kind as Go prints it. */
function shownKind(apiVersion: string, kind: string): string {
  const shown = apiVersion.includes('/') || apiVersion === '' ? apiVersion || '/' : `/${apiVersion}`;
  return `${shown}, Kind=${kind}`;
}
