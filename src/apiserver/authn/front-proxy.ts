import { unauthorized } from '../../machinery/errors/status-error.ts';
import type { Authenticator, Credentials, User } from '../call.ts';
import { type CertificateVerifier, verifyOrRefuse } from './client-certificate.ts';

const USER = 'x-remote-user';
const UID = 'x-remote-uid';
const GROUP = 'x-remote-group';
const EXTRA = 'x-remote-extra-';

/**
 * Believes a proxy that shows a certificate of the request header authority when it says for whom it asks.
 * @param allowedNames - Common names that the proxy may have; none means any.
 * Source: apiserver `pkg/authentication/request/headerrequest/requestheader.go`.
 */
export function frontProxyAuthenticator(verifier: CertificateVerifier, allowedNames: readonly string[]): Authenticator {
  return {
    async authenticate(credentials: Credentials): Promise<User | undefined> {
      const name = credentials.header(USER);
      // Without the header upstream would check the certificate too, only to find that nobody is named.
      if (!name || credentials.certificates.length === 0) return undefined;
      const { subject } = verifyOrRefuse(verifier, credentials.certificates);
      if (allowedNames.length > 0 && !allowedNames.includes(subject.commonName)) throw unauthorized();
      return readUser(name, credentials);
    },
  };
}

function readUser(name: string, credentials: Credentials): User {
  const groups: string[] = [];
  const extra: Record<string, string[]> = {};
  const raw = credentials.rawHeaders ?? [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const header = (raw[index] ?? '').toLowerCase();
    const value = raw[index + 1] ?? '';
    if (header === GROUP && value !== '') groups.push(value);
    if (header.startsWith(EXTRA)) {
      const key = unescapeKey(header.slice(EXTRA.length));
      extra[key] = [...(extra[key] ?? []), value];
    }
  }
  const uid = credentials.header(UID);
  return {
    name,
    ...(uid ? { uid } : {}),
    groups: withAuthenticated(groups),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

/** Groups of somebody who has been recognised. Source: apiserver `pkg/authentication/group`. */
export function withAuthenticated(groups: readonly string[]): readonly string[] {
  const special = groups.includes('system:authenticated') || groups.includes('system:unauthenticated');
  return special ? groups : [...groups, 'system:authenticated'];
}

function unescapeKey(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
