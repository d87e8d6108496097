import type {
  AppArmorProfile,
  PodSecurityContext,
  PodSpec,
  SeccompProfile,
  SecurityContext,
} from '../../../generated/api/core/v1.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { checkDescendingPath } from './paths.ts';
import { checkWindowsOptions } from './windows.ts';

/** Source of all: core/validation (ValidateSecurityContext, validatePodSpecSecurityContext). */

const MAX_ID = 2 ** 31 - 1;

function checkId(id: number | undefined, path: string, faults: FieldFaults): void {
  if (id !== undefined && (id < 0 || id > MAX_ID))
    faults.invalid(path, id, `must be between 0 and ${MAX_ID}, inclusive`);
}

/** @param options.sharesUsers - The pod uses the host's user namespace. */
export function checkSecurityContext(
  context: SecurityContext | undefined,
  options: { readonly sharesUsers: boolean },
  path: string,
  faults: FieldFaults,
): void {
  if (!context) return;
  checkId(context.runAsUser, `${path}.runAsUser`, faults);
  checkId(context.runAsGroup, `${path}.runAsGroup`, faults);
  const { procMount } = context;
  if (procMount !== undefined) {
    faults.optionalOneOf(`${path}.procMount`, procMount, ['Default', 'Unmasked']);
    if (options.sharesUsers && procMount === 'Unmasked')
      faults.invalid(`${path}.procMount`, procMount, '`hostUsers` must be false to use `Unmasked`');
  }
  checkSeccomp(context.seccompProfile, `${path}.seccompProfile`, faults);
  if (context.allowPrivilegeEscalation === false) {
    const shown = (): unknown => toGoView(context, 'core/v1.SecurityContext');
    const why = 'cannot set `allowPrivilegeEscalation` to false and';
    if (context.privileged) faults.invalid(path, shown(), `${why} \`privileged\` to true`);
    for (const name of context.capabilities?.add ?? [])
      if (name === 'CAP_SYS_ADMIN') faults.invalid(path, shown(), `${why} \`capabilities.Add\` CAP_SYS_ADMIN`);
  }
  checkWindowsOptions(context.windowsOptions, `${path}.windowsOptions`, faults);
  checkAppArmor(context.appArmorProfile, `${path}.appArmorProfile`, faults);
}

/** The security context of the pod. @param path - Of the security context. */
export function checkPodSecurity(spec: PodSpec, path: string, faults: FieldFaults): void {
  const { securityContext: context } = spec;
  if (!context) return;
  checkId(context.fsGroup, `${path}.fsGroup`, faults);
  checkId(context.runAsUser, `${path}.runAsUser`, faults);
  checkId(context.runAsGroup, `${path}.runAsGroup`, faults);
  context.supplementalGroups?.forEach((group, index) => {
    checkId(group, `${path}.supplementalGroups[${index}]`, faults);
  });
  if (spec.shareProcessNamespace && spec.hostPID)
    faults.invalid(`${path}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled');
  checkSysctls(context, spec, `${path}.sysctls`, faults);
  faults.optionalOneOf(`${path}.fsGroupChangePolicy`, context.fsGroupChangePolicy, ['Always', 'OnRootMismatch']);
  checkSeccomp(context.seccompProfile, `${path}.seccompProfile`, faults);
  checkWindowsOptions(context.windowsOptions, `${path}.windowsOptions`, faults);
  checkAppArmor(context.appArmorProfile, `${path}.appArmorProfile`, faults);
  faults.optionalOneOf(`${path}.supplementalGroupsPolicy`, context.supplementalGroupsPolicy, ['Merge', 'Strict']);
  faults.optionalOneOf(`${path}.seLinuxChangePolicy`, context.seLinuxChangePolicy, ['Recursive']);
}

const SEGMENT = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const SYSCTL_TEXT = `^(${SEGMENT}[\\./])*${SEGMENT}$`;
const sysctlName = new RegExp(SYSCTL_TEXT);

const netPrefixes = ['net.', 'net/'];
const ipcNames = /^(kernel[./](shm_rmid_forced|msg[a-z_]*|sem[a-z_]*|shm[a-z_]*)|fs[./]mqueue[./].*)$/;

function checkSysctls({ sysctls }: PodSecurityContext, spec: PodSpec, path: string, faults: FieldFaults): void {
  const names = new Set<string>();
  sysctls?.forEach(({ name = '' }, index) => {
    const at = `${path}[${index}].name`;
    if (name === '') faults.required(at);
    else if (name.length > 253 || !sysctlName.test(name))
      faults.invalid(at, name, `must have at most 253 characters and match regex ${SYSCTL_TEXT}`);
    else if (names.has(name)) faults.duplicate(at, name);
    if (spec.hostNetwork && netPrefixes.some((prefix) => name.startsWith(prefix)))
      faults.invalid(at, name, "may not be specified when 'hostNetwork' is true");
    else if (spec.hostIPC && ipcNames.test(name))
      faults.invalid(at, name, "may not be specified when 'hostIPC' is true");
    names.add(name);
  });
}

const PROFILE_TYPES = ['Localhost', 'RuntimeDefault', 'Unconfined'];

function checkSeccomp(profile: SeccompProfile | undefined, path: string, faults: FieldFaults): void {
  if (!profile) return;
  const { type, localhostProfile } = profile;
  if (!type) faults.required(`${path}.type`, 'type is required when seccompProfile is set');
  else faults.optionalOneOf(`${path}.type`, type, PROFILE_TYPES);
  if (type === 'Localhost') {
    if (localhostProfile === undefined)
      faults.required(`${path}.localhostProfile`, 'must be set when seccomp type is Localhost');
    else checkDescendingPath(localhostProfile, `${path}.localhostProfile`, faults);
  } else if (localhostProfile !== undefined) {
    const shown = toGoView(profile, 'core/v1.SeccompProfile');
    faults.invalid(`${path}.localhostProfile`, shown, 'can only be set when seccomp type is Localhost');
  }
}

export function checkAppArmor(profile: AppArmorProfile | undefined, path: string, faults: FieldFaults): void {
  if (!profile) return;
  const { type, localhostProfile: local } = profile;
  const at = `${path}.localhostProfile`;
  if (!type) faults.required(`${path}.type`, 'type is required when appArmorProfile is set');
  else if (!PROFILE_TYPES.includes(type)) faults.notSupported(`${path}.type`, type, PROFILE_TYPES);
  else if (type !== 'Localhost') {
    if (local !== undefined) faults.invalid(at, local, 'can only be set when AppArmor type is Localhost');
  } else if (local === undefined) faults.required(at, 'must be set when AppArmor type is Localhost');
  else {
    if (local.trim() !== local) faults.invalid(at, local, 'must not be padded with whitespace');
    else if (local === '') faults.required(at, 'must be set when AppArmor type is Localhost');
    if (local.length > 4095) faults.tooLong(at, 4095);
  }
}
