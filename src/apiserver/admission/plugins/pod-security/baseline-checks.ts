import type {
  Container,
  ContainerPort,
  LifecycleHandler,
  Probe,
  SELinuxOptions,
} from '../../../../generated/api/core/v1.ts';
import {
  type Check,
  containersOf,
  containersText,
  type Finding,
  namesOf,
  plural,
  quoteAll,
  settersOf,
  sorted,
} from './finding.ts';

// Source: pod-security-admission `policy/check_*.go`, the checks of level `baseline`.

const APP_ARMOR_PREFIX = 'container.apparmor.security.beta.kubernetes.io/';

/** AppArmor stays as the runtime sets it, or as a profile of the node does. */
export const appArmorProfile: Check = ({ annotations, spec }) => {
  const isFine = (type: string): boolean => type === 'RuntimeDefault' || type === 'Localhost';
  const values = new Set<string>();
  const isBad = (type: string | undefined): boolean => {
    if (type === undefined || isFine(type)) return false;
    values.add(type);
    return true;
  };
  const byPod = isBad(spec.securityContext?.appArmorProfile?.type);
  const containers = namesOf(spec, ({ securityContext }) => isBad(securityContext?.appArmorProfile?.type));
  const notes = Object.entries(annotations)
    .filter(([key, value]) => key.startsWith(APP_ARMOR_PREFIX) && !isFineAppArmorNote(value))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .sort();
  const setters = [
    ...settersOf(byPod, containers),
    ...(notes.length === 0 ? [] : [plural(notes.length, 'annotation')]),
  ];
  if (setters.length === 0) return undefined;
  const shown = [...sorted(values), ...notes];
  return {
    reason: plural(shown.length, 'forbidden AppArmor profile'),
    detail: `${setters.join(' and ')} must not set AppArmor profile type to ${quoteAll(shown)}`,
  };
};

function isFineAppArmorNote(value: string): boolean {
  return value === '' || value === 'runtime/default' || value.startsWith('localhost/');
}

const defaultCapabilities = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);

export const baselineCapabilities: Check = ({ spec }) => {
  const added = new Set<string>();
  const containers = namesOf(spec, ({ securityContext }) => {
    const bad = (securityContext?.capabilities?.add ?? []).filter((name) => !defaultCapabilities.has(name));
    for (const name of bad) added.add(name);
    return bad.length > 0;
  });
  if (containers.length === 0) return undefined;
  const names = quoteAll(sorted(added));
  return {
    reason: 'non-default capabilities',
    detail: `${containersText(containers)} must not include ${names} in securityContext.capabilities.add`,
  };
};

export const hostNamespaces: Check = ({ spec }) => {
  const used = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((field) => spec[field] === true);
  if (used.length === 0) return undefined;
  return { reason: 'host namespaces', detail: used.map((field) => `${field}=true`).join(', ') };
};

export const hostPathVolumes: Check = ({ spec }) => {
  const names = (spec.volumes ?? []).filter(({ hostPath }) => hostPath !== undefined).map(({ name }) => name);
  if (names.length === 0) return undefined;
  return { reason: 'hostPath volumes', detail: `${plural(names.length, 'volume')} ${quoteAll(names)}` };
};

export const hostPorts: Check = ({ spec }) => {
  const ports = new Set<string>();
  const containers = namesOf(spec, (container) => {
    const used = ((container.ports ?? []) as readonly ContainerPort[]).filter(({ hostPort }) => hostPort);
    for (const { hostPort } of used) ports.add(String(hostPort));
    return used.length > 0;
  });
  if (containers.length === 0) return undefined;
  const verb = plural(containers.length, 'uses', 'use');
  const list = sorted(ports).join(', ');
  return {
    reason: 'hostPort',
    detail: `${containersText(containers)} ${verb} ${plural(ports.size, 'hostPort')} ${list}`,
  };
};

/** Probes and hooks ask the pod itself, no other host. */
export const hostProbesAndHostLifecycle: Check = ({ spec }) => {
  const containers = new Set<string>();
  const hosts = new Set<string>();
  for (const container of containersOf(spec)) {
    const handlers: readonly (Probe | LifecycleHandler | undefined)[] = [
      container.livenessProbe,
      container.readinessProbe,
      container.startupProbe,
      container.lifecycle?.postStart,
      container.lifecycle?.preStop,
    ];
    for (const host of handlers.flatMap((each) => [each?.httpGet?.host, each?.tcpSocket?.host])) {
      if (!host) continue;
      containers.add(container.name);
      hosts.add(host);
    }
  }
  if (containers.size === 0) return undefined;
  const verb = plural(containers.size, 'uses', 'use');
  return {
    reason: 'probe or lifecycle host',
    detail: `${containersText(sorted(containers))} ${verb} ${plural(hosts.size, 'probe or lifecycle host')} ${quoteAll(sorted(hosts))}`,
  };
};

export const privileged: Check = ({ spec }) => {
  const containers = namesOf(spec, ({ securityContext }) => securityContext?.privileged === true);
  if (containers.length === 0) return undefined;
  return {
    reason: 'privileged',
    detail: `${containersText(containers)} must not set securityContext.privileged=true`,
  };
};

export const procMount: Check = ({ spec }) => {
  const types = new Set<string>();
  const containers = namesOf(spec, ({ securityContext }) => {
    const type = securityContext?.procMount;
    if (type === undefined || type === 'Default') return false;
    types.add(type);
    return true;
  });
  if (containers.length === 0) return undefined;
  return {
    reason: 'procMount',
    detail: `${containersText(containers)} must not set securityContext.procMount to ${quoteAll(sorted(types))}`,
  };
};

const oldLinuxTypes = ['', 'container_t', 'container_init_t', 'container_kvm_t'];
const newLinuxTypes = [...oldLinuxTypes, 'container_engine_t'];

function seLinuxOptionsOf(allowed: readonly string[]): Check {
  return ({ spec }) => {
    const types = new Set<string>();
    const seen = { user: false, role: false };
    const isBad = (options: SELinuxOptions | undefined): boolean => {
      const { type = '', user, role } = options ?? {};
      const isFine = allowed.includes(type);
      if (!isFine) types.add(type);
      if (user) seen.user = true;
      if (role) seen.role = true;
      return !isFine || Boolean(user) || Boolean(role);
    };
    const byPod = isBad(spec.securityContext?.seLinuxOptions);
    const containers = namesOf(spec, ({ securityContext }) => isBad(securityContext?.seLinuxOptions));
    const setters = settersOf(byPod, containers);
    if (setters.length === 0) return undefined;
    const faults = [
      ...(types.size === 0 ? [] : [`${plural(types.size, 'type')} ${quoteAll(sorted(types))}`]),
      ...(seen.user ? ['user may not be set'] : []),
      ...(seen.role ? ['role may not be set'] : []),
    ];
    return {
      reason: 'seLinuxOptions',
      detail: `${setters.join(' and ')} set forbidden securityContext.seLinuxOptions: ${faults.join('; ')}`,
    };
  };
}

export const seLinuxOptions = { since0: seLinuxOptionsOf(oldLinuxTypes), since31: seLinuxOptionsOf(newLinuxTypes) };

const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod';
const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/';

/** As long as profiles were annotations. */
export const seccompAnnotations: Check = ({ annotations, spec }) => {
  const keys = [SECCOMP_POD, ...containersOf(spec).map(({ name }) => `${SECCOMP_CONTAINER}${name}`)];
  const bad = new Set<string>();
  for (const key of keys) {
    const value = annotations[key];
    if (value === undefined || isFineSeccompNote(value)) continue;
    bad.add(`${key}=${JSON.stringify(value)}`);
  }
  if (bad.size === 0) return undefined;
  const detail = `forbidden ${plural(bad.size, 'annotation')} ${sorted(bad).join(', ')}`;
  return { reason: 'seccompProfile', detail };
};

function isFineSeccompNote(value: string): boolean {
  return value === 'runtime/default' || value === 'docker/default' || value.startsWith('localhost/');
}

export function isFineSeccomp(type: string): boolean {
  return type === 'Localhost' || type === 'RuntimeDefault';
}

/** Who sets a seccomp profile that is none of the allowed ones. */
export const seccompProfile: Check = ({ spec }) => {
  const values = new Set<string>();
  const isBad = (context: Container['securityContext'] | undefined): boolean => {
    const type = context?.seccompProfile?.type;
    if (type === undefined || isFineSeccomp(type)) return false;
    values.add(type);
    return true;
  };
  const byPod = isBad(spec.securityContext as Container['securityContext']);
  const setters = settersOf(
    byPod,
    namesOf(spec, ({ securityContext }) => isBad(securityContext)),
  );
  if (setters.length === 0) return undefined;
  const list = quoteAll(sorted(values));
  return {
    reason: 'seccompProfile',
    detail: `${setters.join(' and ')} must not set securityContext.seccompProfile.type to ${list}`,
  };
};

const sysctlsOf0 = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
];
const sysctlsOf27 = [...sysctlsOf0, 'net.ipv4.ip_local_reserved_ports'];
const sysctlsOf29 = [
  ...sysctlsOf27,
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
];
const sysctlsOf32 = [...sysctlsOf29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'];

function sysctlsWithin(allowed: readonly string[]): Check {
  return ({ spec }): Finding | undefined => {
    const set = spec.securityContext?.sysctls ?? [];
    const bad = set.map(({ name }) => name).filter((name) => !allowed.includes(name));
    return bad.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: bad.join(', ') };
  };
}

export const sysctls = {
  since0: sysctlsWithin(sysctlsOf0),
  since27: sysctlsWithin(sysctlsOf27),
  since29: sysctlsWithin(sysctlsOf29),
  since32: sysctlsWithin(sysctlsOf32),
};

export const windowsHostProcess: Check = ({ spec }) => {
  const byPod = spec.securityContext?.windowsOptions?.hostProcess === true;
  const containers = namesOf(spec, ({ securityContext }) => securityContext?.windowsOptions?.hostProcess === true);
  const setters = settersOf(byPod, containers);
  if (setters.length === 0) return undefined;
  return {
    reason: 'hostProcess',
    detail: `${setters.join(' and ')} must not set securityContext.windowsOptions.hostProcess=true`,
  };
};
