import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Backend } from '../datastore/backend.ts';
import { StorageError } from '../datastore/storage-error.ts';
import { createPkiFiles, PKI_FILE_NAMES, type PkiFiles } from '../pki/bundle.ts';
import { newPassword, parseJoinToken } from '../pki/join-token.ts';
import type { Clock } from '../std/clock.ts';
import {
  BOOTSTRAP_PREFIX,
  type BootstrapData,
  bootstrapKey,
  openBootstrapData,
  sealBootstrapData,
  toBootstrapFields,
} from './bootstrap-data.ts';
import { ConfigError, pathsOf, type TenantConfig } from './config.ts';
import { encryptionConfigPath, newEncryptionConfig } from './encryption.ts';
import { writePrivate } from './identity.ts';

/** k3s leaves an empty value while it makes an identity. */
const MAKING_POLL_MS = 1_000;
const MAKING_LIMIT_MS = 30_000;

type Place = Pick<TenantConfig, 'dataDir' | 'pkiDir' | 'token' | 'encryptsSecrets'>;

/**
 * Brings the authorities in the data folder and in the datastore together, before {@link loadIdentity} reads them: a
 * folder without any takes those of the datastore, by the token; a datastore without any gets those of the folder. So
 * replicas share one identity, a lost folder costs nothing, a cluster that a k3s kept goes on here, and a k3s can take
 * over.
 *
 * @param options.isOwn - The datastore lies in the data folder: what it holds is of the same cluster for sure.
 * @throws ConfigError where the two are different clusters, or the token does not open the datastore.
 *
 * Source: k3s `pkg/cluster/storage.go`.
 */
export async function shareIdentity(
  config: Place,
  backend: Backend,
  options: { readonly isOwn: boolean; readonly clock: Clock },
): Promise<void> {
  const folder = config.pkiDir ?? pathsOf(config).tls;
  const local = readFiles(folder);
  const password = knownPassword(config);
  const { items } = await backend.list(BOOTSTRAP_PREFIX);
  const key = password === undefined ? undefined : bootstrapKey(password);
  const others = items.filter((item) => item.key !== key);
  const isThere = others.length < items.length;
  const { clock, isOwn } = options;
  const encryptionConfig = ownEncryption(config);
  const wantsEncryption = config.encryptsSecrets === true && encryptionConfig === undefined;
  if (isThere && local !== undefined && config.pkiDir !== undefined && key !== undefined && password !== undefined)
    await keepUp(backend, { key, password, clock }, local);
  if (isThere && local !== undefined && isOwn && !wantsEncryption) return;
  if (isThere && key !== undefined && password !== undefined) {
    const found = await readData(backend, { key, password, clock });
    await takeOver(config, found, local);
    if (ownEncryption(config) === undefined && wantsEncryption) await addEncryption(config, backend, { key, password });
    return;
  }
  if (others.length > 0 && (local === undefined || !isOwn)) throw new ConfigError(otherToken(password));
  const files = local ?? (await createPkiFiles(clock.nowMs()));
  const chosen = password ?? newPassword();
  const encryption = encryptionConfig ?? (wantsEncryption ? newEncryptionConfig() : undefined);
  const fields = toBootstrapFields(files, encryption);
  const found = await offer(backend, { fields, password: chosen, clock });
  if (password === undefined) writePrivate(pathsOf(config).token, `${chosen}\n`);
  await takeOver(config, found, local);
  // The token is another one now; k3s refuses a datastore with two.
  for (const { key: old, modRevision } of others) await backend.delete(old, modRevision);
}

/** Writes an identity, or reads the one of a server that was quicker. */
async function offer(
  backend: Backend,
  { fields, password, clock }: { fields: Readonly<Record<string, string>>; password: string; clock: Clock },
): Promise<BootstrapData> {
  const key = bootstrapKey(password);
  try {
    await backend.create(key, await sealBootstrapData(fields, password));
  } catch (error) {
    if (!(error instanceof StorageError) || error.fault !== 'key-exists') throw error;
  }
  return await readData(backend, { key, password, clock });
}

/** Puts authorities that were given from outside, and have changed since, in place of those in the datastore. */
async function keepUp(
  backend: Backend,
  { key, password, clock }: { key: string; password: string; clock: Clock },
  local: PkiFiles,
): Promise<void> {
  const { fields, files } = await readData(backend, { key, password, clock });
  if (Object.entries(local).every(([name, text]) => files[name]?.trim() === text.trim())) return;
  const current = await backend.get(key);
  if (current === undefined) return;
  const next = { ...fields, ...toBootstrapFields(local) };
  try {
    await backend.update(key, await sealBootstrapData(next, password), current.modRevision);
  } catch (error) {
    // Another replica was quicker, with the same files.
    if (!(error instanceof StorageError) || error.fault !== 'revision-moved') throw error;
  }
}

/** Gives a cluster a configuration of encryption: of servers that do so at the same moment, the first one's counts. */
async function addEncryption(
  config: Place,
  backend: Backend,
  { key, password }: { key: string; password: string },
): Promise<void> {
  for (;;) {
    const current = await backend.get(key);
    if (current === undefined)
      throw new ConfigError('the identity of the cluster is gone from the datastore: start again');
    const { fields, files, encryptionConfig } = await openBootstrapData(current.value, password);
    const chosen = encryptionConfig ?? newEncryptionConfig();
    try {
      const next = { ...fields, ...toBootstrapFields(files, chosen) };
      if (encryptionConfig === undefined)
        await backend.update(key, await sealBootstrapData(next, password), current.modRevision);
      writePrivate(encryptionConfigPath(config), chosen);
      return;
    } catch (error) {
      if (!(error instanceof StorageError) || error.fault !== 'revision-moved') throw error;
    }
  }
}

function ownEncryption(config: Place): string | undefined {
  const path = encryptionConfigPath(config);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

async function readData(
  backend: Backend,
  { key, password, clock }: { key: string; password: string; clock: Clock },
): Promise<BootstrapData> {
  const deadlineMs = clock.nowMs() + MAKING_LIMIT_MS;
  let value = (await backend.get(key))?.value;
  while (value !== undefined && value.length === 0 && clock.nowMs() < deadlineMs) {
    await clock.sleep(MAKING_POLL_MS);
    value = (await backend.get(key))?.value;
  }
  if (value === undefined || value.length === 0)
    throw new ConfigError(
      'another server has begun to make the identity of this cluster and not finished: start it again',
    );
  try {
    return await openBootstrapData(value, password);
  } catch (cause) {
    throw new ConfigError(
      'the identity in the datastore cannot be opened with this token: it is damaged, restore a backup',
      {
        cause,
      },
    );
  }
}

/** Puts files that the folder lacks in place. */
async function takeOver(
  config: Place,
  { files, encryptionConfig }: BootstrapData,
  local: PkiFiles | undefined,
): Promise<void> {
  const paths = pathsOf(config);
  if (local === undefined) {
    for (const [name, text] of Object.entries(files))
      writePrivate(join(config.pkiDir ?? paths.tls, name), text, name.endsWith('.crt') ? 0o644 : 0o600);
  } else if (config.pkiDir === undefined && local['server-ca.crt']?.trim() !== files['server-ca.crt']?.trim()) {
    throw new ConfigError(
      `${paths.tls} and the datastore are of different clusters: name another --data-dir, or another --datastore-endpoint`,
    );
  }
  const encryption = encryptionConfigPath(config);
  if (encryptionConfig !== undefined && !existsSync(encryption)) writePrivate(encryption, encryptionConfig);
}

/** All files of the identity; undefined where none is there. {@link loadIdentity} tells of a part that is missing. */
function readFiles(folder: string): PkiFiles | undefined {
  const present = PKI_FILE_NAMES.filter((name) => existsSync(join(folder, name)));
  if (present.length === 0) return undefined;
  return Object.fromEntries(present.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

function knownPassword(config: Place): string | undefined {
  const { token } = pathsOf(config);
  const text = config.token ?? (existsSync(token) ? readFileSync(token, 'utf8') : undefined);
  return text === undefined ? undefined : parseJoinToken(text).password;
}

function otherToken(password: string | undefined): string {
  const what = password === undefined ? 'its token is not known here' : 'the token is not the one of it';
  return `the datastore holds a cluster, and ${what}: give the right one by --token`;
}
