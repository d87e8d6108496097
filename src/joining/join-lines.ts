/** What a machine needs to join. */
export interface JoinAddress {
  readonly url: string;
  readonly token: string;
}

const AGENT_DIR = '/var/lib/rancher/k3s/agent';
const REGISTRIES = 'v1-warren/registries.sh';

/**
 * One line for a fresh machine: installs the k3s release that fits the server and joins. Where the tenant names
 * registries, they come first, through its own port.
 */
export function toJoinLine(
  { url, token }: JoinAddress,
  { version, hasRegistries }: { readonly version: string; readonly hasRegistries: boolean },
): string {
  const before = hasRegistries ? `${toCheckedFetch({ url, token }, REGISTRIES, '"$d/sh"')} && sh "$d/sh" && ` : '';
  return (
    `${before}curl -sfL https://get.k3s.io | INSTALL_K3S_VERSION='${version}' ` +
    `K3S_URL='${url}' K3S_TOKEN='${token}' sh -s - agent\n`
  );
}

/** A line for a machine without a way out: all that it needs comes through the tenant's port, whose authority is checked first. */
export function toOfflineLine({ url, token }: JoinAddress): string {
  const fetch = toCheckedFetch({ url, token }, 'v1-warren/install.sh', '"$d/sh"');
  return `${fetch} && K3S_URL='${url}' K3S_TOKEN='${token}' sh "$d/sh"\n`;
}

/**
 * The form of a token that agents of every age take: those before v1.26 know no bootstrap tokens, and take this one for
 * the password of a node.
 */
export function toTokenOfAnyAge(token: string): string {
  return token.replace(/^(K10[0-9a-f]{64})::([a-z0-9]{6}\.[a-z0-9]{16})$/, '$1::node:$2');
}

/**
 * Reads a path of the tenant with the join token, once its authority is the one that the token pins, into a file of the
 * folder `d` that it makes, or to the output.
 */
function toCheckedFetch({ url, token }: JoinAddress, path: string, file?: string): string {
  const [, hash = '', credentials = ''] = /^K10([0-9a-f]{64})::(.+)$/.exec(token) ?? [];
  const user = credentials.includes(':') ? credentials : `node:${credentials}`;
  return (
    `d=$(mktemp -d) && curl -ksSf '${url}/cacerts' -o "$d/ca" && ` +
    `{ [ "$(sha256sum < "$d/ca")" = '${hash}  -' ] || { echo 'the server is not the one of the token' >&2; false; }; } && ` +
    `curl -sSf --cacert "$d/ca" -u '${user}' '${url}/${path}'${file === undefined ? '' : ` -o ${file}`}`
  );
}

/** Reads the script of registries as the node that the machine is, through its agent's own way to the servers. */
export const registriesRefresh =
  `curl -sSf --cacert ${AGENT_DIR}/server-ca.crt --cert ${AGENT_DIR}/client-kubelet.crt ` +
  `--key ${AGENT_DIR}/client-kubelet.key https://127.0.0.1:6444/${REGISTRIES} | sh`;

/** Before each start of an agent: as the token lets in, or, once that is over, as the node that the machine is. */
export function toRegistriesFetch({ url, token }: JoinAddress): string {
  const own =
    `curl -sSf --cacert ${AGENT_DIR}/server-ca.crt --cert ${AGENT_DIR}/client-kubelet.crt ` +
    `--key ${AGENT_DIR}/client-kubelet.key '${url}/${REGISTRIES}'`;
  return `{ ${own} 2> /dev/null || { ${toCheckedFetch({ url, token }, REGISTRIES)}; }; } | sh`;
}
