import type { EncryptionRule } from '../datastore/encryption/encrypted-backend.ts';
import { type Cipher, createProvider, identity, type Provider } from '../datastore/encryption/provider.ts';
import { builtinResources } from '../resources/index.ts';

/** Source: apiserver `pkg/apis/apiserver/v1/types_encryption.go`. */
export interface EncryptionConfiguration {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly resources?: readonly {
    readonly resources?: readonly string[];
    readonly providers?: readonly ProviderConfiguration[];
  }[];
}

type ProviderConfiguration = Readonly<Record<string, { readonly keys?: readonly NamedKey[] } | null>>;

interface NamedKey {
  readonly name: string;
  /** Base64. */
  readonly secret: string;
}

const GROUP = 'apiserver.config.k8s.io/v1';
/** Records of the server itself. Source: the validation named below. */
const NO_RESOURCES = ['apiserveripinfo', 'serviceipallocations', 'servicenodeportallocations'];

/** What is encrypted how; the more exact entry goes first, whatever their order. */
interface Entry {
  readonly exactness: 0 | 1 | 2;
  readonly rule: EncryptionRule;
}

/**
 * Turns a configuration into rules.
 *
 * @throws Error that names the place and what is wrong there.
 * Source: apiserver `pkg/apis/apiserver/validation/validation_encryption.go`, `pkg/server/options/encryptionconfig`.
 */
export function toEncryptionRules(configuration: EncryptionConfiguration): readonly EncryptionRule[] {
  const { apiVersion = GROUP, kind = 'EncryptionConfiguration', resources = [] } = configuration ?? {};
  if (apiVersion !== GROUP || kind !== 'EncryptionConfiguration')
    throw new Error(`it is ${apiVersion} ${kind}, and must be ${GROUP} EncryptionConfiguration`);
  if (resources.length === 0) throw new Error('resources: at least one resources is required');
  const entries = resources.flatMap((entry, index): Entry[] => {
    const at = `resources[${index}]`;
    const names = entry.resources ?? [];
    checkNames(names, `${at}.resources`);
    const [first, ...rest] = (entry.providers ?? []).flatMap((given, place) =>
      toProviders(given, `${at}.providers[${place}]`),
    );
    if (first === undefined) throw new Error(`${at}.providers: at least one provider is required`);
    const providers = [first, ...rest] as const;
    return names.map((name) => ({
      exactness: name === '*.*' ? 2 : name.startsWith('*.') ? 1 : 0,
      rule: { prefixes: toPrefixes(name), providers },
    }));
  });
  return entries.sort((a, b) => a.exactness - b.exactness).map(({ rule }) => rule);
}

function checkNames(names: readonly string[], at: string): void {
  if (names.length === 0) throw new Error(`${at}: at least one resource is required`);
  names.forEach((name, index) => {
    const fault = faultOf(name);
    if (fault !== undefined) throw new Error(`${at}[${index}]: ${name}: ${fault}`);
  });
  if (new Set(names).size < names.length)
    throw new Error(`${at}: the same resource cannot be specified multiple times`);
  const groups = names.map((name) => splitName(name).group);
  const overlaps = names.some((name, index) => {
    if (name === '*.*') return names.length > 1;
    return name.startsWith('*.') && groups.filter((group) => group === groups[index]).length > 1;
  });
  if (overlaps)
    throw new Error(
      `${at}: using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked`,
    );
}

function faultOf(name: string): string | undefined {
  const { plural, group } = splitName(name);
  if (/[A-Z]/.test(name)) return 'resource name should not contain capital letters';
  if (name === '*') return "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources";
  if (NO_RESOURCES.includes(name)) return 'resources which do not have REST API/s cannot be encrypted';
  if (group === 'events.k8s.io')
    return "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file";
  if (group === 'extensions') return "'extensions' group has been removed and cannot be used for encryption";
  if (group === '*' && plural !== '*') return 'encrypting the same resource across groups is not supported';
  return undefined;
}

function toProviders(given: ProviderConfiguration, at: string): Provider[] {
  const named = Object.entries(given ?? {});
  const [only] = named;
  if (only === undefined || named.length > 1)
    throw new Error(
      `${at}: ${only === undefined ? 'a provider is required' : 'more than one provider specified in a single element, should split into different list elements'}`,
    );
  const [name, settings] = only;
  if (name === 'identity') return [identity];
  if (name === 'kms') throw new Error(`${at}: the provider kms is not known here: use secretbox, aesgcm or aescbc`);
  if (!isCipher(name)) throw new Error(`${at}: the provider ${name} is not known`);
  const keys = settings?.keys ?? [];
  if (keys.length === 0) throw new Error(`${at}.${name}.keys: at least one keys is required`);
  return keys.map((key, index) => toProvider(name, key, `${at}.${name}.keys[${index}]`));
}

function toProvider(cipher: Cipher, { name, secret }: NamedKey, at: string): Provider {
  if (!name) throw new Error(`${at}.name: name is a mandatory field for a key`);
  if (!secret) throw new Error(`${at}.secret: secret is a mandatory field for a key`);
  const bytes = Buffer.from(secret, 'base64');
  if (bytes.toString('base64').replace(/=+$/, '') !== secret.trim().replace(/=+$/, ''))
    throw new Error(`${at}.secret: secrets must be base64 encoded`);
  return createProvider(cipher, name, bytes);
}

function isCipher(name: string): name is Cipher {
  return name === 'aescbc' || name === 'aesgcm' || name === 'secretbox';
}

/** Everything after the first dot is the group. */
function splitName(name: string): { plural: string; group: string } {
  const dot = name.indexOf('.');
  return dot < 0 ? { plural: name, group: '' } : { plural: name.slice(0, dot), group: name.slice(dot + 1) };
}

/** Where the values of a resource lie: some built-in kinds have another name there, custom ones begin with their group. */
function toPrefixes(name: string): readonly string[] {
  if (name === '*.*') return ['/registry/'];
  const { plural, group } = splitName(name);
  const inGroup = builtinResources().filter((definition) => definition.group === group);
  const stored = inGroup.filter((definition) => plural === '*' || definition.plural === plural);
  if (stored.length > 0) return [...new Set(stored.map(({ storagePrefix }) => `/registry/${storagePrefix}/`))];
  if (inGroup.length > 0 || group === '') return [`/registry/${plural}/`];
  return [plural === '*' ? `/registry/${group}/` : `/registry/${group}/${plural}/`];
}
