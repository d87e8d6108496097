import type { ResourcePool, ResourceSlice, ResourceSliceSpec } from '../../../generated/api/resource/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { checkDnsSubdomain } from '../../checks/names.ts';
import { checkNodeSelector } from '../../core/pod-spec/affinity.ts';
import { checkSet } from '../collections.ts';
import { checkDriverName, checkPoolName } from '../names.ts';
import { checkCounters, checkDevice } from './device-validation.ts';

/** Source of all: resource/validation (ValidateResourceSlice, …Update). */

const MAX_DEVICES = 128;
const MAX_ADVANCED_DEVICES = 64;
const MAX_COUNTER_SETS = 8;

export function validateSlice({ spec }: ResourceSlice, previous?: ResourceSlice): readonly FieldError[] {
  const faults = new FieldFaults();
  checkDriverName('spec.driver', spec.driver, faults);
  checkPool(spec.pool, 'spec.pool', faults);
  if (previous !== undefined) checkUnchanged(spec, previous.spec, faults);
  checkPlace(spec, faults);
  if (spec.sharedCounters !== undefined && spec.devices !== undefined)
    faults.invalid('spec', '', 'only one of `sharedCounters` or `devices` is allowed');
  checkDevices(spec, previous?.spec, faults);
  checkSet(
    spec.sharedCounters,
    MAX_COUNTER_SETS,
    'spec.sharedCounters',
    faults,
    ({ name }) => name ?? '',
    ({ name = '', counters }, at) => checkCounters(name, 'name', counters, at, faults),
  );
  return faults.list;
}

function checkPool(pool: ResourcePool | undefined, path: string, faults: FieldFaults): void {
  const { name = '', resourceSliceCount: count = 0, generation = 0 } = pool ?? {};
  checkPoolName(`${path}.name`, name, faults);
  if (count <= 0) faults.invalid(`${path}.resourceSliceCount`, count, 'must be greater than zero');
  if (generation < 0) faults.invalid(`${path}.generation`, generation, 'must be greater than or equal to zero');
}

function checkUnchanged(next: ResourceSliceSpec, previous: ResourceSliceSpec, faults: FieldFaults): void {
  const same = (a: unknown, b: unknown): boolean => a === b;
  faults.immutable('spec.pool.name', next.pool?.name ?? '', previous.pool?.name ?? '', same);
  faults.immutable('spec.driver', next.driver ?? '', previous.driver ?? '', same);
  faults.immutable('spec.nodeName', next.nodeName, previous.nodeName, same);
}

function checkPlace(spec: ResourceSliceSpec, faults: FieldFaults): void {
  const { nodeName, nodeSelector } = spec;
  const found: string[] = [];
  if (nodeName === '') faults.invalid('spec.nodeName', nodeName, 'must be either unset or set to a non-empty string');
  else if (nodeName !== undefined) {
    found.push('`nodeName`');
    checkDnsSubdomain('spec.nodeName', nodeName, faults);
  }
  if (nodeSelector !== undefined) {
    found.push('`nodeSelector`');
    checkNodeSelector(nodeSelector, 'spec.nodeSelector', faults);
    const { nodeSelectorTerms: terms } = nodeSelector;
    if ((terms ?? []).length !== 1) {
      const shown = terms?.map((term) => toGoView(term, 'core/v1.NodeSelectorTerm')) ?? null;
      faults.invalid('spec.nodeSelector.nodeSelectorTerms', shown, 'must have exactly one node selector term');
    }
  }
  for (const field of ['allNodes', 'perDeviceNodeSelection'] as const) {
    if (spec[field] === true) found.push(`\`${field}\``);
    if (spec[field] === false) faults.invalid(`spec.${field}`, false, 'must be either unset or set to true');
  }
  const why = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';
  if (found.length === 0) faults.required('spec', why);
  if (found.length > 1) faults.invalid('spec', `{${found.join(', ')}}`, `${why}, but multiple fields are set`);
}

function checkDevices(spec: ResourceSliceSpec, previous: ResourceSliceSpec | undefined, faults: FieldFaults): void {
  const isAdvanced = (spec.devices ?? []).some(
    ({ taints, consumesCounters, attributes }) =>
      (taints ?? []).length > 0 ||
      (consumesCounters ?? []).length > 0 ||
      Object.values(attributes ?? {}).some(
        ({ bools, ints, strings, versions }) => bools ?? ints ?? strings ?? versions,
      ),
  );
  checkSet(
    spec.devices,
    isAdvanced ? MAX_ADVANCED_DEVICES : MAX_DEVICES,
    'spec.devices',
    faults,
    ({ name }) => name ?? '',
    (device, at) => {
      const before = previous?.devices?.find(({ name }) => name === device.name);
      checkDevice(device, before, spec.perDeviceNodeSelection === true, at, faults);
    },
  );
}
