import {
  AGENT_SERVICE,
  OPENRC_ENV_FILE,
  SYSTEMD_ENV_FILE,
  toAgentUnit,
  toOpenrcService,
} from '../joining/agent-service.ts';
import { killallScript, uninstallScript } from '../joining/removal-scripts.ts';

const unit = toAgentUnit({
  description: 'Lightweight Kubernetes agent',
  environment: ['/etc/default/%N', '/etc/sysconfig/%N', SYSTEMD_ENV_FILE].map((file) => `EnvironmentFile=-${file}`),
  start: '@K3S@ agent @ARGS@',
});
const openrc = toOpenrcService({ start: '@K3S@', args: 'agent @ARGS@' });

/**
 * Installs k3s as an agent from the tenant's own port: the binary for this machine, the archive of images where there is
 * one, what the tenant says of registries, a service of systemd or OpenRC, and the scripts that take k3s away again. What
 * has a checksum in `sha256sum-ARCH.txt` or `sha256sum.txt` is checked. It reads K3S_URL and K3S_TOKEN; what is given to
 * the script goes to the agent. Run again, it changes what is there.
 *
 * Source: k3s `install.sh`, for places, names, environment and what a machine can have (OpenRC, a /usr that cannot be written).
 */
export const installScript = `#!/bin/sh
set -eu
say() { echo "k3s: $*"; }
die() { echo "k3s: $*" >&2; exit 1; }

# All of it is read before any of it runs.
main() {
  : "\${K3S_URL:?name the tenant}" "\${K3S_TOKEN:?give its join token}"
  [ "$(id -u)" -eq 0 ] || die 'run this as root'
  for tool in curl sha256sum; do
    command -v "$tool" > /dev/null || die "$tool is missing: install it first"
  done
  if [ -x /sbin/openrc-run ]; then
    supervisor=openrc
  elif command -v systemctl > /dev/null; then
    supervisor=systemd
  else
    die 'there is neither systemd nor OpenRC here to run k3s: start "k3s agent" in your own way'
  fi
  case "$(uname -m)" in
    x86_64 | amd64) arch=amd64 binary=k3s ;;
    aarch64 | arm64) arch=arm64 binary=k3s-arm64 ;;
    arm*) arch=arm binary=k3s-armhf ;;
    s390x) arch=s390x binary=k3s-s390x ;;
    *) die "there is no k3s for $(uname -m)" ;;
  esac
  bin=\${INSTALL_K3S_BIN_DIR:-/usr/local/bin}
  if ! { mkdir -p "$bin" && touch "$bin/.k3s-write" && rm -f "$bin/.k3s-write"; } 2> /dev/null; then
    bin=/opt/bin
    mkdir -p "$bin"
  fi
  umask 077
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  connect
  download
  link
  removal
  if fetch_as v1-warren/registries.sh "$work/registries.sh"; then sh "$work/registries.sh"; fi
  service "$@"
}

connect() {
  hash=$(printf %s "$K3S_TOKEN" | sed -n 's/^K10\\([0-9a-f]\\{64\\}\\)::.*/\\1/p')
  secret=$(printf %s "$K3S_TOKEN" | sed 's/^K10[0-9a-f]*:://')
  case "$secret" in *:*) user=$secret ;; *) user=node:$secret ;; esac
  # Agents before v1.26 know no bootstrap tokens, and take this form of one for a password.
  [ -z "$hash" ] || K3S_TOKEN="K10$hash::$user"
  curl -ksSf "$K3S_URL/cacerts" -o "$work/ca" || die "$K3S_URL does not answer"
  [ -z "$hash" ] || is "$hash" "$work/ca" || die 'the server is not the one of the token'
}
is() { [ "$(sha256sum < "$2")" = "$1  -" ]; }
fetch_as() { curl -sSf --cacert "$work/ca" -u "$user" "$K3S_URL/$1" -o "$2" 2> "$work/why"; }
fetch() { fetch_as "v1-warren/agent/$1" "$2"; }
check() {
  wanted=$(awk -v name="$1" '{ sub(/^\\*/, "", $2); if ($2 == name) print $1 }' "$work/sums")
  [ -z "$wanted" ] || is "$wanted" "$2" || die "$1 is damaged: its checksum is another one"
}

download() {
  fetch "sha256sum-$arch.txt" "$work/sums" || fetch sha256sum.txt "$work/sums" || : > "$work/sums"
  fetch "$binary" "$work/k3s" || die "the tenant has no $binary for machines: $(cat "$work/why")"
  check "$binary" "$work/k3s"
  for kind in tar.zst tar.gz tar; do
    images="k3s-airgap-images-$arch.$kind"
    fetch "$images" "$work/images" || continue
    check "$images" "$work/images"
    mkdir -p /var/lib/rancher/k3s/agent/images
    mv -f "$work/images" "/var/lib/rancher/k3s/agent/images/$images"
    say "images are in /var/lib/rancher/k3s/agent/images/$images"
    break
  done
  # Beside the old one first: one that runs cannot be written over.
  cp "$work/k3s" "$bin/.k3s-new"
  chmod 755 "$bin/.k3s-new"
  mv -f "$bin/.k3s-new" "$bin/k3s"
  if command -v chcon > /dev/null && [ -e /sys/fs/selinux/enforce ]; then
    chcon -u system_u -r object_r -t container_runtime_exec_t "$bin/k3s" ||
      say 'SELinux knows no k3s here: install the package k3s-selinux, or pods may not start' >&2
  fi
  version=$("$bin/k3s" --version 2> /dev/null | head -n 1) || :
  say "\${version:-k3s} is in $bin"
}

link() {
  for tool in kubectl crictl ctr; do
    [ -e "$bin/$tool" ] || command -v "$tool" > /dev/null || ln -s k3s "$bin/$tool"
  done
}

removal() {
  write 755 "$bin/k3s-killall.sh" <<'END-OF-KILLALL'
${killallScript}END-OF-KILLALL
  write 755 "$bin/${AGENT_SERVICE}-uninstall.sh" <<'END-OF-UNINSTALL'
${uninstallScript}END-OF-UNINSTALL
}
write() { cat > "$2" && chmod "$1" "$2"; }

# Arguments of the agent, each in quotes that a shell and systemd take.
quoted() {
  for each in "$@"; do
    printf " '%s'" "$(printf %s "$each" | sed "s/'/'\\\\\\\\''/g")"
  done
}
environment() {
  sh -c export | sed 's/^export //; s/^declare -x //' | grep -E '^(K3S|CONTAINERD)_' || :
  sh -c export | sed 's/^export //; s/^declare -x //' | grep -iE '^(NO|HTTP|HTTPS)_PROXY' || :
}
fill() {
  K3S=$bin/k3s ARGS=$1 awk '
    function put(mark, text, at) {
      while (at = index($0, mark)) $0 = substr($0, 1, at - 1) text substr($0, at + length(mark))
    }
    { put("@K3S@", ENVIRON["K3S"]); put("@ARGS@", ENVIRON["ARGS"]); sub(/ +$/, ""); print }'
}

service() {
  export K3S_URL K3S_TOKEN
  args=$(quoted "$@")
  args=\${args# }
  if ! grep -qs memory /sys/fs/cgroup/cgroup.controllers &&
    ! awk '$1 == "memory" && $4 == 1 { on = 1 } END { exit !on }' /proc/cgroups; then
    say 'the kernel has no memory cgroup: pods do not start until its command line has cgroup_enable=memory' >&2
  fi
  if [ "$supervisor" = openrc ]; then
    mkdir -p /etc/rancher/k3s
    environment | write 600 ${OPENRC_ENV_FILE}
    fill "$(printf %s "$args" | sed 's/[\\\\"$\`]/\\\\&/g')" <<'END-OF-SERVICE' | write 755 /etc/init.d/${AGENT_SERVICE}
${openrc}END-OF-SERVICE
    if [ -d /etc/logrotate.d ]; then
      printf '/var/log/%s.log {\\n  missingok\\n  notifempty\\n  copytruncate\\n}\\n' ${AGENT_SERVICE} |
        write 644 /etc/logrotate.d/${AGENT_SERVICE}
    fi
    log=/var/log/${AGENT_SERVICE}.log
    [ "\${INSTALL_K3S_SKIP_ENABLE:-}" != true ] || return 0
    rc-update add ${AGENT_SERVICE} default > /dev/null
    [ "\${INSTALL_K3S_SKIP_START:-}" != true ] || return 0
    rc-service ${AGENT_SERVICE} restart
  else
    environment | write 600 ${SYSTEMD_ENV_FILE}
    fill "$(printf %s "$args" | sed 's/[%$]/&&/g')" <<'END-OF-SERVICE' | write 644 /etc/systemd/system/${AGENT_SERVICE}.service
${unit}END-OF-SERVICE
    log='journalctl -u ${AGENT_SERVICE}'
    systemctl daemon-reload
    [ "\${INSTALL_K3S_SKIP_ENABLE:-}" != true ] || return 0
    systemctl enable ${AGENT_SERVICE}
    [ "\${INSTALL_K3S_SKIP_START:-}" != true ] || return 0
    # The unit is started only once the node is up: whoever installs need not wait for that.
    systemctl restart --no-block ${AGENT_SERVICE}
  fi
  say "the agent starts: its node shows in the tenant within a minute (log: $log)"
  say "$bin/${AGENT_SERVICE}-uninstall.sh takes it away again"
}

main "$@"
`;
