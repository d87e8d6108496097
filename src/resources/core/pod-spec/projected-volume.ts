import type {
  ClusterTrustBundleProjection,
  DownwardAPIVolumeFile,
  KeyToPath,
  PodCertificateProjection,
  ProjectedVolumeSource,
} from '../../../generated/api/core/v1.ts';
import { dns1123SubdomainFaults } from '../../../machinery/values/names.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { toSelectorView } from '../../checks/go-view.ts';
import { checkLabelSelector } from '../../checks/labels.ts';
import { checkDomainPrefixedKey, checkSignerName } from '../../checks/names.ts';
import { checkFieldRef, checkResourceFieldRef, volumeFieldPaths } from './field-references.ts';
import { checkFileMode, checkUnreservedPath } from './paths.ts';

/** Source of all: core/validation (validateProjectionSources, validateDownwardAPIVolumeFile, validateKeyToPath). */

export function checkKeyToPath({ key, path: to = '', mode }: KeyToPath, path: string, faults: FieldFaults): void {
  if (!key) faults.required(`${path}.key`);
  if (to === '') faults.required(`${path}.path`);
  checkUnreservedPath(to, `${path}.path`, faults);
  checkFileMode(mode, `${path}.mode`, faults);
}

export function checkDownwardFile(
  { path: to = '', fieldRef, resourceFieldRef, mode }: DownwardAPIVolumeFile,
  path: string,
  faults: FieldFaults,
): void {
  if (to === '') faults.required(`${path}.path`);
  checkUnreservedPath(to, `${path}.path`, faults);
  if (fieldRef) {
    checkFieldRef(fieldRef, volumeFieldPaths, `${path}.fieldRef`, faults);
    if (resourceFieldRef)
      faults.invalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously');
  } else if (resourceFieldRef) {
    checkResourceFieldRef(resourceFieldRef, { needsContainer: true }, `${path}.resourceFieldRef`, faults);
  } else faults.required(path, 'one of fieldRef and resourceFieldRef is required');
  checkFileMode(mode, `${path}.mode`, faults);
}

export function checkProjected(source: ProjectedVolumeSource, path: string, faults: FieldFaults): void {
  checkFileMode(source.defaultMode, `${path}.defaultMode`, faults);
  const taken = new Set<string>();
  /** `shown`: what the message quotes, which is not always the path. */
  const claim = (to: string, shown: string): void => {
    if (taken.has(to)) faults.invalid(path, shown, 'conflicting duplicate paths');
    else taken.add(to);
  };
  source.sources?.forEach((projection, index) => {
    const at = `${path}.sources[${index}]`;
    let kinds = 0;
    for (const kind of ['secret', 'configMap'] as const) {
      const part = projection[kind];
      if (!part) continue;
      kinds++;
      if (!part.name) faults.required(`${at}.${kind}.name`);
      part.items?.forEach((item, position) => {
        checkKeyToPath(item, `${at}.${kind}.items[${position}]`, faults);
        if (item.path) claim(item.path, part.name ?? '');
      });
    }
    const { downwardAPI, serviceAccountToken: token, clusterTrustBundle, podCertificate } = projection;
    if (downwardAPI) {
      kinds++;
      for (const file of downwardAPI.items ?? []) {
        checkDownwardFile(file, `${at}.downwardAPI`, faults);
        if (file.path) claim(file.path, file.path);
      }
    }
    if (token) {
      kinds++;
      const { expirationSeconds = 0, path: to } = token;
      const field = `${at}.serviceAccountToken.expirationSeconds`;
      if (expirationSeconds < 600)
        faults.invalid(field, expirationSeconds, 'may not specify a duration less than 10 minutes');
      if (expirationSeconds > 2 ** 32)
        faults.invalid(field, expirationSeconds, 'may not specify a duration larger than 2^32 seconds');
      if (!to) faults.required(`${path}.path`);
      else checkUnreservedPath(to, `${path}.path`, faults);
    }
    if (clusterTrustBundle) {
      kinds++;
      checkTrustBundle(clusterTrustBundle, `${at}.clusterTrustBundle`, faults);
      claim(clusterTrustBundle.path ?? '', clusterTrustBundle.path ?? '');
    }
    if (podCertificate) {
      kinds++;
      checkPodCertificate(podCertificate, `${at}.podCertificate`, claim, faults);
    }
    if (kinds > 1) faults.forbidden(at, 'may not specify more than 1 volume type per source');
  });
}

function checkTrustBundle(bundle: ClusterTrustBundleProjection, path: string, faults: FieldFaults): void {
  const { name, signerName, labelSelector } = bundle;
  if (name !== undefined && signerName !== undefined)
    faults.invalid(path, bundle, 'only one of name and signerName may be used');
  else if (name !== undefined) {
    if (name === '') faults.required(`${path}.name`, 'must be a valid object name');
    const split = name.lastIndexOf(':');
    for (const fault of dns1123SubdomainFaults(split < 0 ? name : name.slice(split + 1)))
      faults.invalid(`${path}.name`, name, `not a valid clustertrustbundlename: ${fault}`);
    if (labelSelector)
      faults.invalid(
        `${path}.labelSelector`,
        toSelectorView(labelSelector),
        'labelSelector must be unset if name is specified',
      );
  } else if (signerName !== undefined) {
    if (signerName === '') faults.required(`${path}.signerName`, 'must be a valid signer name');
    checkSignerName(`${path}.signerName`, signerName, faults);
    checkLabelSelector(labelSelector, `${path}.labelSelector`, faults);
  } else faults.required(path, 'either name or signerName must be specified');
  if (!bundle.path) faults.required(`${path}.path`);
  checkUnreservedPath(bundle.path ?? '', `${path}.path`, faults);
}

const KEY_TYPES = ['RSA3072', 'RSA4096', 'ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519'];
const DAY_SECONDS = 24 * 60 * 60;

function checkPodCertificate(
  certificate: PodCertificateProjection,
  path: string,
  claim: (to: string, shown: string) => void,
  faults: FieldFaults,
): void {
  const { signerName = '', keyType = '', maxExpirationSeconds, userAnnotations } = certificate;
  checkSignerName(`${path}.signerName`, signerName, faults);
  for (const key in userAnnotations) checkDomainPrefixedKey(`${path}.userAnnotations`, key.toLowerCase(), faults);
  if (!KEY_TYPES.includes(keyType)) faults.notSupported(`${path}.keyType`, keyType, KEY_TYPES);
  if (maxExpirationSeconds !== undefined) {
    const at = `${path}.maxExpirationSeconds`;
    const host = signerName.split('/')[0] ?? '';
    const max = host === 'kubernetes.io' || host.endsWith('.kubernetes.io') ? DAY_SECONDS : 91 * DAY_SECONDS;
    if (maxExpirationSeconds < 3600)
      faults.invalid(at, maxExpirationSeconds, 'if provided, maxExpirationSeconds must be >= 3600');
    if (maxExpirationSeconds > max)
      faults.invalid(at, maxExpirationSeconds, `if provided, maxExpirationSeconds must be <= ${max}`);
  }
  let paths = 0;
  for (const field of ['credentialBundlePath', 'keyPath', 'certificateChainPath'] as const) {
    const to = certificate[field];
    if (!to) continue;
    paths++;
    checkUnreservedPath(to, `${path}.${field}`, faults);
    claim(to, to);
  }
  if (paths === 0)
    faults.required(path, 'specify at least one of credentialBundlePath, keyPath, and certificateChainPath');
}
