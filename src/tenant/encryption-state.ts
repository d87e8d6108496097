import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { EncryptionState } from '../supervisor/server-routes.ts';

interface Configuration {
  readonly resources?: readonly {
    readonly providers?: readonly Readonly<Record<string, { readonly keys?: readonly { name: string }[] } | null>>[];
  }[];
}

/** How k3s names what encrypts; providers that it does not have go by their own names. */
const KEY_TYPES: Readonly<Record<string, string>> = { aescbc: 'AES-CBC', secretbox: 'XSalsa20-POLY1305' };

/**
 * What `k3s secrets-encrypt status` shows of an EncryptionConfiguration.
 *
 * Source: k3s `pkg/server/handlers/secrets-encrypt.go` (encryptionStatus).
 */
export function encryptionStateOf(path: string): EncryptionState {
  if (!existsSync(path)) return { stage: '', activekey: '' };
  const { resources = [] } = parse(readFileSync(path, 'utf8')) as Configuration;
  const providers = (resources[0]?.providers ?? []).flatMap((entry) => Object.entries(entry));
  const keys = providers.flatMap(([provider, settings]) =>
    (settings?.keys ?? []).map(({ name }) => `${KEY_TYPES[provider] ?? provider} ${name}`),
  );
  const enable = providers[0]?.[0] !== 'identity';
  const [activekey = '', ...inactivekeys] = enable ? keys : ['', ...keys];
  return { stage: 'start', activekey, enable, hashmatch: true, ...(inactivekeys.length > 0 ? { inactivekeys } : {}) };
}
