import type { ResourceDefinition } from '../machinery/object/resource-definition.ts';
import type { AuthenticatedCall, Handler } from './call.ts';
import type { Collection } from './registry/collection.ts';
import type { ResourceStore } from './registry/store.ts';
import type { ServedSubresource } from './served-resources.ts';

/** What a path without a subresource does, by method: `POST` on a collection, the rest on either. */
export interface VerbHandlers {
  readonly create?: Handler<AuthenticatedCall> | undefined;
  readonly list?: Handler<AuthenticatedCall> | undefined;
  readonly deleteCollection?: Handler<AuthenticatedCall> | undefined;
  readonly get?: Handler<AuthenticatedCall> | undefined;
  readonly update?: Handler<AuthenticatedCall> | undefined;
  readonly patch?: Handler<AuthenticatedCall> | undefined;
  readonly delete?: Handler<AuthenticatedCall> | undefined;
}

/** Handlers of a subresource by method, such as `GET` and `PUT`; `*` takes every method. */
export type SubresourceHandlers = Readonly<Record<string, Handler<AuthenticatedCall>>>;

/** A resource in one version, ready to answer. Built-in ones and CRDs look the same from here on. */
export interface ServedResource {
  readonly definition: ResourceDefinition;
  /** Absent for resources that are not stored. */
  readonly store?: ResourceStore | undefined;
  readonly collection?: Collection | undefined;
  readonly verbs: VerbHandlers;
  readonly subresources: ReadonlyMap<string, SubresourceHandlers>;
  /** As discovery shows them. */
  readonly shownSubresources: readonly ServedSubresource[];
  /** A warning for everybody who asks for it at all. */
  readonly deprecation?: string | undefined;
}
