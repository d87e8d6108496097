import { createHash, X509Certificate } from 'node:crypto';
import { unauthorized } from '../../machinery/errors/status-error.ts';
import { certificatesOf, subjectOf } from '../../pki/certificate.ts';
import type { DistinguishedName } from '../../pki/distinguished-name.ts';
import type { Clock } from '../../std/clock.ts';
import type { Authenticator, Credentials, User } from '../call.ts';

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const ANY_USAGE = '2.5.29.37.0';
/** Longer chains are not followed; upstream's clusters have one or two authorities in a row. */
const MAX_DEPTH = 5;

/** A certificate that was found good, with the time within which it stays so. */
export interface VerifiedCertificate {
  readonly subject: DistinguishedName;
  /** SHA-256 of its DER, in hex. */
  readonly fingerprint: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Checks client certificates against a bundle of authorities. Each connection's chain is worked out once. */
export class CertificateVerifier {
  readonly #roots: readonly X509Certificate[];
  readonly #clock: Clock;
  readonly #known = new WeakMap<readonly Buffer[], VerifiedCertificate | Error>();

  /** @param caPem - One or more authorities in PEM. @throws Error where it holds no certificate. */
  constructor(caPem: string, clock: Clock) {
    this.#roots = certificatesOf(caPem).map((der) => new X509Certificate(der));
    if (this.#roots.length === 0) throw new Error('the bundle of client authorities holds no certificate');
    this.#clock = clock;
  }

  /**
   * @param chain - In DER, leaf first; the same array for every call on a connection, since results are kept by it.
   * @throws Error where no authority vouches for the leaf, or its time is not now.
   */
  verify(chain: readonly Buffer[]): VerifiedCertificate {
    const known = this.#known.get(chain) ?? this.#work(chain);
    this.#known.set(chain, known);
    if (known instanceof Error) throw known;
    const nowMs = this.#clock.nowMs();
    if (nowMs < known.fromMs || nowMs > known.untilMs)
      throw new Error('the certificate has expired or is not yet valid');
    return known;
  }

  #work(chain: readonly Buffer[]): VerifiedCertificate | Error {
    try {
      const [leaf, ...between] = chain.map((der) => new X509Certificate(der));
      if (leaf === undefined) return new Error('no certificate');
      const usages = leaf.keyUsage;
      if (usages !== undefined && !usages.includes(CLIENT_AUTH) && !usages.includes(ANY_USAGE)) {
        return new Error('the certificate is not made for clients');
      }
      const path = findPath(leaf, between, this.#roots);
      if (path === undefined) return new Error('the certificate is signed by an unknown authority');
      return {
        subject: subjectOf(leaf.raw),
        fingerprint: createHash('sha256').update(leaf.raw).digest('hex'),
        fromMs: Math.max(...path.map((certificate) => Date.parse(certificate.validFrom))),
        untilMs: Math.min(...path.map((certificate) => Date.parse(certificate.validTo))),
      };
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }
}

/** The certificates from the leaf to a root, the root included. */
function findPath(
  leaf: X509Certificate,
  between: readonly X509Certificate[],
  roots: readonly X509Certificate[],
): readonly X509Certificate[] | undefined {
  const path = [leaf];
  for (let current = leaf; path.length <= MAX_DEPTH; ) {
    const root = roots.find((each) => each.raw.equals(current.raw) || isIssuedBy(current, each));
    if (root !== undefined) return [...path, root];
    const next = between.find((each) => each.ca && !path.includes(each) && isIssuedBy(current, each));
    if (next === undefined) return undefined;
    path.push(next);
    current = next;
  }
  return undefined;
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/**
 * Takes the common name for the user and the organizations for groups.
 * Source: apiserver `pkg/authentication/request/x509/x509.go`.
 */
export function certificateAuthenticator(
  verifier: CertificateVerifier,
  onCertificate?: (untilMs: number) => void,
): Authenticator {
  const users = new WeakMap<VerifiedCertificate, User>();
  return {
    async authenticate({ certificates }: Credentials): Promise<User | undefined> {
      if (certificates.length === 0) return undefined;
      const verified = verifyOrRefuse(verifier, certificates);
      onCertificate?.(verified.untilMs);
      if (verified.subject.commonName === '') return undefined;
      const known = users.get(verified);
      if (known !== undefined) return known;
      const user: User = {
        name: verified.subject.commonName,
        groups: [...verified.subject.organizations, 'system:authenticated'],
        extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${verified.fingerprint}`] },
      };
      users.set(verified, user);
      return user;
    },
  };
}

/** @throws StatusError 401 */
export function verifyOrRefuse(verifier: CertificateVerifier, chain: readonly Buffer[]): VerifiedCertificate {
  try {
    return verifier.verify(chain);
  } catch (error) {
    throw unauthorized('Unauthorized', { cause: error });
  }
}
