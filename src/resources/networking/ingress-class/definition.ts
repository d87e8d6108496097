import type { IngressClass, IngressClassParametersReference } from '../../../generated/api/networking/v1.ts';
import { ingressclasses } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { dns1123LabelFaults } from '../../../machinery/values/names.ts';
import { checkDomainPrefixedPath } from '../../checks/domain-paths.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { defineResource } from '../../define.ts';
import { checkReference } from '../ingress/validation.ts';

const MAX_CONTROLLER_BYTES = 250;

/** Source: networking/validation (ValidateIngressClass). */
function check({ spec }: IngressClass, faults: FieldFaults): void {
  const { controller = '', parameters } = spec;
  if (controller.length > MAX_CONTROLLER_BYTES) faults.tooLong('spec.controller', MAX_CONTROLLER_BYTES);
  checkDomainPrefixedPath('spec.controller', controller, faults);
  if (parameters) checkParameters(parameters, 'spec.parameters', faults);
}

function checkParameters(parameters: IngressClassParametersReference, path: string, faults: FieldFaults): void {
  checkReference(parameters, path, faults);
  const { scope, namespace } = parameters;
  if (scope === undefined) return faults.required(`${path}.scope`);
  faults.optionalOneOf(`${path}.scope`, scope, ['Cluster', 'Namespace']);
  const at = `${path}.namespace`;
  if (scope === 'Namespace' && namespace === undefined) faults.required(at, "`parameters.scope` is set to 'Namespace'");
  else if (scope === 'Namespace' && namespace !== undefined)
    faults.invalidFor(at, namespace, dns1123LabelFaults(namespace));
  if (scope === 'Cluster' && namespace !== undefined) faults.forbidden(at, "`parameters.scope` is set to 'Cluster'");
}

function validate(object: IngressClass): readonly FieldError[] {
  const faults = new FieldFaults();
  check(object, faults);
  return faults.list;
}

function validateUpdate(next: IngressClass, previous: IngressClass): readonly FieldError[] {
  const faults = new FieldFaults();
  const { controller } = next.spec;
  if (controller !== previous.spec.controller)
    faults.invalid('spec.controller', controller ?? '', 'field is immutable');
  check(next, faults);
  return faults.list;
}

function parametersText({ spec: { parameters } }: IngressClass): string {
  if (!parameters) return '<none>';
  const { kind, apiGroup, name } = parameters;
  return `${kind}${apiGroup === undefined ? '' : `.${apiGroup}`}/${name}`;
}

const DEFAULT = 'ingressclass.kubernetes.io/is-default-class';

export const ingressClassResource = defineResource(ingressclasses, {
  generation: 'spec',
  cells: {
    Name: ({ metadata }) => `${metadata.name ?? ''}${metadata.annotations?.[DEFAULT] === 'true' ? ' (default)' : ''}`,
    Controller: ({ spec }) => spec.controller ?? '',
    Parameters: parametersText,
  },
  strategy: {
    applyDefaults({ spec }) {
      if (spec.parameters) spec.parameters.scope ??= 'Cluster';
    },
    validateCreate: validate,
    validateUpdate,
  },
});
