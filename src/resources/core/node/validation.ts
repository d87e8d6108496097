import type { Node, NodeConfigSource } from '../../../generated/api/core/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { configKeyFaults, dns1123LabelFaults } from '../../../machinery/values/names.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { areDualStack, checkCidr, parseRange } from '../../checks/ip-addresses.ts';
import { objectNameFaults } from '../../checks/names.ts';
import { checkAmount } from '../../checks/resource-names.ts';
import { checkNodeAnnotations } from './annotations.ts';
import { checkTaints } from './taints.ts';

/** Source of all: core/validation (ValidateNode, ValidateNodeUpdate). */

export function validateNode(node: Node): readonly FieldError[] {
  const faults = new FieldFaults();
  check(node, faults);
  return faults.list;
}

export function validateNodeUpdate(next: Node, previous: Node): readonly FieldError[] {
  const faults = new FieldFaults();
  check(next, faults);
  checkUpdate(next, previous, faults);
  return faults.list;
}

export function validateNodeStatus(next: Node, previous: Node): readonly FieldError[] {
  const faults = new FieldFaults();
  checkUpdate(next, previous, faults);
  return faults.list;
}

function check({ metadata, spec = {}, status }: Node, faults: FieldFaults): void {
  checkNodeAnnotations(metadata.annotations, faults);
  // Upstream puts taints and swap under metadata.
  checkTaints(spec.taints, 'metadata.taints', faults);
  checkResources(status, faults);
  const swap = status?.nodeInfo?.swap?.capacity;
  if (swap !== undefined) faults.positive('metadata.nodeSwapStatus.capacity', swap);
  checkFeatures(status?.declaredFeatures, faults);
  const { podCIDRs = [] } = spec;
  podCIDRs.forEach((cidr, index) => {
    checkCidr(`spec.podCIDRs[${index}]`, cidr, faults);
  });
  if (podCIDRs.length < 2) return;
  const index = podCIDRs.findIndex((cidr) => parseRange(cidr) === undefined);
  if (index >= 0) {
    const why = `invalid CIDR[${index}]: <nil> (invalid CIDR address: ${podCIDRs[index]})`;
    const head = 'invalid PodCIDRs. failed to check with dual stack with error:';
    faults.internal('spec.podCIDRs', `${head}${why}`);
  }
  if (index >= 0 || !areDualStack(podCIDRs) || podCIDRs.length > 2)
    faults.invalid('spec.podCIDRs', podCIDRs, 'may specify no more than one CIDR for each IP family');
}

function checkResources(status: Node['status'], faults: FieldFaults): void {
  for (const list of ['capacity', 'allocatable'] as const)
    for (const [name, amount] of Object.entries(status?.[list] ?? {}))
      checkAmount(name, amount, `status.${list}.${name}`, faults);
}

const featureName = /^[A-Z][a-zA-Z0-9]*(\/[a-zA-Z][a-zA-Z0-9]*)*$/;

function checkFeatures(features: readonly string[] | undefined, faults: FieldFaults): void {
  features?.forEach((feature, index) => {
    const at = (position: number): string => `status.declaredFeatures[${position}]`;
    if (feature.length > 253)
      faults.invalid(
        at(index),
        feature,
        `invalid feature name ${JSON.stringify(feature)}: must be no more than 253 characters`,
      );
    else if (!featureName.test(feature))
      faults.invalid(
        at(index),
        feature,
        `invalid feature name ${JSON.stringify(feature)}: must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes`,
      );
    const next = features[index + 1];
    if (next === undefined) return;
    if (feature === next) faults.duplicate(at(index + 1), next);
    else if (feature > next) faults.invalid(at(index + 1), next, 'list must be sorted alphabetically');
  });
}

function checkUpdate(next: Node, previous: Node, faults: FieldFaults): void {
  const { spec = {}, status } = next;
  const { spec: old = {} } = previous;
  checkNodeAnnotations(next.metadata.annotations, faults);
  checkResources(status, faults);
  checkFeatures(status?.declaredFeatures, faults);
  const seen = new Set<string>();
  status?.addresses?.forEach((address, index) => {
    const key = JSON.stringify([address.type, address.address]);
    if (seen.has(key)) faults.duplicate(`status.addresses[${index}]`, toGoView(address, 'core/v1.NodeAddress'));
    seen.add(key);
  });
  const before = old.podCIDRs ?? [];
  const after = spec.podCIDRs ?? [];
  if (before.length > 0) {
    const why = 'node updates may not change podCIDR except from "" to valid';
    if (before.length !== after.length) faults.forbidden('spec.podCIDRs', why);
    else
      before.forEach((cidr, index) => {
        if (cidr !== after[index]) faults.forbidden('spec.podCIDRs', why);
      });
  }
  if (old.providerID && old.providerID !== spec.providerID)
    faults.forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid');
  if (spec.configSource) checkConfigSource(spec.configSource, 'spec.configSource', { isStatus: false }, faults);
  for (const field of ['assigned', 'active', 'lastKnownGood'] as const) {
    const source = status?.config?.[field];
    if (source) checkConfigSource(source, `status.config.${field}`, { isStatus: true }, faults);
  }
  checkTaints(spec.taints, 'metadata.taints', faults);
  if ((spec.externalID ?? '') !== (old.externalID ?? '')) faults.forbidden('spec.externalID', 'may not be updated');
}

function checkConfigSource(
  source: NodeConfigSource,
  path: string,
  options: { readonly isStatus: boolean },
  faults: FieldFaults,
): void {
  const { configMap } = source;
  if (!configMap)
    return faults.invalid(
      path,
      toGoView(source, 'core/v1.NodeConfigSource'),
      'exactly one reference subfield must be non-nil',
    );
  const at = `${path}.configMap`;
  for (const field of ['uid', 'resourceVersion'] as const) {
    if (options.isStatus && !configMap[field]) faults.required(`${at}.${field}`);
    if (!options.isStatus && configMap[field]) faults.forbidden(`${at}.${field}`, `${field} must not be set in spec`);
  }
  const { namespace, name, kubeletConfigKey: key } = configMap;
  if (!namespace) faults.required(`${at}.namespace`);
  else faults.invalidFor(`${at}.namespace`, namespace, dns1123LabelFaults(namespace));
  if (!name) faults.required(`${at}.name`);
  else faults.invalidFor(`${at}.name`, name, objectNameFaults(name));
  if (!key) faults.required(`${at}.kubeletConfigKey`);
  else faults.invalidFor(`${at}.kubeletConfigKey`, key, configKeyFaults(key));
}
