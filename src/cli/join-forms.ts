import { stringify } from 'yaml';
import { toAgentUnit } from '../joining/agent-service.ts';
import { type JoinAddress, toRegistriesFetch } from '../joining/join-lines.ts';
import { type MachineFiles, registryCommands } from '../joining/registry-files.ts';

/** What a machine needs to join. */
export interface JoinParts extends JoinAddress {
  /** k3s release that fits the server. */
  readonly version: string;
  /** What it is told of registries; empty: nothing. */
  readonly registries: MachineFiles;
}

const hasRegistries = ({ registries }: JoinParts): boolean => Object.keys(registries).length > 0;

/** A script for a fresh machine: installs k3s and joins; run again, it changes what is there. */
export function toScript(parts: JoinParts): string {
  const { url, token, version, registries } = parts;
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
${hasRegistries(parts) ? registryCommands(registries) : ''}export INSTALL_K3S_VERSION='${version}' INSTALL_K3S_EXEC=agent INSTALL_K3S_FORCE_RESTART=true
if command -v curl > /dev/null; then
  curl -sfL https://get.k3s.io | sh -
else
  wget -qO- https://get.k3s.io | sh -
fi
`;
}

/** User data of a machine that starts for the first time. */
export function toCloudInit(parts: JoinParts): string {
  const { url, token, version, registries } = parts;
  const files = { '/etc/rancher/k3s/config.yaml': toAgentConfig({ url, token }), ...registries };
  return `#cloud-config\n${stringify(
    {
      write_files: Object.entries(files).map(([path, content]) => ({
        path,
        permissions: '0600',
        owner: 'root:root',
        content,
      })),
      runcmd: [
        ['sh', '-c', `curl -sfL https://get.k3s.io | INSTALL_K3S_VERSION='${version}' INSTALL_K3S_EXEC=agent sh -`],
      ],
    },
    { lineWidth: 0 },
  )}`;
}

/** A unit for a machine that has `/usr/local/bin/k3s`; its first lines say where it goes. */
export function toSystemdUnit(parts: JoinParts): string {
  const { url, token } = parts;
  const unit = toAgentUnit({
    description: `Lightweight Kubernetes agent of ${url}`,
    environment: [`Environment=K3S_URL=${url}`, `Environment=K3S_TOKEN=${token}`],
    // The registries are read before each start; where the tenant does not answer, those of before stay.
    before: hasRegistries(parts) ? [`-/bin/sh -c ${toUnitText(toRegistriesFetch({ url, token }))}`] : [],
    start: '/usr/local/bin/k3s agent',
  });
  return `# /etc/systemd/system/k3s-agent.service, with mode 0600, since it holds the join token; then
# systemctl daemon-reload && systemctl enable --now k3s-agent
${unit}`;
}

/** One argument in quotes of systemd. Source: systemd.service(5), "Command lines". */
function toUnitText(command: string): string {
  const text = command.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('$', '$$$$');
  return `"${text}"`;
}

function toAgentConfig({ url, token }: JoinAddress): string {
  return stringify({ server: url, token }, { lineWidth: 0 });
}
