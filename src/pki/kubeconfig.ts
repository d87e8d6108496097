import { type Authority, endsMs, issueCertificate } from './certificate.ts';

export interface KubeconfigOptions {
  /** Such as `https://192.0.2.1:30443`. */
  readonly server: string;
  readonly caPem: string;
  /** Name of cluster, user and context. Default `default`, as k3s. */
  readonly name?: string;
  readonly clientCert: string;
  readonly clientKey: string;
}

/** A kubeconfig with everything inline, in k3s's form. */
export function toKubeconfig({ server, caPem, name = 'default', clientCert, clientKey }: KubeconfigOptions): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return [
    'apiVersion: v1',
    'clusters:',
    '- cluster:',
    `    certificate-authority-data: ${base64(caPem)}`,
    `    server: ${server}`,
    `  name: ${name}`,
    'contexts:',
    '- context:',
    `    cluster: ${name}`,
    `    user: ${name}`,
    `  name: ${name}`,
    `current-context: ${name}`,
    'kind: Config',
    'users:',
    `- name: ${name}`,
    '  user:',
    `    client-certificate-data: ${base64(clientCert)}`,
    `    client-key-data: ${base64(clientKey)}`,
    '',
  ].join('\n');
}

/** A kubeconfig for `system:admin` in `system:masters`, with a new certificate of a year. */
export function adminKubeconfig(
  authorities: { readonly server: Authority; readonly client: Authority },
  options: { readonly server: string; readonly name?: string; readonly nowMs: number },
): string {
  const subject = { commonName: 'system:admin', organizations: ['system:masters'], usages: ['client' as const] };
  const { chainPem, keyPem = '' } = issueCertificate(authorities.client, subject, { nowMs: options.nowMs });
  return toKubeconfig({
    server: options.server,
    ...(options.name === undefined ? {} : { name: options.name }),
    caPem: authorities.server.certPem,
    clientCert: chainPem,
    clientKey: keyPem,
  });
}

/** When the client certificate in a kubeconfig of ours ends, in milliseconds since the epoch; undefined without one. */
export function kubeconfigEndsMs(kubeconfig: string): number | undefined {
  const data = /client-certificate-data: (\S+)/.exec(kubeconfig)?.[1];
  return data === undefined ? undefined : endsMs(Buffer.from(data, 'base64').toString('utf8'));
}
