import { secrets } from '../../generated/resource-types.ts';
import { toJoinLine } from '../../joining/join-lines.ts';
import { advertised, type EndpointFile, endpointFileOf, portOf, toUrl } from '../addresses.ts';
import { labelsOf, namesOf, type Observed, secretText, toSecretData } from '../observed.ts';
import { noAddressMessage } from './address.ts';
import { type Step, wait, want } from './step.ts';

/** Names that a certificate holds at most: those that were told to machines last stay. */
const MAX_NAMES = 100;

/** The join token with everything that a machine needs beside it, and what the server must know of its addresses. */
export const tokenStep: Step = {
  name: 'token',
  condition: 'ControlPlaneAvailable',
  plan(observed, keys) {
    const { cluster, settings, tokenSecret } = observed;
    const ca = secretText(observed.pkiSecret, 'server-ca.crt');
    const host = advertised(observed).hosts[0];
    const port = portOf(observed.service);
    if (ca === undefined || port === undefined)
      return wait('CertificatesMissing', 'the certificates are not there yet');
    if (host === undefined) return wait('NoAddress', noAddressMessage(observed));
    const token = `K10${keys.caHash(ca)}::server:${passwordOf(secretText(tokenSecret, 'token')) ?? keys.newPassword()}`;
    const url = toUrl(host, port);
    // A rotation under way is in this key: it must outlive an operator that dies in the middle of it.
    const next = secretText(tokenSecret, NEXT_PASSWORD);
    const registries = toRegistriesText(observed);
    return want({
      type: secrets,
      object: {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: namesOf(cluster).token, namespace: cluster.metadata.namespace, labels: labelsOf(cluster) },
        type: 'warren.dev/token',
        data: toSecretData({
          token,
          url,
          'join.sh': toJoinLine(
            { url, token },
            { version: settings.agentVersion, hasRegistries: hasRegistries(registries) },
          ),
          'endpoint.json': JSON.stringify(toEndpointFile(observed)),
          [REGISTRIES_KEY]: registries,
          ...(next === undefined ? {} : { [NEXT_PASSWORD]: next }),
        }),
      },
    });
  },
};

/** Key of the token's Secret, and of those of JoinTokens, with the files that machines get to know registries by. */
export const REGISTRIES_KEY = 'registries.json';

/** What machines are told; what they were told last, while something that belongs to it is missing. */
function toRegistriesText({ registries, tokenSecret }: Observed): string {
  if (registries === undefined) return '{}';
  if (registries.files === undefined) return secretText(tokenSecret, REGISTRIES_KEY) ?? '{}';
  return JSON.stringify(registries.files);
}

/** Whether there is something to tell. */
export const hasRegistries = (text: string | undefined): boolean => text !== undefined && text !== '{}';

/** Key of the token's Secret with the password that a rotation brings in. */
export const NEXT_PASSWORD = 'next-password';

/**
 * Addresses as they are, and names as they ever were, newest first: a machine that joined by an address of old finds it
 * in the certificate as long as it may reach it.
 */
function toEndpointFile(observed: Observed): EndpointFile {
  const { cluster, spec } = observed;
  const { hosts, addresses } = advertised(observed);
  const { server } = namesOf(cluster);
  const { namespace } = cluster.metadata;
  const { ingress, gateway } = spec.exposure;
  const published = [ingress?.host, gateway?.host].filter((host) => host !== undefined);
  const services = [server, `${server}.${namespace}`, `${server}.${namespace}.svc`];
  const now = [...services, ...spec.extraSANs, ...hosts, ...published];
  const names = [...new Set([...now, ...addresses, ...(endpointFileOf(observed)?.names ?? [])])];
  const { maxNodes } = observed.policy ?? {};
  return { addresses, names: names.slice(0, MAX_NAMES), ...(maxNodes === undefined ? {} : { maxNodes }) };
}

/** The password of a full token, which may itself contain colons. */
export function passwordOf(token: string | undefined): string | undefined {
  return /^K10[0-9a-f]{64}::[^:]*:(.+?)\n?$/.exec(token ?? '')?.[1];
}
