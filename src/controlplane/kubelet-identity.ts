import type { Pki } from '../pki/bundle.ts';
import { DAY_MS, endsMs, type Issued, issueCertificate } from '../pki/certificate.ts';
import type { Clock } from '../std/clock.ts';

/** Certificates that end within it are made anew, as k3s does at start. */
const RENEW_BEFORE_MS = 120 * DAY_MS;

/** Who the server is to kubelets, and the authority that signs theirs. */
export interface KubeletIdentity {
  readonly certPem: string;
  readonly keyPem: string;
  readonly caPem: string;
}

/** The server's identity for kubelets; a server that runs for years gets a new certificate before the old one ends. */
export function kubeletIdentity(pki: Pki, commonName: string, clock: Clock): KubeletIdentity {
  const issue = (): Issued =>
    issueCertificate(
      pki.client,
      { commonName, organizations: ['system:masters'], usages: ['client'] },
      { nowMs: clock.nowMs() },
    );
  let issued = issue();
  let renewsMs = endsMs(issued.certPem) - RENEW_BEFORE_MS;
  const current = (): Issued => {
    if (clock.nowMs() > renewsMs) {
      issued = issue();
      // An authority that ends soon cannot give more; another try a day later is soon enough.
      renewsMs = Math.max(endsMs(issued.certPem) - RENEW_BEFORE_MS, clock.nowMs() + DAY_MS);
    }
    return issued;
  };
  return {
    get certPem() {
      return current().chainPem;
    },
    get keyPem() {
      return current().keyPem ?? '';
    },
    caPem: pki.server.certPem,
  };
}
