// Written by hack/generate.ts from facts of Kubernetes 1.36. Do not edit.
import type * as metaV1 from '../meta/v1.ts';

export interface APIGroupDiscovery {
  metadata?: metaV1.ObjectMeta | undefined;
  versions?: APIVersionDiscovery[] | undefined;
}

export interface APIGroupDiscoveryList {
  metadata?: metaV1.ListMeta | undefined;
  items?: APIGroupDiscovery[] | undefined;
}

export interface APIResourceDiscovery {
  resource?: string | undefined;
  responseKind?: metaV1.GroupVersionKind | undefined;
  scope?: string | undefined;
  singularResource?: string | undefined;
  verbs?: string[] | undefined;
  shortNames?: string[] | undefined;
  categories?: string[] | undefined;
  subresources?: APISubresourceDiscovery[] | undefined;
}

export interface APISubresourceDiscovery {
  subresource?: string | undefined;
  responseKind?: metaV1.GroupVersionKind | undefined;
  acceptedTypes?: metaV1.GroupVersionKind[] | undefined;
  verbs?: string[] | undefined;
}

export interface APIVersionDiscovery {
  version?: string | undefined;
  resources?: APIResourceDiscovery[] | undefined;
  freshness?: string | undefined;
}
