/** Where every agent reads, when it starts, from where it pulls images. Source: k3s `pkg/cli/cmds/agent.go`. */
export const REGISTRIES_FILE = '/etc/rancher/k3s/registries.yaml';
/** Certificates that this file names; nobody else's files lie there. */
export const REGISTRY_CERTIFICATES = '/etc/rancher/k3s/warren-registries';
/** The first line of a file that is ours, so that nobody else's is taken away. */
export const REGISTRIES_MARK = '# Written by Warren from spec.nodes.registries; changes are lost.';

/** Files of a machine, by path. None of them is to be read by anybody but root. */
export type MachineFiles = Readonly<Record<string, string>>;

/** @throws Error where it is no table of texts by path. */
export function parseMachineFiles(text: string): MachineFiles {
  const files: unknown = text.trim() === '' ? {} : JSON.parse(text);
  const isTable = typeof files === 'object' && files !== null && !Array.isArray(files);
  if (!isTable || Object.entries(files).some(([path, content]) => !path.startsWith('/') || typeof content !== 'string'))
    throw new Error('it must be an object of texts by path');
  return files as MachineFiles;
}

/**
 * A script that brings these files to a machine and takes those of before away, and has a running agent take them up
 * where they changed; pods stay as they are. Run again, it does nothing. Somebody else's `registries.yaml` is kept beside.
 */
export function toRegistriesScript(files: MachineFiles): string {
  const paths = Object.keys(files).sort();
  return `#!/bin/sh
# Tells k3s on this machine from which registries it pulls images. It may hold passwords: keep it to yourself.
set -eu
[ "$(id -u)" -eq 0 ] || { echo 'run this as root' >&2; exit 1; }
umask 077
mkdir -p /etc/rancher/k3s
${registryCommands(files)}[ -n "$changed" ] || { echo 'registries: nothing has changed'; exit 0; }
echo 'registries: ${paths.length === 0 ? `${REGISTRIES_FILE} is gone` : `${REGISTRIES_FILE} is written`}'
if command -v systemctl > /dev/null && systemctl is-active --quiet k3s-agent; then
  systemctl restart k3s-agent
elif command -v rc-service > /dev/null && rc-service k3s-agent status > /dev/null 2>&1; then
  rc-service k3s-agent restart
else
  echo 'k3s takes it up when it starts again'
fi
`;
}

/** The part that writes; \`changed\` is not empty afterwards where something did. It needs a umask of 077. */
export function registryCommands(files: MachineFiles): string {
  const paths = Object.keys(files).sort();
  const kept = paths.filter((path) => path.startsWith(`${REGISTRY_CERTIFICATES}/`));
  const writes = paths.map((path) => {
    const content = files[path] ?? '';
    const end = delimiterFor(content);
    return `put '${path}' <<'${end}'\n${content.replace(/\n?$/, '\n')}${end}\n`;
  });
  return `changed=
put() {
  cat > "$1.new"
  if [ -e "$1" ] && [ "$(cat "$1.new")" = "$(cat "$1")" ]; then rm -f "$1.new"; return 0; fi
  if [ "$1" = ${REGISTRIES_FILE} ] && [ -e "$1" ] && ! head -n 1 "$1" | grep -qxF '${REGISTRIES_MARK}'; then
    mv -f "$1" "$1.before"
    echo "registries: what was there before is kept as $1.before" >&2
  fi
  mv -f "$1.new" "$1"
  changed=yes
}
${kept.length === 0 ? '' : `mkdir -p ${REGISTRY_CERTIFICATES}\n`}${writes.join('')}${
  paths.includes(REGISTRIES_FILE)
    ? ''
    : `if head -n 1 ${REGISTRIES_FILE} 2> /dev/null | grep -qxF '${REGISTRIES_MARK}'; then
  rm -f ${REGISTRIES_FILE}
  changed=yes
fi
`
}for file in ${REGISTRY_CERTIFICATES}/*; do
  [ -e "$file" ] || continue
${
  kept.length === 0
    ? ''
    : `  case "$file" in ${kept.join(' | ')}) continue ;; esac
`
}  rm -f "$file"
  changed=yes
done
`;
}

/** A line that ends a text in a shell and stands nowhere in it. */
function delimiterFor(content: string): string {
  let end = 'END';
  while (content.split('\n').includes(end)) end += '_';
  return end;
}
