import { stringify } from 'yaml';

/** What a machine needs to join. */
export interface JoinParts {
  readonly url: string;
  readonly token: string;
  /** k3s release that fits the server. */
  readonly version: string;
}

/** A script for a fresh machine: installs k3s and joins; run again, it changes what is there. */
export function toScript({ url, token, version }: JoinParts): string {
  return `#!/bin/sh
# Joins this machine to ${url}. It holds the join token: keep it to yourself.
set -eu
if [ "$(id -u)" -ne 0 ]; then
  echo 'run this as root' >&2
  exit 1
fi
umask 077
mkdir -p /etc/rancher/k3s
cat > /etc/rancher/k3s/config.yaml <<'END'
${toAgentConfig({ url, token })}END
export INSTALL_K3S_VERSION='${version}' INSTALL_K3S_EXEC=agent
if command -v curl > /dev/null; then
  curl -sfL https://get.k3s.io | sh -
else
  wget -qO- https://get.k3s.io | sh -
fi
`;
}

/** User data of a machine that starts for the first time. */
export function toCloudInit({ url, token, version }: JoinParts): string {
  const content = toAgentConfig({ url, token });
  return `#cloud-config\n${stringify(
    {
      write_files: [{ path: '/etc/rancher/k3s/config.yaml', permissions: '0600', owner: 'root:root', content }],
      runcmd: [
        ['sh', '-c', `curl -sfL https://get.k3s.io | INSTALL_K3S_VERSION='${version}' INSTALL_K3S_EXEC=agent sh -`],
      ],
    },
    { lineWidth: 0 },
  )}`;
}

/** A unit for a machine that has `/usr/local/bin/k3s`; its first lines say where it goes. */
export function toSystemdUnit({ url, token }: JoinParts): string {
  return `# /etc/systemd/system/k3s-agent.service, with mode 0600, since it holds the join token; then
# systemctl daemon-reload && systemctl enable --now k3s-agent
[Unit]
Description=Lightweight Kubernetes agent of ${url}
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
Environment=K3S_URL=${url}
Environment=K3S_TOKEN=${token}
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
ExecStart=/usr/local/bin/k3s agent
KillMode=process
Delegate=yes
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5s

[Install]
WantedBy=multi-user.target
`;
}

/** A line for a machine without a way out: all that it needs comes through the tenant's port, whose authority is checked first. */
export function toOfflineLine({ url, token }: JoinParts): string {
  const [, hash = '', credentials = ''] = /^K10([0-9a-f]{64})::(.+)$/.exec(token) ?? [];
  const user = credentials.includes(':') ? credentials : `node:${credentials}`;
  return (
    `ca=$(mktemp) && curl -ksSf '${url}/cacerts' -o "$ca" && echo "${hash}  $ca" | sha256sum -c --quiet && ` +
    `curl -sSf --cacert "$ca" -u '${user}' '${url}/v1-warren/install.sh' | K3S_URL='${url}' K3S_TOKEN='${token}' sh -s -\n`
  );
}

function toAgentConfig({ url, token }: Pick<JoinParts, 'url' | 'token'>): string {
  return stringify({ server: url, token }, { lineWidth: 0 });
}
