import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EncryptionRule } from '../datastore/encryption/encrypted-backend.ts';
import { type Cipher, createProvider, identity, type Provider } from '../datastore/encryption/provider.ts';
import { ConfigError, pathsOf, type TenantConfig } from './config.ts';

/** An EncryptionConfiguration, as far as it is read. Source: apiserver `pkg/apis/apiserver/v1/types_encryption.go`. */
interface EncryptionConfiguration {
  readonly resources?: readonly {
    readonly resources?: readonly string[];
    readonly providers?: readonly Readonly<Record<string, { readonly keys?: readonly NamedKey[] } | undefined>>[];
  }[];
}

interface NamedKey {
  readonly name: string;
  /** Base64. */
  readonly secret: string;
}

/** Resources that are stored under another name than theirs. Source: kube-apiserver `SpecialDefaultResourcePrefixes`. */
const STORED_AS: Readonly<Record<string, string>> = {
  endpoints: 'services/endpoints',
  services: 'services/specs',
  nodes: 'minions',
  replicationcontrollers: 'controllers',
  'ingresses.networking.k8s.io': 'ingress',
};
const BUILTIN_GROUP = /(^|\.)(apps|batch|autoscaling|policy|[a-z.]*k8s\.io)$/;

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

/** The rules of the tenant's configuration; none where it has none. @throws ConfigError */
export function readEncryptionRules(config: Pick<TenantConfig, 'dataDir'>): readonly EncryptionRule[] {
  const path = encryptionConfigPath(config);
  if (!existsSync(path)) return [];
  try {
    return toEncryptionRules(JSON.parse(readFileSync(path, 'utf8')) as EncryptionConfiguration);
  } catch (cause) {
    throw new ConfigError(`${path} cannot be used: ${(cause as Error).message}; restore it from a backup`, { cause });
  }
}

export function toEncryptionRules({ resources = [] }: EncryptionConfiguration): readonly EncryptionRule[] {
  return resources.map((entry) => {
    const [first, ...rest] = (entry.providers ?? []).flatMap(toProviders);
    if (first === undefined) throw new Error('a list of resources has no provider');
    return { prefixes: (entry.resources ?? []).flatMap(toPrefixes), providers: [first, ...rest] as const };
  });
}

function toProviders(entry: Readonly<Record<string, { readonly keys?: readonly NamedKey[] } | undefined>>): Provider[] {
  return Object.entries(entry).flatMap(([name, settings]) => {
    if (name === 'identity') return [identity];
    if (!isCipher(name)) throw new Error(`the provider ${name} is not known here`);
    return (settings?.keys ?? []).map((key) => createProvider(name, key.name, Buffer.from(key.secret, 'base64')));
  });
}

function isCipher(name: string): name is Cipher {
  return name === 'aescbc' || name === 'aesgcm' || name === 'secretbox';
}

function toPrefixes(resource: string): string[] {
  if (resource === '*.*') return ['/registry/'];
  const [plural = '', ...rest] = resource.split('.');
  const group = rest.join('.');
  if (plural === '*') throw new Error(`${resource} is not known here: name the resources`);
  const stored = STORED_AS[resource] ?? (group === '' || BUILTIN_GROUP.test(group) ? plural : `${group}/${plural}`);
  return [`/registry/${stored}/`];
}
