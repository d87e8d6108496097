import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ServingCertificate } from '../apiserver/listener/https.ts';
import { createPkiFiles, loadPki, PKI_FILE_NAMES, type Pki, type PkiFiles } from '../pki/bundle.ts';
import { DAY_MS, endsMs, issueCertificate } from '../pki/certificate.ts';
import { formatJoinToken, newPassword, parseJoinToken } from '../pki/join-token.ts';
import { ConfigError, pathsOf, type TenantConfig } from './config.ts';

/** Source: k3s renews certificates that end within it, at start. */
const RENEW_BEFORE_MS = 120 * DAY_MS;

/** Writes a file that only its owner reads, with its folder. */
export function writePrivate(path: string, text: string, mode = 0o600): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, text, { mode });
  } catch (cause) {
    throw new ConfigError(
      `${path} cannot be written: ${(cause as Error).message}; choose another folder, or make it writable`,
      { cause },
    );
  }
}

/** The authorities: from the folder that was given, else from the data folder, where they are made once and kept. */
export async function loadIdentity(
  config: Pick<TenantConfig, 'dataDir' | 'pkiDir'>,
  nowMs: number,
): Promise<{ pki: Pki; files: PkiFiles }> {
  const folder = config.pkiDir ?? pathsOf(config).tls;
  const present = PKI_FILE_NAMES.filter((name) => existsSync(join(folder, name)));
  if (present.length === 0) {
    if (config.pkiDir !== undefined)
      throw new ConfigError(`--pki-dir ${folder} holds none of ${PKI_FILE_NAMES.join(', ')}`);
    const files = await createPkiFiles(nowMs);
    for (const [name, text] of Object.entries(files))
      writePrivate(join(folder, name), text, name.endsWith('.crt') ? 0o644 : 0o600);
    return { pki: loadPki(files), files };
  }
  const missing = PKI_FILE_NAMES.filter((name) => !present.includes(name));
  if (missing.length > 0) {
    throw new ConfigError(
      `${folder} lacks ${missing.join(', ')}: restore it from a backup; new ones would lock out every machine that has joined`,
    );
  }
  const files = Object.fromEntries(PKI_FILE_NAMES.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
  try {
    return { pki: loadPki(files), files };
  } catch (cause) {
    throw new ConfigError(`${folder}: ${(cause as Error).message}; restore the file from a backup`, { cause });
  }
}

/** The serving certificate: kept until it nears its end or names are asked for that it lacks. */
export function loadServing(
  config: Pick<TenantConfig, 'dataDir'>,
  pki: Pki,
  names: readonly string[],
  nowMs: number,
): ServingCertificate {
  const base = join(pathsOf(config).tls, 'serving-kube-apiserver');
  const kept = existsSync(`${base}.crt`)
    ? { certPem: readFileSync(`${base}.crt`, 'utf8'), keyPem: readFileSync(`${base}.key`, 'utf8') }
    : undefined;
  if (kept !== undefined && isGood(kept, pki, names, nowMs)) return kept;
  const subject = { commonName: 'kube-apiserver', organizations: [], usages: ['server' as const], names };
  const { chainPem, keyPem = '' } = issueCertificate(pki.server, subject, { nowMs });
  writePrivate(`${base}.crt`, chainPem, 0o644);
  writePrivate(`${base}.key`, keyPem);
  return { certPem: chainPem, keyPem };
}

function isGood({ certPem }: ServingCertificate, pki: Pki, names: readonly string[], nowMs: number): boolean {
  try {
    const certificate = new X509Certificate(certPem);
    if (!certificate.checkIssued(new X509Certificate(pki.server.certPem))) return false;
    const held = new Set(
      (certificate.subjectAltName ?? '').split(', ').map((entry) => entry.replace(/^(DNS|IP Address):/, '')),
    );
    const has = (name: string): boolean => held.has(name) || certificate.checkIP(name) !== undefined;
    return endsMs(certPem) - nowMs > RENEW_BEFORE_MS && names.every(has);
  } catch {
    return false;
  }
}

/** The passwords with which machines and servers join, and the token in full form. */
export interface Tokens {
  readonly server: string;
  readonly agent: string;
  readonly full: string;
}

/** The join tokens, from the flags or as kept in the data folder; written in full form, as k3s writes them. */
export function loadTokens(config: TenantConfig, pki: Pki): Tokens {
  const paths = pathsOf(config);
  const given = config.token ?? (existsSync(paths.token) ? readFileSync(paths.token, 'utf8') : undefined);
  const server = given === undefined ? newPassword() : parseJoinToken(given).password;
  const agent = config.agentToken === undefined ? server : parseJoinToken(config.agentToken).password;
  return writeTokens(config, pki, { server, agent });
}

/** Keeps the join tokens in the data folder. */
export function writeTokens(
  config: Pick<TenantConfig, 'dataDir'>,
  pki: Pki,
  { server, agent }: Omit<Tokens, 'full'>,
): Tokens {
  const paths = pathsOf(config);
  const full = formatJoinToken(pki.server.certPem, 'server', server);
  writePrivate(paths.token, `${full}\n`);
  writePrivate(paths.nodeToken, `${full}\n`);
  if (agent !== server) writePrivate(paths.agentToken, `${formatJoinToken(pki.server.certPem, 'node', agent)}\n`);
  return { server, agent, full };
}
