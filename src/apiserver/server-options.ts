import type { Backend } from '../datastore/backend.ts';
import type { ResourceDefinition } from '../machinery/object/resource-definition.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { AdmissionPlugin } from './admission/admission.ts';
import type { ReadRequestSubject } from './admission/plugins/certificate-requests.ts';
import type { PluginSelection } from './admission/plugins/index.ts';
import type { Auditor } from './audit/auditor.ts';
import type { ObjectFeed } from './authz/object-feed.ts';
import type { ExtensionAuthentication } from './bootstrap/bootstrap.ts';
import type { Answer, AuthenticatedCall, Authenticator, Authorizer, Call, Credentials, Handler } from './call.ts';
import type { ConversionCaller } from './crds/conversion-webhook.ts';
import type { GroupProxy } from './dispatch.ts';
import type { ApiServerMetrics } from './metrics/api-server-metrics.ts';
import type { ObjectReader } from './object-reader.ts';
import type { ResourceCatalog } from './served-resources.ts';
import type { TokenIssuer } from './subresources/token.ts';

/** What a server hands to the parts that are made for it. */
export interface ServerSeams {
  readonly reader: ObjectReader;
  readonly feed: ObjectFeed;
  readonly catalog: ResourceCatalog;
}

/** A part, or a function that makes it once the seams are there. */
export type Part<T> = T | ((seams: ServerSeams) => T | Promise<T>);

export type OtherPaths = (call: AuthenticatedCall) => Promise<Answer> | undefined;

export interface ApiServerOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Records of all built-in kinds. */
  readonly definitions: readonly ResourceDefinition[];
  readonly authenticator: Part<Authenticator>;
  /** Default: `Node,RBAC`, with escalation checks. */
  readonly authorizer?: Part<Authorizer> | undefined;
  /** Headers and certificates of a call. Default: the headers alone. */
  readonly credentialsOf?: ((call: Call) => Credentials) | undefined;
  /** Ranges of service addresses, the primary one first. Default `10.43.0.0/16`, as k3s's. */
  readonly serviceCidrs?: readonly string[] | undefined;
  /** Default `30000-32767`. */
  readonly nodePorts?: string | undefined;
  /** Port that the service `default/kubernetes` leads to. Default 6443. */
  readonly advertisedPort?: number | undefined;
  /** Requests that the server works on at a time, those of the exempt level apart. Default 600. */
  readonly seats?: number | undefined;
  readonly tokenIssuer: TokenIssuer;
  readonly readRequestSubject: ReadRequestSubject;
  /** Handlers of subresources that lead elsewhere, by `resource/subresource`: `pods/log`, `nodes/proxy`. */
  readonly connectors?: Part<Readonly<Record<string, Handler<AuthenticatedCall>>>> | undefined;
  /** Answers paths that are no resources (discovery, health, OpenAPI); undefined for paths that it does not know. */
  readonly otherPaths?: ((seams: ServerSeams) => OtherPaths | Promise<OtherPaths>) | undefined;
  /** Groups that other servers serve. */
  readonly aggregated?: Part<GroupProxy> | undefined;
  /** Built-in plugins that are on or off against upstream's default. */
  readonly admissionPlugins?: PluginSelection | undefined;
  /** Further admission, behind the built-in plugins and before the quotas: policies, webhooks. */
  readonly admission?: Part<readonly AdmissionPlugin[]> | undefined;
  /** Reaches the webhooks that convert custom objects. A function is called once for each question. */
  readonly conversions?: Part<ConversionCaller> | undefined;
  /** Tells of requests. Default: nobody does. */
  readonly auditor?: Auditor | undefined;
  readonly extensionAuthentication?: ExtensionAuthentication | undefined;
  /** Where the server counts. Default: nobody reads it. */
  readonly metrics?: ApiServerMetrics | undefined;
}
