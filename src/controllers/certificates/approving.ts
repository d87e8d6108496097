import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import type { CertificateSigningRequest } from '../../generated/api/certificates/v1.ts';
import { certificatesigningrequests, subjectaccessreviews } from '../../generated/resource-types.ts';
import { parseCertificateRequest } from '../../pki/certificate-request.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import type { Clock } from '../../std/clock.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { toTime } from '../timestamps.ts';
import { isDecided, isIssued } from './csr-state.ts';
import { KUBELET_CLIENT, kubeletClientFault } from './request-rules.ts';

interface Recognized {
  readonly subresource: 'selfnodeclient' | 'nodeclient';
  readonly message: string;
}

/** The permissions of which one must be held for approval, in order; none for requests that are no node's. */
export function recognize(request: CertificateSigningRequest): Recognized[] {
  const { signerName, request: encoded, usages = [], username } = request.spec;
  if (signerName !== KUBELET_CLIENT) return [];
  const parsed = parseCertificateRequest(Buffer.from(encoded, 'base64'));
  if (kubeletClientFault(parsed, usages) !== undefined) return [];
  const any: Recognized = {
    subresource: 'nodeclient',
    message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
  };
  if (username !== parsed.commonName) return [any];
  const message = 'Auto approving self kubelet client certificate after SubjectAccessReview.';
  return [{ subresource: 'selfnodeclient', message }, any];
}

/** Approves client certificates of kubelets whose sender may have one without asking. */
class CertificateApprover implements Reconciler {
  readonly #client: Client;
  readonly #requests: Informer<CertificateSigningRequest>;
  readonly #clock: Clock;

  constructor(client: Client, requests: Informer<CertificateSigningRequest>, clock: Clock) {
    this.#client = client;
    this.#requests = requests;
    this.#clock = clock;
  }

  async reconcile(name: string): Promise<Result> {
    const request = this.#requests.get(name);
    if (request === undefined || isIssued(request) || isDecided(request)) return done;
    const tried = recognize(request);
    for (const { subresource, message } of tried) {
      if (!(await this.#isAllowed(request, subresource))) continue;
      const now = toTime(this.#clock.nowMs());
      const condition = {
        type: 'Approved',
        status: 'True',
        reason: 'AutoApproved',
        message,
        lastUpdateTime: now,
        lastTransitionTime: now,
      };
      const conditions = [...(request.status?.conditions ?? []), condition];
      const next = { ...request, status: { ...request.status, conditions } };
      await this.#client.update(certificatesigningrequests, next, { subresource: 'approval' });
      return done;
    }
    // Bindings may come later: ask again now and then, as a person may still approve it.
    return tried.length > 0 ? { requeueAfterMs: 30_000 } : done;
  }

  async #isAllowed(request: CertificateSigningRequest, subresource: string): Promise<boolean> {
    const { username, uid, groups, extra } = request.spec;
    const review = await this.#client.create(subjectaccessreviews, {
      metadata: {},
      spec: {
        user: username,
        uid,
        groups,
        extra,
        resourceAttributes: {
          group: 'certificates.k8s.io',
          resource: 'certificatesigningrequests',
          verb: 'create',
          subresource,
          version: '*',
        },
      },
    });
    return review.status?.allowed === true;
  }
}

export function runCertificateApprover(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const requests = informers.for(certificatesigningrequests);
  const client = clientFor(controllerUser('certificate-controller'));
  const reconciler = new CertificateApprover(client, requests, clock);
  const source = onChange(requests, ({ type, object }) => (type === 'deleted' ? [] : [object.metadata.name ?? '']));
  const backoff = { firstMs: 200, maxMs: 1_000_000 };
  return runController(
    { name: 'csrapproving', reconciler, sources: [source], workers: 2, clock, logger, metrics, backoff },
    signal,
  );
}
