/** The name under which k3s's own installer runs an agent. */
export const AGENT_SERVICE = 'k3s-agent';

/** Where the unit reads its environment; the file holds the join token. Source: k3s `install.sh`. */
export const SYSTEMD_ENV_FILE = `/etc/systemd/system/${AGENT_SERVICE}.service.env`;
/** The same where OpenRC supervises. Source: k3s `install.sh`. */
export const OPENRC_ENV_FILE = `/etc/rancher/k3s/${AGENT_SERVICE}.env`;

interface Unit {
  readonly description: string;
  /** Lines of the section `Service` that give it its environment. */
  readonly environment: readonly string[];
  /** Commands before each start, beside those for the kernel's modules. */
  readonly before?: readonly string[];
  /** The whole command. */
  readonly start: string;
}

/**
 * The unit of an agent, as k3s's installer writes it: its pods outlive it (KillMode), containers have their own groups
 * (Delegate), and nothing limits them from here.
 *
 * Source: k3s `install.sh` (create_systemd_service_file).
 */
export function toAgentUnit({ description, environment, before = [], start }: Unit): string {
  return `[Unit]
Description=${description}
Documentation=https://k3s.io
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
${[...environment, ''].join('\n')}KillMode=process
Delegate=yes
User=root
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5s
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
${before.map((command) => `ExecStartPre=${command}\n`).join('')}ExecStart=${start}

[Install]
WantedBy=multi-user.target
`;
}

/** The same for OpenRC. Source: k3s `install.sh` (create_openrc_service_file). */
export function toOpenrcService({ start, args }: { readonly start: string; readonly args: string }): string {
  const log = `/var/log/${AGENT_SERVICE}.log`;
  return `#!/sbin/openrc-run

depend() {
  after network-online
  want cgroups
}

start_pre() {
  rm -f /tmp/k3s.*
  modprobe -q br_netfilter || true
  modprobe -q overlay || true
}

supervisor=supervise-daemon
name=${AGENT_SERVICE}
command="${start}"
command_args="${args}"
output_log=${log}
error_log=${log}
pidfile="/run/${AGENT_SERVICE}.pid"
respawn_delay=5
respawn_max=0

set -o allexport
if [ -f /etc/environment ]; then . /etc/environment; fi
if [ -f ${OPENRC_ENV_FILE} ]; then . ${OPENRC_ENV_FILE}; fi
set +o allexport
`;
}
