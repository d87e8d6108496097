import type { PodSpec, SeccompProfile } from '../../../generated/api/core/v1.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { checkDescendingPath } from './paths.ts';
import { checkTolerations } from './tolerations.ts';
import { visitContainers } from './windows.ts';

type Annotations = Readonly<Record<string, string>> | undefined;

export const MIRROR = 'kubernetes.io/config.mirror';
const TOLERATIONS = 'scheduler.alpha.kubernetes.io/tolerations';
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';
export const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod';
export const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/';
export const APP_ARMOR = 'container.apparmor.security.beta.kubernetes.io/';

/** Annotations that pods and templates of pods give a meaning to. Source: core/validation (ValidatePodSpecificAnnotations). */
export function checkPodAnnotations(annotations: Annotations, spec: PodSpec, path: string, faults: FieldFaults): void {
  if (!annotations) return;
  const mirror = annotations[MIRROR];
  if (mirror !== undefined && !spec.nodeName)
    faults.invalid(`${path}[${MIRROR}]`, mirror, 'must set spec.nodeName if mirror pod annotation is set');
  if (annotations[TOLERATIONS]) checkTolerationsText(annotations[TOLERATIONS], path, faults);
  const cost = annotations[DELETION_COST];
  if (cost !== undefined && !isInt32(cost))
    faults.invalid(`${path}[${DELETION_COST}]`, cost, 'must be a 32bit integer');
  for (const key in annotations) {
    if (key === SECCOMP_POD || key.startsWith(SECCOMP_CONTAINER))
      checkSeccompText(annotations[key] ?? '', `${path}.${key}`, faults);
  }
  for (const key in annotations)
    if (key.startsWith(APP_ARMOR)) checkAppArmorText(key, annotations[key] ?? '', spec, path, faults);
}

function checkTolerationsText(text: string, path: string, faults: FieldFaults): void {
  try {
    checkTolerations(JSON.parse(text), `${path}.${TOLERATIONS}`, faults);
  } catch (error) {
    faults.invalid(path, TOLERATIONS, (error as Error).message);
  }
}

/** As upstream: neither a plus nor zeros may lead. */
function isInt32(text: string): boolean {
  return /^(0|-?[1-9]\d{0,9})$/.test(text) && Number(text) >= -(2 ** 31) && Number(text) < 2 ** 31;
}

function checkSeccompText(value: string, path: string, faults: FieldFaults): void {
  if (value === 'runtime/default' || value === 'docker/default' || value === 'unconfined') return;
  if (value.startsWith('localhost/')) checkDescendingPath(value.slice('localhost/'.length), path, faults);
  else faults.invalid(path, value, 'must be a valid seccomp profile');
}

function checkAppArmorText(key: string, value: string, spec: PodSpec, path: string, faults: FieldFaults): void {
  const container = key.slice(APP_ARMOR.length);
  let found = false;
  visitContainers(spec, '', ({ name }) => {
    if (name === container) found = true;
  });
  if (!found) faults.invalid(`${path}[${key}]`, container, 'container not found');
  if (value !== '' && value !== 'runtime/default' && value !== 'unconfined' && !value.startsWith('localhost/'))
    faults.invalid(`${path}[${key}]`, value, `invalid AppArmor profile name: ${JSON.stringify(value)}`);
}

/** Where old annotations and fields both speak, they must say the same. Source: core/validation (validateSeccompAnnotationsAndFields and its kin). */
export function checkProfilesMatch(annotations: Annotations, spec: PodSpec, path: string, faults: FieldFaults): void {
  if (!annotations) return;
  const ofPod = annotations[SECCOMP_POD];
  const podProfile = spec.securityContext?.seccompProfile;
  if (ofPod !== undefined && podProfile)
    checkMatch(ofPod, podProfile, 'seccomp', `${path}.securityContext.seccompProfile`, faults);
  visitContainers(spec, path, ({ name, securityContext }, at) => {
    const text = annotations[SECCOMP_CONTAINER + name];
    const profile = securityContext?.seccompProfile;
    if (text !== undefined && profile)
      checkMatch(text, profile, 'seccomp', `${at}.securityContext.seccompProfile`, faults);
  });
  if (spec.os?.name === 'windows') return;
  visitContainers(spec, path, ({ name, securityContext }, at) => {
    const text = annotations[APP_ARMOR + name];
    const profile = securityContext?.appArmorProfile ?? spec.securityContext?.appArmorProfile;
    if (text !== undefined && profile)
      checkMatch(text, profile, 'apparmor', `${at}.securityContext.appArmorProfile`, faults);
  });
}

function checkMatch(text: string, profile: SeccompProfile, what: string, path: string, faults: FieldFaults): void {
  const refuse = (field: 'type' | 'localhostProfile'): void => {
    const noun = field === 'type' ? 'type' : 'profile';
    faults.forbidden(`${path}.${field}`, `${what} ${noun} in annotation and field must match`);
  };
  if (profile.type === 'Unconfined' && text !== 'unconfined') refuse('type');
  if (
    profile.type === 'RuntimeDefault' &&
    text !== 'runtime/default' &&
    (what === 'apparmor' || text !== 'docker/default')
  )
    refuse('type');
  if (profile.type !== 'Localhost') return;
  if (!text.startsWith('localhost/')) refuse('type');
  else if (text.slice('localhost/'.length) !== profile.localhostProfile) refuse('localhostProfile');
}
