import { AGENT_SERVICE, OPENRC_ENV_FILE, SYSTEMD_ENV_FILE } from './agent-service.ts';

/**
 * Ends k3s and its pods on a machine, and takes away their mounts, links and rules; what they wrote stays.
 *
 * Source: k3s `install.sh` (create_killall), for what belongs to k3s on a machine.
 */
export const killallScript = `#!/bin/sh
# Ends k3s on this machine with all of its pods, their mounts, networks and rules. Its data stays.
[ "$(id -u)" -eq 0 ] || exec sudo --preserve-env=K3S_DATA_DIR "$0" "$@"
data=\${K3S_DATA_DIR:-/var/lib/rancher/k3s}

# k3s brings tools along, for machines that have none of their own.
for bin in "$data"/data/*/bin; do
  [ -d "$bin" ] && PATH=$PATH:$bin:$bin/aux
done
export PATH

for unit in /etc/systemd/system/k3s*.service; do
  [ -s "$unit" ] && systemctl stop "\${unit##*/}"
done
for service in /etc/init.d/k3s*; do
  [ -x "$service" ] && "$service" stop
done

# Pods outlive the agent, each below a shim.
shims() {
  for process in /proc/[0-9]*; do
    case "$(tr '\\000' ' ' < "$process/cmdline" 2> /dev/null)" in
      "$data"/data/*/bin/containerd-shim* | *containerd-shim*\\ /run/k3s/containerd/*) echo "\${process#/proc/}" ;;
    esac
  done
}
below() {
  cat /proc/[0-9]*/status 2> /dev/null | awk -v roots="$*" '
    BEGIN { count = split(roots, root, " "); for (i = 1; i <= count; i++) found[root[i]] = 1 }
    $1 == "Pid:" { pid = $2 }
    $1 == "PPid:" { parent[pid] = $2 }
    END {
      do {
        more = 0
        for (pid in parent) if (!(pid in found) && parent[pid] in found) { found[pid] = 1; more = 1 }
      } while (more)
      for (pid in found) print pid
    }'
}
for round in 1 2 3 4 5; do
  roots=$(shims)
  [ -n "$roots" ] || break
  [ "$round" -eq 1 ] || sleep 1
  # shellcheck disable=SC2046,SC2086
  kill -9 $(below $roots) 2> /dev/null
done

unmount_below() {
  awk -v under="$1" 'index($2, under) == 1 { print $2 }' /proc/self/mounts | sort -r | while read -r path; do
    path=$(printf %b "$path")
    umount -f "$path" && rm -rf "$path"
  done
}
unmount_below /run/k3s
unmount_below /var/lib/kubelet/pods
unmount_below /var/lib/kubelet/plugins
unmount_below /run/netns/cni-

if command -v ip > /dev/null; then
  ip netns show 2> /dev/null | awk '/^cni-/ { print $1 }' | while read -r name; do ip netns delete "$name"; done
  ip link show 2> /dev/null | awk '/master cni0/ { sub(/@.*|:$/, "", $2); print $2 }' | while read -r link; do
    ip link delete "$link"
  done
  for link in cni0 flannel.1 flannel-v6.1 kube-ipvs0 flannel-wg flannel-wg-v6; do
    ip link delete "$link" 2> /dev/null
  done
fi
rm -rf /var/lib/cni/
for tables in iptables ip6tables; do
  command -v "$tables-save" > /dev/null || continue
  "$tables-save" | grep -v -e KUBE- -e CNI- | grep -iv flannel | "$tables-restore"
done
exit 0
`;

/**
 * Takes k3s off a machine. As with k3s's own script, \`/etc/rancher/node\` stays: the machine may join again under its name.
 *
 * Source: k3s \`install.sh\` (create_uninstall).
 */
export const uninstallScript = `#!/bin/sh
# Takes k3s off this machine, with all that its pods kept here.
[ "$(id -u)" -eq 0 ] || exec sudo --preserve-env=K3S_DATA_DIR "$0" "$@"
data=\${K3S_DATA_DIR:-/var/lib/rancher/k3s}
here=$(dirname "$0")

"$here/k3s-killall.sh"

if command -v systemctl > /dev/null; then
  systemctl disable ${AGENT_SERVICE}
  systemctl reset-failed ${AGENT_SERVICE} 2> /dev/null
fi
if command -v rc-update > /dev/null; then
  rc-update delete ${AGENT_SERVICE} default
fi
rm -f /etc/systemd/system/${AGENT_SERVICE}.service ${SYSTEMD_ENV_FILE}
rm -f /etc/init.d/${AGENT_SERVICE} ${OPENRC_ENV_FILE} /etc/logrotate.d/${AGENT_SERVICE}
if command -v systemctl > /dev/null; then
  systemctl daemon-reload
fi
trap 'rm -f "$0"' EXIT

for other in /etc/systemd/system/k3s*.service /etc/init.d/k3s*; do
  [ -e "$other" ] || continue
  echo "k3s itself stays, since $other runs it too"
  exit 0
done

for tool in kubectl crictl ctr; do
  [ -L "$here/$tool" ] && rm -f "$here/$tool"
done

# What is a mount of its own stays where it is; all around it goes.
empty() {
  if ! grep -q " $1[ /]" /proc/mounts; then
    rm -rf "$1"
    return
  fi
  for path in "$1"/* "$1"/.[!.]*; do
    if [ -d "$path" ] && [ ! -L "$path" ]; then empty "$path"; else rm -f "$path"; fi
  done
}
rm -rf /etc/rancher/k3s /run/k3s /run/flannel
empty "$data"
rm -rf /var/lib/kubelet
rm -f "$here/k3s" "$here/k3s-killall.sh"
echo 'k3s is gone from this machine; kubectl delete node takes its Node away'
`;
