import type { Secret } from '../../generated/api/core/v1.ts';
import { unauthorized } from '../../machinery/errors/status-error.ts';
import type { Clock } from '../../std/clock.ts';
import type { Authenticator, Credentials, User } from '../call.ts';
import type { ObjectReader } from '../object-reader.ts';
import { bearerTokenOf, type TokenAuthenticator, type TokenIdentity } from './bearer-token.ts';
import { bootstrapTokenAuthenticator } from './bootstrap-tokens.ts';
import { CertificateVerifier, certificateAuthenticator } from './client-certificate.ts';
import { frontProxyAuthenticator } from './front-proxy.ts';
import { serviceAccountTokenAuthenticator } from './service-account-tokens.ts';
import type { TokenKey } from './token-keys.ts';

export interface AuthenticatorOptions {
  /** Authorities of client certificates, in PEM. */
  readonly clientCaPem: string;
  /** Aggregating proxies are believed where this is set. */
  readonly requestHeader?: { readonly caPem: string; readonly allowedNames: readonly string[] } | undefined;
  readonly serviceAccounts: {
    readonly keys: readonly TokenKey[];
    /** The issuing one first. */
    readonly issuers: readonly string[];
    readonly audiences: readonly string[];
    readonly onLegacyTokenUsed?: ((secret: Secret) => void) | undefined;
  };
  readonly reader: ObjectReader;
  readonly clock: Clock;
  /** Judges `Basic` credentials, such as join tokens; undefined where it knows them not. */
  readonly basic?: ((user: string, password: string) => Promise<User | undefined>) | undefined;
  /** Further kinds of bearer tokens. */
  readonly tokens?: readonly TokenAuthenticator[] | undefined;
  /**
   * Whether who brings no credentials may ask as `system:anonymous`: for everything, or for some paths only. Default
   * false, as k3s sets it: 401. Source: apiserver `pkg/authentication/request/anonymous`.
   */
  readonly anonymous?: boolean | { readonly paths: readonly string[] } | undefined;
  /** Told until when the certificate of a request is good. */
  readonly onCertificate?: ((untilMs: number) => void) | undefined;
}

const anonymousUser: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/**
 * The authenticators of a server in upstream's order: front proxy, client certificate, basic, bearer tokens, anonymous.
 * The first that knows the caller decides. A caller whom one refused and none knew is refused, not anonymous.
 * Source: `pkg/kubeapiserver/authenticator/config.go`.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { reader, clock, requestHeader } = options;
  const tokens: readonly TokenAuthenticator[] = [
    ...(options.tokens ?? []),
    serviceAccountTokenAuthenticator({ ...options.serviceAccounts, reader, clock }),
    bootstrapTokenAuthenticator(reader, clock),
  ];
  const links: Authenticator['authenticate'][] = [];
  if (requestHeader !== undefined) {
    const verifier = new CertificateVerifier(requestHeader.caPem, clock);
    links.push(frontProxyAuthenticator(verifier, requestHeader.allowedNames).authenticate);
  }
  links.push(
    certificateAuthenticator(new CertificateVerifier(options.clientCaPem, clock), options.onCertificate).authenticate,
  );
  if (options.basic !== undefined) links.push(basicAuthenticator(options.basic));
  links.push((credentials, signal) => authenticateBearer(credentials, tokens, signal));
  return {
    async authenticate(credentials, signal) {
      let refusal: unknown;
      for (const link of links) {
        try {
          const user = await link(credentials, signal);
          if (user !== undefined) return user;
        } catch (error) {
          refusal ??= error;
        }
      }
      if (refusal !== undefined) throw refusal;
      if (isOpenTo(options.anonymous, credentials)) return anonymousUser;
      throw unauthorized();
    },
    async reviewToken(token, audiences, signal) {
      try {
        return await findIdentity(token, audiences, tokens, signal);
      } catch (error) {
        return { error: error instanceof Error ? error.message : String(error) };
      }
    },
  };
}

function isOpenTo(anonymous: AuthenticatorOptions['anonymous'] = false, { path }: Credentials): boolean {
  if (typeof anonymous === 'boolean') return anonymous;
  return path !== undefined && anonymous.paths.includes(path);
}

async function authenticateBearer(
  credentials: Credentials,
  tokens: readonly TokenAuthenticator[],
  signal: AbortSignal,
): Promise<User | undefined> {
  const token = bearerTokenOf(credentials);
  if (token === undefined) return undefined;
  try {
    return (await findIdentity(token, [], tokens, signal)).user;
  } catch (error) {
    throw unauthorized('Unauthorized', { cause: error });
  }
}

/** @throws Error with all that the authenticators have to say against the token. */
async function findIdentity(
  token: string,
  audiences: readonly string[],
  tokens: readonly TokenAuthenticator[],
  signal: AbortSignal,
): Promise<TokenIdentity> {
  const faults = ['invalid bearer token'];
  for (const authenticator of tokens) {
    try {
      const found = await authenticator.authenticateToken(token, audiences, signal);
      if (found !== undefined) return found;
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new Error(faults.length === 1 ? faults[0] : `[${faults.join(', ')}]`);
}

/** Upstream knows no such credentials: those that are wrong count as none, and their sender as nobody. */
function basicAuthenticator(
  basic: (user: string, password: string) => Promise<User | undefined>,
): Authenticator['authenticate'] {
  return async (credentials) => {
    const [, encoded] = /^basic\s+(\S+)\s*$/i.exec(credentials.header('authorization') ?? '') ?? [];
    if (encoded === undefined) return undefined;
    const text = Buffer.from(encoded, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    if (colon < 0) return undefined;
    return await basic(text.slice(0, colon), text.slice(colon + 1));
  };
}
