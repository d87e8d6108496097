import type { Container, PodSpec, WindowsSecurityContextOptions } from '../../../generated/api/core/v1.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { checkDnsSubdomain } from '../../checks/names.ts';

/** Source of all: core/validation (validateWindowsSecurityContextOptions, validateWindowsHostProcessPod). */

const control = /\p{Cc}/u;
const netBios = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?';
const userDomain = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
const badUserCharacters = /["/\\:;|=,+*?<>@[\]]/;
const dotsAndSpaces = /^[. ]+$/;

export function checkWindowsOptions(
  options: WindowsSecurityContextOptions | undefined,
  path: string,
  faults: FieldFaults,
): void {
  if (!options) return;
  const { gmsaCredentialSpecName: specName, gmsaCredentialSpec: spec, runAsUserName } = options;
  if (specName !== undefined) checkDnsSubdomain(`${path}.gmsaCredentialSpecName`, specName, faults);
  const at = `${path}.gmsaCredentialSpec`;
  if (spec === '') faults.invalid(at, spec, 'gmsaCredentialSpec cannot be an empty string');
  else if (spec !== undefined && Buffer.byteLength(spec) > 64 * 1024)
    faults.invalid(at, spec, 'gmsaCredentialSpec size must be under 64 KiB');
  if (runAsUserName !== undefined) checkUserName(runAsUserName, `${path}.runAsUserName`, faults);
}

function checkUserName(name: string, path: string, faults: FieldFaults): void {
  const refuse = (why: string): void => faults.invalid(path, name, why);
  if (name === '') return refuse('runAsUserName cannot be an empty string');
  if (control.test(name)) return refuse('runAsUserName cannot contain control characters');
  const parts = name.split('\\');
  if (parts.length > 2) return refuse('runAsUserName cannot contain more than one backslash');
  const user = parts.at(-1) ?? '';
  const domain = parts.length === 2 ? parts[0] : undefined;
  if ((domain ?? '').length >= 256) refuse("runAsUserName's Domain length must be under 256 characters");
  if (domain !== undefined && !netBios.test(domain) && !userDomain.test(domain))
    refuse("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
  if (user === '') refuse("runAsUserName's User cannot be empty");
  else if (user.length > 104) refuse("runAsUserName's User length must not be longer than 104 characters");
  if (dotsAndSpaces.test(user)) refuse("runAsUserName's User cannot contain only periods or spaces");
  if (badUserCharacters.test(user))
    refuse('runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]');
}

/** Calls `visit` for init, plain and ephemeral containers, in this order. */
export function visitContainers(
  spec: PodSpec,
  path: string,
  visit: (container: Container, path: string) => void,
): void {
  for (const kind of ['initContainers', 'containers', 'ephemeralContainers'] as const)
    (spec[kind] as readonly Container[] | undefined)?.forEach((container, index) => {
      visit(container, `${path}.${kind}[${index}]`);
    });
}

/** All containers of a pod run as processes of the host, or none. */
export function checkHostProcesses(spec: PodSpec, path: string, faults: FieldFaults): void {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  let count = 0;
  let onHost = 0;
  visitContainers(spec, path, ({ securityContext }, at) => {
    count++;
    const own = securityContext?.windowsOptions?.hostProcess;
    if (ofPod !== undefined && own !== undefined && ofPod !== own) {
      const why = `pod hostProcess value must be identical if both are specified, was ${ofPod}`;
      faults.invalid(`${at}.securityContext.windowsOptions.hostProcess`, own, why);
    }
    if (own ?? ofPod) onHost++;
  });
  if (onHost === 0) return;
  if (onHost !== count) {
    const why = 'If pod contains any hostProcess containers then all containers must be HostProcess containers';
    faults.invalid(path, '', why);
  }
  if (!spec.hostNetwork)
    faults.invalid(`${path}.hostNetwork`, false, 'hostNetwork must be true if pod contains any hostProcess containers');
}

const POD_LINUX_FIELDS = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'fsGroup',
  'fsGroupChangePolicy',
  'sysctls',
  'runAsUser',
  'runAsGroup',
  'supplementalGroups',
  'supplementalGroupsPolicy',
  'seLinuxChangePolicy',
] as const;
/** Fields of the pod itself that stand in upstream's security context, after the field named. */
const HOST_FIELDS: Readonly<
  Record<string, readonly ('hostUsers' | 'hostPID' | 'hostIPC' | 'shareProcessNamespace')[]>
> = { seLinuxOptions: ['hostUsers', 'hostPID', 'hostIPC'], sysctls: ['shareProcessNamespace'] };
const CONTAINER_LINUX_FIELDS = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const;

/** What the pod's operating system rules out. Source: core/validation (validateOS, validateLinux, validateWindows). */
export function checkOs(spec: PodSpec, path: string, faults: FieldFaults): void {
  const { os, securityContext } = spec;
  if (!os) return;
  if (!os.name) return faults.required(`${path}.os.name`);
  if (os.name === 'linux') {
    const why = 'windows options cannot be set for a linux pod';
    if (securityContext?.windowsOptions) faults.forbidden(`${path}.securityContext.windowsOptions`, why);
    visitContainers(spec, path, (container, at) => {
      if (container.securityContext?.windowsOptions) faults.forbidden(`${at}.securityContext.windowsOptions`, why);
    });
  } else if (os.name === 'windows') checkWindowsPod(spec, path, faults);
  else faults.notSupported(`${path}.os`, os.name, ['linux', 'windows']);
}

function checkWindowsPod(spec: PodSpec, path: string, faults: FieldFaults): void {
  const why = 'cannot be set for a windows pod';
  for (const field of POD_LINUX_FIELDS) {
    const value = spec.securityContext?.[field];
    if (value !== undefined && !(Array.isArray(value) && value.length === 0))
      faults.forbidden(`${path}.securityContext.${field}`, why);
    for (const host of HOST_FIELDS[field] ?? []) {
      const isPointer = host === 'hostUsers' || host === 'shareProcessNamespace';
      if (isPointer ? spec[host] !== undefined : spec[host]) faults.forbidden(`${path}.${host}`, why);
    }
  }
  visitContainers(spec, path, ({ securityContext }, at) => {
    for (const field of CONTAINER_LINUX_FIELDS)
      if (securityContext?.[field] !== undefined) faults.forbidden(`${at}.securityContext.${field}`, why);
  });
}
