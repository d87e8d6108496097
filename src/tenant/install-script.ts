/**
 * Installs k3s as an agent from the tenant's own port: the binary for this machine, the archive of images where there is
 * one, and a service. What has a checksum in `sha256sum.txt` is checked. It reads K3S_URL and K3S_TOKEN; `ca` is the file
 * with the authority that the caller has checked against the token, and may be absent where the system trusts it.
 */
export const installScript = `#!/bin/sh
set -eu
: "\${K3S_URL:?name the tenant}" "\${K3S_TOKEN:?give its join token}"
[ "$(id -u)" -eq 0 ] || { echo 'run this as root' >&2; exit 1; }
umask 077
case "$(uname -m)" in
  x86_64 | amd64) arch=amd64 binary=k3s ;;
  aarch64 | arm64) arch=arm64 binary=k3s-arm64 ;;
  armv7* | armv6*) arch=arm binary=k3s-armhf ;;
  *) echo "there is no k3s for $(uname -m)" >&2; exit 1 ;;
esac
hash=$(printf %s "$K3S_TOKEN" | sed -n 's/^K10\\([0-9a-f]\\{64\\}\\)::.*/\\1/p')
secret=$(printf %s "$K3S_TOKEN" | sed 's/^K10[0-9a-f]*:://')
case "$secret" in *:*) user=$secret ;; *) user=node:$secret ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
curl -ksSf "$K3S_URL/cacerts" -o "$work/ca"
if [ -n "$hash" ]; then
  echo "$hash  $work/ca" | sha256sum -c --quiet || { echo 'the server is not the one of the token' >&2; exit 1; }
fi
fetch() { curl -sSf --cacert "$work/ca" -u "$user" "$K3S_URL/v1-warren/agent/$1" -o "$2" 2> "$work/why"; }
fetch sha256sum.txt "$work/sums" || : > "$work/sums"
check() {
  wanted=$(awk -v name="$1" '{ sub(/^\\*/, "", $2); if ($2 == name) print $1 }' "$work/sums")
  [ -z "$wanted" ] || echo "$wanted  $2" | sha256sum -c --quiet || { echo "$1 is damaged" >&2; exit 1; }
}
fetch "$binary" "$work/k3s" || { echo "the tenant has no $binary for machines: $(cat "$work/why")" >&2; exit 1; }
check "$binary" "$work/k3s"
for kind in tar.zst tar.gz tar; do
  images="k3s-airgap-images-$arch.$kind"
  fetch "$images" "$work/images" || continue
  check "$images" "$work/images"
  mkdir -p /var/lib/rancher/k3s/agent/images
  mv "$work/images" "/var/lib/rancher/k3s/agent/images/$images"
  break
done
install -m 755 "$work/k3s" /usr/local/bin/k3s
mkdir -p /etc/rancher/k3s
cat > /etc/systemd/system/k3s-agent.service.env <<END
K3S_URL=$K3S_URL
K3S_TOKEN=$K3S_TOKEN
END
cat > /etc/systemd/system/k3s-agent.service <<'END'
[Unit]
Description=Lightweight Kubernetes agent
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
EnvironmentFile=/etc/systemd/system/k3s-agent.service.env
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
ExecStart=/usr/local/bin/k3s agent
KillMode=process
Delegate=yes
LimitNOFILE=1048576
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5s

[Install]
WantedBy=multi-user.target
END
chmod 644 /etc/systemd/system/k3s-agent.service
systemctl daemon-reload
systemctl enable --now k3s-agent
echo 'k3s-agent runs: the node shows in the tenant within a minute'
`;
