// Written by hack/generate.ts from facts of Kubernetes 1.36. Do not edit.
import type * as authenticationV1 from '../authentication/v1.ts';
import type * as metaV1 from '../meta/v1.ts';

export interface AdmissionRequest {
  uid?: string | undefined;
  kind?: metaV1.GroupVersionKind | undefined;
  resource?: metaV1.GroupVersionResource | undefined;
  subResource?: string | undefined;
  requestKind?: metaV1.GroupVersionKind | undefined;
  requestResource?: metaV1.GroupVersionResource | undefined;
  requestSubResource?: string | undefined;
  name?: string | undefined;
  namespace?: string | undefined;
  operation?: string | undefined;
  userInfo?: authenticationV1.UserInfo | undefined;
  object?: Record<string, unknown> | undefined;
  oldObject?: Record<string, unknown> | undefined;
  dryRun?: boolean | undefined;
  options?: Record<string, unknown> | undefined;
}

export interface AdmissionResponse {
  uid?: string | undefined;
  allowed?: boolean | undefined;
  status?: metaV1.Status | undefined;
  patch?: string | undefined;
  patchType?: string | undefined;
  auditAnnotations?: Record<string, string> | undefined;
  warnings?: string[] | undefined;
}

export interface AdmissionReview {
  apiVersion?: string;
  kind?: string;
  request?: AdmissionRequest | undefined;
  response?: AdmissionResponse | undefined;
}
