import type { Taint } from '../../../generated/api/core/v1.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { goJsonFault } from '../../checks/go-json.ts';
import { checkTaints } from './taints.ts';

const TAINTS = 'scheduler.alpha.kubernetes.io/taints';
const AVOIDS = 'scheduler.alpha.kubernetes.io/preferAvoidPods';
const PATH = 'metadata.annotations';

/** Annotations from before there were fields. Source: core/validation (ValidateNodeSpecificAnnotations). */
export function checkNodeAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  faults: FieldFaults,
): void {
  const taints = annotations?.[TAINTS];
  if (taints) {
    const list = read(taints, '[]v1.Taint');
    if (typeof list === 'string') faults.invalid(PATH, TAINTS, list);
    else checkTaints(list as Taint[], `${PATH}.${TAINTS}`, faults);
  }
  const avoids = annotations?.[AVOIDS];
  if (!avoids) return;
  const parsed = read(avoids, 'v1.AvoidPods');
  if (typeof parsed === 'string') return faults.invalid(`${PATH}.AvoidPods`, AVOIDS, parsed);
  const { preferAvoidPods } = parsed as { preferAvoidPods?: unknown };
  if (Array.isArray(preferAvoidPods))
    for (const [index, entry] of preferAvoidPods.entries()) checkEntry(entry, `${PATH}.${AVOIDS}[${index}]`, faults);
}

function checkEntry(entry: unknown, path: string, faults: FieldFaults): void {
  const { podSignature } = (entry ?? {}) as { podSignature?: { podController?: { controller?: unknown } } };
  const owner = podSignature?.podController;
  if (!owner) return faults.required(`${path}.PodSignature`);
  if (owner.controller !== true)
    faults.invalid(`${path}.PodSignature.PodController.Controller`, false, 'must point to a controller');
}

/** The value in a text, or what Go says where it is none of the type. */
function read(text: string, type: '[]v1.Taint' | 'v1.AvoidPods'): object | string {
  const fault = goJsonFault(text);
  if (fault !== undefined && !fault.startsWith('json: ')) return fault;
  const value: unknown = JSON.parse(text);
  const isList = Array.isArray(value);
  if (value === null) return isListType(type) ? [] : {};
  if (typeof value === 'object' && isList === isListType(type)) return value;
  const kind = isList ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  return `json: cannot unmarshal ${kind} into Go value of type ${type}`;
}

const isListType = (type: string): boolean => type.startsWith('[]');
