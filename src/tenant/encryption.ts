import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EncryptionRule } from '../datastore/encryption/encrypted-backend.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { ConfigError, pathsOf, type TenantConfig } from './config.ts';

/** A file that was changed is noticed this often; upstream looks once a minute, or when the system tells. */
const RELOAD_MS = 5_000;

type Place = Pick<TenantConfig, 'dataDir' | 'encryptionConfigFile'>;

/** Where k3s keeps the configuration. */
export function encryptionConfigPath(config: Pick<TenantConfig, 'dataDir'>): string {
  return join(pathsOf(config).server, 'cred', 'encryption-config.json');
}

/** What k3s makes for `--secrets-encryption`. Source: k3s `pkg/daemons/control/deps/deps.go` (genEncryptionConfigAndState). */
export function newEncryptionConfig(): string {
  const keys = [{ name: 'aescbckey', secret: randomBytes(32).toString('base64') }];
  const providers = [{ aescbc: { keys } }, { identity: {} }];
  return JSON.stringify({
    kind: 'EncryptionConfiguration',
    apiVersion: 'apiserver.config.k8s.io/v1',
    resources: [{ resources: ['secrets'], providers }],
  });
}

/**
 * The rules of `--encryption-provider-config`, else of the tenant's own configuration; none where it has none.
 * @throws ConfigError
 */
export async function readEncryptionRules(config: Place): Promise<readonly EncryptionRule[]> {
  const { encryptionConfigFile: given } = config;
  const own = encryptionConfigPath(config);
  if (given === undefined && !existsSync(own)) return [];
  try {
    return await parseRules(readFileSync(given ?? own, 'utf8'));
  } catch (cause) {
    const { message } = cause as Error;
    throw given === undefined
      ? new ConfigError(`${own} cannot be used: ${message}; restore it from a backup`, { cause })
      : new ConfigError(`--encryption-provider-config ${given} cannot be used: ${message}`, { cause });
  }
}

/**
 * Calls with the rules of each new content of the file; one that cannot be used is told, and the one before stays.
 * @returns how to stop.
 */
export function followEncryptionRules(
  file: string,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  onChange: (rules: readonly EncryptionRule[]) => void,
): () => void {
  let last = readText(file);
  const timer = clock.every(RELOAD_MS, () => {
    const text = readText(file);
    if (text === undefined || text === last) return;
    last = text;
    parseRules(text).then(
      (rules) => {
        onChange(rules);
        logger.info('values are encrypted by another configuration from now on', { file });
      },
      (error) => logger.error('the configuration of encryption is not taken over', { file, error }),
    );
  });
  return () => timer.cancel();
}

async function parseRules(text: string): Promise<readonly EncryptionRule[]> {
  const { toEncryptionRules } = await import('./encryption-configuration.ts');
  const isJson = text.trimStart().startsWith('{');
  return toEncryptionRules(isJson ? JSON.parse(text) : (await import('yaml')).parse(text));
}

/** Undefined for a moment while a mounted Secret is exchanged. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
