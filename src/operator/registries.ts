import type { Secret } from '../generated/api/core/v1.ts';
import type { MachineFiles } from '../joining/registry-files.ts';
import type { Registries } from './api/virtual-cluster.ts';
import type { ReferencedSecrets } from './referenced-secrets.ts';

/** What machines are told of registries, and what is wrong with it. */
export interface ObservedRegistries {
  /** Undefined: what they were told last stays, since something that belongs to it is missing. */
  readonly files: MachineFiles | undefined;
  readonly fault?: RegistryFault | undefined;
}

export interface RegistryFault {
  readonly reason: string;
  readonly message: string;
}

/** Names of the Secrets that the registries need. */
function registrySecretNames({ configs = {} }: Registries): string[] {
  const names = Object.values(configs).flatMap(({ auth, tls }) => [
    auth?.secretRef.name,
    tls?.clientCertificateSecretRef?.name,
  ]);
  return [...new Set(names.filter((name) => name !== undefined))].sort();
}

/** Reads the Secrets and makes files of the wish; those that did not do are read anew next time. */
export async function observeRegistries(
  referenced: ReferencedSecrets,
  registries: Registries,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<ObservedRegistries> {
  const found = new Map<string, Secret>();
  for (const name of registrySecretNames(registries)) {
    const secret = await referenced.read({ namespace, name }, signal);
    if (secret !== undefined) found.set(name, secret);
  }
  const observed = await toRegistryFiles(registries, found);
  if (observed.fault !== undefined) for (const name of found.keys()) referenced.forget({ namespace, name });
  return observed;
}

/**
 * Turns the wish into files of a machine, k3s's `registries.yaml` and the certificates that it names. Secrets are taken
 * by their type, so that the name of no other Secret of the namespace brings its content to machines.
 *
 * Source: rancher/wharfie `pkg/registries/types.go` for names and shape of the file.
 */
export async function toRegistryFiles(
  { mirrors = {}, configs = {} }: Registries,
  secrets: ReadonlyMap<string, Secret>,
): Promise<ObservedRegistries> {
  const { REGISTRIES_FILE, REGISTRIES_MARK, REGISTRY_CERTIFICATES } = await import('../joining/registry-files.ts');
  const { stringify } = await import('yaml');
  const files: Record<string, string> = {};
  const fault = await findMalformedRewrite(mirrors);
  if (fault !== undefined) return { files: undefined, fault };
  const put = (host: string, suffix: string, content: string): string => {
    const path = `${REGISTRY_CERTIFICATES}/${host.replaceAll('*', '_').replace(/[^A-Za-z0-9.-]/g, '_')}.${suffix}`;
    files[path] = content;
    return path;
  };
  const rendered: Record<string, unknown> = {};
  for (const [host, { auth, tls }] of Object.entries(configs)) {
    const login = auth === undefined ? undefined : readLogin(host, auth.secretRef.name, secrets);
    const client = tls?.clientCertificateSecretRef?.name;
    const pair = client === undefined ? undefined : readPair(client, secrets);
    for (const found of [login, pair])
      if (found !== undefined && 'reason' in found) return { files: undefined, fault: found };
    rendered[host] = {
      ...(login === undefined ? {} : { auth: login }),
      ...(tls === undefined
        ? {}
        : {
            tls: {
              ...(tls.ca === undefined ? {} : { ca_file: put(host, 'ca.crt', tls.ca) }),
              ...(pair === undefined || 'reason' in pair
                ? {}
                : { cert_file: put(host, 'crt', pair.cert), key_file: put(host, 'key', pair.key) }),
              ...(tls.insecureSkipVerify === true ? { insecure_skip_verify: true } : {}),
            },
          }),
    };
  }
  const text = stringify(
    {
      ...(Object.keys(mirrors).length === 0 ? {} : { mirrors }),
      ...(Object.keys(rendered).length === 0 ? {} : { configs: rendered }),
    },
    { lineWidth: 0, aliasDuplicateObjects: false },
  );
  return { files: { ...files, [REGISTRIES_FILE]: `${REGISTRIES_MARK}\n${text}` } };
}

/** Agents leave a pattern out that they cannot read, and tell only their log. */
async function findMalformedRewrite(mirrors: NonNullable<Registries['mirrors']>): Promise<RegistryFault | undefined> {
  const patterns = Object.entries(mirrors).flatMap(([host, { rewrite = {} }]) =>
    Object.keys(rewrite).map((pattern) => ({ host, pattern })),
  );
  if (patterns.length === 0) return undefined;
  const { RE2JS } = await import('re2js');
  for (const { host, pattern } of patterns) {
    try {
      RE2JS.compile(pattern);
    } catch (error) {
      return {
        reason: 'RewriteMalformed',
        message: `spec.nodes.registries.mirrors[${host}].rewrite: "${pattern}" is no pattern: ${(error as Error).message}`,
      };
    }
  }
  return undefined;
}

type Login = { username: string; password: string } | { auth: string } | { identity_token: string };

/** The messages name Secret and key only: what stands in them is nobody's business. */
function readLogin(host: string, name: string, secrets: ReadonlyMap<string, Secret>): Login | RegistryFault {
  const secret = secrets.get(name);
  if (secret === undefined) return missing(name);
  switch (secret.type) {
    case 'kubernetes.io/basic-auth': {
      const [username, password] = [textOf(secret, 'username'), textOf(secret, 'password')];
      if (username && password) return { username, password };
      return lacking(name, username ? 'password' : 'username');
    }
    case 'kubernetes.io/dockerconfigjson': {
      const found = readDockerLogin(textOf(secret, '.dockerconfigjson') ?? '', host);
      return found ?? { reason: 'LoginMissing', message: `Secret ${name} has no login for ${host}` };
    }
    default:
      return wrongType(name, 'kubernetes.io/basic-auth or kubernetes.io/dockerconfigjson');
  }
}

function readDockerLogin(text: string, host: string): Login | undefined {
  let auths: Record<string, Record<string, string>>;
  try {
    auths = (JSON.parse(text) as { auths?: typeof auths }).auths ?? {};
  } catch {
    return undefined;
  }
  const found = Object.entries(auths).find(([key]) => hostOf(key) === hostOf(host))?.[1];
  const { username, password, auth, identitytoken } = found ?? {};
  if (identitytoken) return { identity_token: identitytoken };
  if (username && password) return { username, password };
  return auth ? { auth } : undefined;
}

/** Docker's own registry has several names. Source: containerd `reference/docker` (DefaultHost), docker `registry/config.go`. */
function hostOf(key: string): string {
  const host = key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return ['index.docker.io', 'registry-1.docker.io'].includes(host) ? 'docker.io' : host;
}

function readPair(
  name: string,
  secrets: ReadonlyMap<string, Secret>,
): { readonly cert: string; readonly key: string } | RegistryFault {
  const secret = secrets.get(name);
  if (secret === undefined) return missing(name);
  if (secret.type !== 'kubernetes.io/tls') return wrongType(name, 'kubernetes.io/tls');
  const [cert, key] = [textOf(secret, 'tls.crt'), textOf(secret, 'tls.key')];
  return cert && key ? { cert, key } : lacking(name, cert ? 'tls.key' : 'tls.crt');
}

const missing = (name: string): RegistryFault => ({
  reason: 'SecretMissing',
  message: `Secret ${name} is not in this namespace: create it, or take it out of spec.nodes.registries`,
});
const wrongType = (name: string, type: string): RegistryFault => ({
  reason: 'SecretTypeWrong',
  message: `Secret ${name} is not of type ${type}: no other Secret is given to machines`,
});
const lacking = (name: string, key: string): RegistryFault => ({
  reason: 'SecretKeyMissing',
  message: `Secret ${name} has no key ${key}`,
});

function textOf(secret: Secret, key: string): string | undefined {
  const encoded = secret.data?.[key];
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf8');
}
