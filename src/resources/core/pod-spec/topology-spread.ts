import type { TopologySpreadConstraint } from '../../../generated/api/core/v1.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { checkLabelSelector } from '../../checks/labels.ts';
import { checkMatchLabelKeys } from './affinity.ts';

const ACTIONS = ['DoNotSchedule', 'ScheduleAnyway'];
const POLICIES = ['Honor', 'Ignore'];

/** Source: core/validation (validateTopologySpreadConstraints). */
export function checkTopologySpread(
  constraints: readonly TopologySpreadConstraint[] | undefined,
  path: string,
  faults: FieldFaults,
): void {
  constraints?.forEach((constraint, index) => {
    const at = `${path}[${index}]`;
    const { topologyKey, whenUnsatisfiable: action, minDomains, labelSelector } = constraint;
    faults.positive(`${at}.maxSkew`, constraint.maxSkew ?? 0);
    if (!topologyKey) faults.required(`${at}.topologyKey`, 'can not be empty');
    if (!ACTIONS.includes(action)) faults.notSupported(`${at}.whenUnsatisfiable`, action ?? '', ACTIONS);
    const rest = constraints.slice(index + 1);
    if (rest.some((other) => other.topologyKey === topologyKey && other.whenUnsatisfiable === action))
      faults.duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey ?? ''}, ${action ?? ''}}`);
    if (minDomains !== undefined) {
      faults.positive(`${at}.minDomains`, minDomains);
      if (action !== 'DoNotSchedule') {
        const why = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${action ?? ''}`;
        faults.invalid(`${at}.minDomains`, minDomains, why);
      }
    }
    faults.optionalOneOf(`${at}.nodeAffinityPolicy`, constraint.nodeAffinityPolicy, POLICIES);
    faults.optionalOneOf(`${at}.nodeTaintsPolicy`, constraint.nodeTaintsPolicy, POLICIES);
    checkMatchLabelKeys(at, constraint.matchLabelKeys, undefined, labelSelector, faults);
    checkLabelSelector(labelSelector, `${at}.labelSelector`, faults);
  });
}
