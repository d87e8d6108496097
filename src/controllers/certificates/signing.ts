import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import type { CertificateSigningRequest } from '../../generated/api/certificates/v1.ts';
import { certificatesigningrequests } from '../../generated/resource-types.ts';
import { type Authority, issueCertificate } from '../../pki/certificate.ts';
import { type CertificateRequest, parseCertificateRequest } from '../../pki/certificate-request.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import type { Clock } from '../../std/clock.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { toTime } from '../timestamps.ts';
import { isApproved, isFailed, isIssued } from './csr-state.ts';
import { API_CLIENT, findFault, KUBELET_CLIENT, KUBELET_SERVING, LEGACY } from './request-rules.ts';

/** Source: kube-controller-manager `--cluster-signing-duration`. */
const DEFAULT_TTL_SECONDS = 365 * 86_400;
const MIN_TTL_SECONDS = 600;

type Authorities = { readonly client: Authority; readonly server: Authority };

/** The lifetime of a certificate in seconds: as asked for, between 10 minutes and the longest allowed. */
export function planTtlSeconds(wished: number | undefined, longest = DEFAULT_TTL_SECONDS): number {
  return wished === undefined ? longest : Math.min(longest, Math.max(MIN_TTL_SECONDS, wished));
}

/** Signs approved requests of the signers that this control plane stands for. */
class CertificateSigner implements Reconciler {
  readonly #client: Client;
  readonly #requests: Informer<CertificateSigningRequest>;
  readonly #authorities: Authorities;
  readonly #ttlSeconds: number | undefined;
  readonly #clock: Clock;

  constructor(deps: {
    client: Client;
    requests: Informer<CertificateSigningRequest>;
    authorities: Authorities;
    ttlSeconds: number | undefined;
    clock: Clock;
  }) {
    this.#client = deps.client;
    this.#requests = deps.requests;
    this.#authorities = deps.authorities;
    this.#ttlSeconds = deps.ttlSeconds;
    this.#clock = deps.clock;
  }

  async reconcile(name: string): Promise<Result> {
    const request = this.#requests.get(name);
    if (request === undefined || !isApproved(request) || isFailed(request) || isIssued(request)) return done;
    const authority = this.#authorityOf(request.spec.signerName);
    if (authority === undefined) return done;
    const { usages = [], signerName, expirationSeconds } = request.spec;
    const parsed = parseCertificateRequest(Buffer.from(request.spec.request, 'base64'));
    const fault = findFault(signerName, parsed, usages);
    if (fault !== undefined) {
      const now = toTime(this.#clock.nowMs());
      const condition = {
        type: 'Failed',
        status: 'True',
        reason: 'SignerValidationFailure',
        message: fault,
        lastUpdateTime: now,
        lastTransitionTime: now,
      };
      await this.#write(request, { conditions: [...(request.status?.conditions ?? []), condition] });
      return done;
    }
    const pem = this.#sign(authority, parsed, usages, planTtlSeconds(expirationSeconds, this.#ttlSeconds));
    await this.#write(request, { certificate: Buffer.from(pem).toString('base64') });
    return done;
  }

  #authorityOf(signerName: string): Authority | undefined {
    switch (signerName) {
      case KUBELET_CLIENT:
      case API_CLIENT:
        return this.#authorities.client;
      case KUBELET_SERVING:
      // Nobody may ask for it any more, but a datastore may hold requests: no client comes of them, as in k3s.
      case LEGACY:
        return this.#authorities.server;
      default:
        return undefined;
    }
  }

  #sign(authority: Authority, request: CertificateRequest, usages: readonly string[], ttlSeconds: number): string {
    const { commonName, organizations, publicKey, dnsNames, ipAddresses } = request;
    const purposes = [
      ...(usages.includes('client auth') ? (['client'] as const) : []),
      ...(usages.includes('server auth') ? (['server'] as const) : []),
    ];
    const subject = { commonName, organizations, usages: purposes, names: [...dnsNames, ...ipAddresses] };
    const options = { nowMs: this.#clock.nowMs(), days: ttlSeconds / 86_400, publicKey, keyUsages: usages };
    return issueCertificate(authority, subject, options).certPem;
  }

  async #write(request: CertificateSigningRequest, change: CertificateSigningRequest['status']): Promise<void> {
    const next = { ...request, status: { ...request.status, ...change } };
    await this.#client.update(certificatesigningrequests, next, { subresource: 'status' });
  }
}

export async function runCertificateSigner(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics, config } = deps;
  if (config.authorities === undefined) return;
  const requests = informers.for(certificatesigningrequests);
  const reconciler = new CertificateSigner({
    client: clientFor(controllerUser('certificate-controller')),
    requests,
    authorities: config.authorities,
    ttlSeconds: config.certificateTtlSeconds,
    clock,
  });
  const source = onChange(requests, ({ type, object }) => (type === 'deleted' ? [] : [object.metadata.name ?? '']));
  const backoff = { firstMs: 200, maxMs: 1_000_000 };
  await runController(
    { name: 'csrsigning', reconciler, sources: [source], workers: 2, clock, logger, metrics, backoff },
    signal,
  );
}
