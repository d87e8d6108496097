import { secrets } from '../../generated/resource-types.ts';
import { advertisedHosts, portOf, toUrl } from '../addresses.ts';
import { labelsOf, namesOf, type Observed, secretText, toSecretData } from '../observed.ts';
import { type Step, wait, want } from './step.ts';

/** The join token with everything that a machine needs beside it. */
export const tokenStep: Step = {
  name: 'token',
  condition: 'TokenReady',
  plan(observed, keys) {
    const { cluster, settings, tokenSecret } = observed;
    const ca = secretText(observed.pkiSecret, 'server-ca.crt');
    const host = advertisedHosts(observed)[0];
    const port = portOf(observed.service);
    if (ca === undefined || port === undefined)
      return wait('CertificatesMissing', 'the certificates are not there yet');
    if (host === undefined) return wait('NoAddress', noAddressMessage(observed));
    const token = `K10${keys.caHash(ca)}::server:${passwordOf(secretText(tokenSecret, 'token')) ?? keys.newPassword()}`;
    const url = toUrl(host, port);
    return want({
      type: secrets,
      object: {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: namesOf(cluster).token, namespace: cluster.metadata.namespace, labels: labelsOf(cluster) },
        type: 'warren.dev/token',
        data: toSecretData({ token, url, 'join.sh': joinScript(url, token, settings.agentVersion) }),
      },
    });
  },
};

/** The password of a full token, which may itself contain colons. */
export function passwordOf(token: string | undefined): string | undefined {
  return /^K10[0-9a-f]{64}::[^:]*:(.+?)\n?$/.exec(token ?? '')?.[1];
}

/** One line for a fresh machine: installs the k3s release that fits the server and joins. */
export function joinScript(url: string, token: string, agentVersion: string): string {
  return (
    `curl -sfL https://get.k3s.io | INSTALL_K3S_VERSION='${agentVersion}' ` +
    `K3S_URL='${url}' K3S_TOKEN='${token}' sh -s - agent\n`
  );
}

export function noAddressMessage({ spec }: Observed): string {
  switch (spec.exposure.type) {
    case 'NodePort':
      return 'no node of the host cluster is ready and has an address: wait for one, or set spec.exposure.hosts';
    case 'LoadBalancer':
      return 'the load balancer has no address yet: wait for the cloud, or set spec.exposure.hosts';
    case 'ClusterIP':
      return 'the Service has no cluster IP yet';
  }
}
