import { isDeepStrictEqual } from 'node:util';
import type { APIService, APIServiceCondition } from '../../generated/api/apiregistration/v1.ts';
import type { KubeObject } from '../../machinery/object/object.ts';
import type { TlsExpectations } from '../workloads/verified-tls.ts';
import type { WorkloadAgent } from '../workloads/workload-agent.ts';
import type { ServicePortRef } from '../workloads/workload-network.ts';

/** Proves to extension servers that the proxy is this server's. */
export interface ProxyIdentity {
  readonly certPem: string;
  readonly keyPem: string;
}

/** A group's version that a server in the cluster's pods serves. */
export interface RemoteService {
  /** Of the APIService. */
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly target: ServicePortRef;
  readonly tls: TlsExpectations;
  readonly spec: APIService['spec'];
  readonly agent: WorkloadAgent;
  /** What the condition says, which each server of the cluster may have written. */
  isAvailable: boolean;
}

const DEFAULT_PORT = 443;

export type StoredApiService = APIService & KubeObject;

export function availableCondition({ status }: APIService): APIServiceCondition | undefined {
  return status?.conditions?.find(({ type }) => type === 'Available');
}

/** Undefined where the version is served here. */
export function targetOf({ spec }: APIService): ServicePortRef | undefined {
  if (!spec.service) return undefined;
  const { namespace = '', name = '', port = DEFAULT_PORT } = spec.service;
  return { namespace, name, port };
}

/** Source: kube-aggregator `controllers/status/remote` (BuildTransportConfig). */
export function tlsOf({ spec }: APIService, target: ServicePortRef, client: ProxyIdentity): TlsExpectations {
  return {
    serverName: `${target.name}.${target.namespace}.svc`,
    caPem: spec.caBundle ? Buffer.from(spec.caBundle, 'base64').toString('utf8') : undefined,
    skipsVerification: spec.insecureSkipTLSVerify === true,
    client,
  };
}

export function hasSameSpec(a: APIService['spec'] | undefined, b: APIService['spec']): boolean {
  return isDeepStrictEqual(a, b);
}
