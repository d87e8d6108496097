import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import type { CertificateSigningRequest } from '../../generated/api/certificates/v1.ts';
import { certificatesigningrequests } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { endsMs } from '../../pki/certificate.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import type { Clock } from '../../std/clock.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { parseTime } from '../timestamps.ts';
import { isApproved, isDecided, isDenied, isFailed, isIssued } from './csr-state.ts';

/** Source: `pkg/controller/certificates/cleaner/cleaner.go`. */
const DECIDED_MS = 3_600_000;
const PENDING_MS = 24 * 3_600_000;

/** When a request has had its time: one hour after its decision, a day without one, or when its certificate ends. */
export function planExpiryMs(request: CertificateSigningRequest): number {
  const createdMs = parseTime(request.metadata.creationTimestamp) ?? 0;
  const decidedMs = Math.max(
    createdMs,
    ...(request.status?.conditions ?? []).map((each) => parseTime(each.lastUpdateTime) ?? 0),
  );
  if (isIssued(request) && isApproved(request)) {
    const certificate = Buffer.from(request.status?.certificate ?? '', 'base64').toString();
    return Math.min(certificateEndMs(certificate), decidedMs + DECIDED_MS);
  }
  if (isDecided(request) && (isDenied(request) || isFailed(request))) return decidedMs + DECIDED_MS;
  // Approved, yet nobody signs: the signer may be slow.
  return createdMs + PENDING_MS;
}

function certificateEndMs(pem: string): number {
  try {
    return endsMs(pem);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Deletes requests that have had their time. */
class CertificateCleaner implements Reconciler {
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
    if (request === undefined) return done;
    const leftMs = planExpiryMs(request) - this.#clock.nowMs();
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    const { uid } = request.metadata;
    try {
      await this.#client.delete(certificatesigningrequests, { name }, { preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return done;
  }
}

export function runCertificateCleaner(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const requests = informers.for(certificatesigningrequests);
  const client = clientFor(controllerUser('certificate-controller'));
  const reconciler = new CertificateCleaner(client, requests, clock);
  const source = onChange(requests, ({ type, object }) => (type === 'deleted' ? [] : [object.metadata.name ?? '']));
  return runController({ name: 'csrcleaner', reconciler, sources: [source], clock, logger, metrics }, signal);
}
