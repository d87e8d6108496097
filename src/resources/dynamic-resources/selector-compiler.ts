import { BOOL, type CelType, DYN, mapOf, STRING, struct } from '../../machinery/cel/cel-type.ts';
import { Environment } from '../../machinery/cel/environment.ts';
import { estimateCost } from '../../machinery/cel/estimator.ts';
import { QUANTITY } from '../../machinery/cel/functions/quantities.ts';
import { type FieldError, fieldForbidden, fieldInvalid } from '../../machinery/errors/field-error.ts';
import { typeText } from '../checks/expression-result.ts';

/** Source of all: `k8s.io/dynamic-resource-allocation/cel/compile.go`, resource/validation (validateCELSelector). */

/** What a selector may cost for one device, in units of CEL. */
export const SELECTOR_COST_LIMIT = 1_000_000;
const DEVICE = struct('kubernetes.DRADevice');

/** Where selectors of devices are compiled; `device` is all that they may read. */
export const deviceEnvironment = new Environment({
  hasBind: true,
  variables: { device: DEVICE },
  structs: new Map([
    [
      DEVICE.name,
      new Map<string, CelType>([
        ['driver', STRING],
        ['allowMultipleAllocations', BOOL],
        ['attributes', mapOf(STRING, mapOf(STRING, DYN))],
        ['capacity', mapOf(STRING, mapOf(STRING, QUANTITY))],
      ]),
    ],
  ]),
});

/** How large the parts of a device may be, by their path. */
const sizes: Readonly<Record<string, number>> = {
  'device,driver': 63,
  'device,allowMultipleAllocations': 1,
  'device,attributes': 32,
  'device,attributes,@keys': 63,
  'device,attributes,@values': 32,
  'device,attributes,@values,@keys': 32,
  'device,attributes,@values,@values': 64,
  'device,capacity': 32,
  'device,capacity,@keys': 63,
  'device,capacity,@values': 32,
  'device,capacity,@values,@keys': 32,
};

/** What is wrong with the expression of a selector: what it says, what it comes to, or what it may cost. */
export function selectorFault(expression: string, path: string): FieldError | undefined {
  const compilation = deviceEnvironment.compile(expression);
  if ('issues' in compilation) return fieldInvalid(path, expression, `compilation failed: ${compilation.issues}`);
  const { compiled } = compilation;
  const { outputType } = compiled;
  if (outputType.kind !== 'bool' && outputType.kind !== 'dyn')
    return fieldInvalid(path, expression, `must evaluate to bool or the unknown type, not ${typeText(outputType)}`);
  const cost = estimateCost(compiled, (place) => {
    const max = sizes[place.join(',')];
    return max === undefined ? undefined : { min: 0, max };
  });
  return cost.max > SELECTOR_COST_LIMIT ? fieldForbidden(path, 'too complex, exceeds cost limit') : undefined;
}
