import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect } from 'node:tls';
import { TlsStream } from '../proxy/tls-stream.ts';

/** What a server has to prove, and how the client proves itself. */
export interface TlsExpectations {
  /** The name, or address, that its certificate must be for. */
  readonly serverName: string;
  /** Authorities in PEM. Without them, those that everybody trusts. */
  readonly caPem?: string | undefined;
  readonly skipsVerification?: boolean | undefined;
  readonly client?: { readonly certPem: string; readonly keyPem: string } | undefined;
}

/** @throws Error in Go's words where the server does not prove what it has to. */
export function startVerifiedTls(socket: Duplex, expected: TlsExpectations): Promise<Duplex> {
  const { serverName, caPem, client, skipsVerification = false } = expected;
  const options: ConnectionOptions = {
    socket,
    ALPNProtocols: ['http/1.1'],
    // The host is what identities are checked for; addresses are never sent as a name.
    host: serverName,
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
    ...(caPem === undefined || caPem === '' ? {} : { ca: caPem }),
    ...(client === undefined ? {} : { cert: client.certPem, key: client.keyPem }),
    rejectUnauthorized: !skipsVerification,
  };
  return new Promise((resolve, reject) => {
    const secured = connect(options);
    const fail = (error: Error): void => {
      secured.destroy();
      socket.destroy();
      reject(toGoError(error, serverName));
    };
    const close = (): void => fail(new Error('EOF'));
    secured.once('error', fail).once('close', close);
    secured.once('secureConnect', () => {
      secured.off('error', fail).off('close', close);
      resolve(new TlsStream(secured, socket));
    });
  });
}

const unknownAuthority = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
]);

/** Source: Go's `crypto/tls`, `crypto/x509/verify.go`. */
function toGoError(error: Error, serverName: string): Error {
  const { code = '' } = error as { code?: string };
  const failed = (why: string): Error => new Error(`tls: failed to verify certificate: x509: ${why}`, { cause: error });
  if (unknownAuthority.has(code)) return failed('certificate signed by unknown authority');
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return failed('certificate has expired or is not yet valid');
  if (code !== 'ERR_TLS_CERT_ALTNAME_INVALID') return error;
  const { cert } = error as { cert?: { subjectaltname?: string } };
  const names = (cert?.subjectaltname ?? '').split(', ').filter((name) => name.startsWith('DNS:'));
  const shown = names.map((name) => name.slice('DNS:'.length)).join(', ');
  if (shown === '') return failed(`certificate is not valid for any names, but wanted to match ${serverName}`);
  return failed(`certificate is valid for ${shown}, not ${serverName}`);
}
