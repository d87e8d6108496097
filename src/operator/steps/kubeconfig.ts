import type { Secret } from '../../generated/api/core/v1.ts';
import { secrets } from '../../generated/resource-types.ts';
import { advertised, portOf, publicUrl, toUrl } from '../addresses.ts';
import { labelsOf, namesOf, type PkiFiles, secretText, toSecretData } from '../observed.ts';
import { type Step, wait, want } from './step.ts';

/** A kubeconfig is made anew when its certificate has less than this to live. */
const RENEW_BEFORE_MS = 60 * 24 * 3600 * 1000;

/** The administrator's kubeconfig for the tenant, with the first advertised address. */
export const kubeconfigStep: Step = {
  name: 'kubeconfig',
  condition: 'KubeconfigReady',
  async plan(observed, keys) {
    const { cluster, kubeconfigSecret, nowMs } = observed;
    const host = advertised(observed).hosts[0];
    const port = portOf(observed.service);
    if (host === undefined || port === undefined) return wait('NoAddress', 'the tenant has no address yet');
    const pki = toPkiFiles(observed.pkiSecret);
    const url = publicUrl(observed.spec) ?? toUrl(host, port);
    const present = secretText(kubeconfigSecret, 'kubeconfig.yaml');
    if (present !== undefined && stillGood(present, url, pki, keys.kubeconfigEndsMs(present), nowMs)) return want();
    const text = await keys.adminKubeconfig(pki, url, cluster.metadata.name ?? '');
    return want({
      type: secrets,
      object: {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: {
          name: namesOf(cluster).kubeconfig,
          namespace: cluster.metadata.namespace,
          labels: labelsOf(cluster),
        },
        type: 'warren.dev/kubeconfig',
        // `value` is where Cluster API's tools look.
        data: toSecretData({ value: text, 'kubeconfig.yaml': text }),
      },
    });
  },
};

function stillGood(kubeconfig: string, url: string, pki: PkiFiles, endsMs: number | undefined, nowMs: number): boolean {
  const ca = Buffer.from(pki['server-ca.crt'] ?? '').toString('base64');
  if (!kubeconfig.includes(`server: ${url}\n`) || !kubeconfig.includes(ca)) return false;
  return endsMs !== undefined && endsMs - nowMs > RENEW_BEFORE_MS;
}

export function toPkiFiles(secret: Secret | undefined): PkiFiles {
  return Object.fromEntries(Object.keys(secret?.data ?? {}).map((key) => [key, secretText(secret, key) ?? '']));
}
