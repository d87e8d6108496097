import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { alice, attemptOf, authorizerOf, admit as judge, readerOf } from '../../../testing/admission.ts';
import type { ResourceCatalog } from '../../served-resources.ts';
import type { AdmissionAttempt } from '../admission.ts';
import { policyParameters } from './policy-parameters.ts';

const resources = [{ definition: { kind: 'ConfigMap', plural: 'configmaps' } }];
const catalog = {
  resourcesSnapshot: () => ({ generation: 1, groups: [{ group: '', versions: [{ version: 'v1', resources }] }] }),
} as unknown as ResourceCatalog;
const configMap = { apiVersion: 'v1', kind: 'ConfigMap' };
const reader = readerOf({
  validatingadmissionpolicies: [
    { metadata: { name: 'p' }, spec: { paramKind: configMap } },
    { metadata: { name: 'odd' }, spec: { paramKind: { apiVersion: 'v1', kind: 'Odd' } } },
  ],
  mutatingadmissionpolicies: [{ metadata: { name: 'p' }, spec: { paramKind: configMap } }],
});
const authorizer = authorizerOf('get configmaps *', 'get configmaps mine');
const plugin = policyParameters({ authorizer, reader, catalog });

const KINDS: Readonly<Record<string, string>> = {
  validatingadmissionpolicies: 'ValidatingAdmissionPolicy',
  validatingadmissionpolicybindings: 'ValidatingAdmissionPolicyBinding',
  mutatingadmissionpolicybindings: 'MutatingAdmissionPolicyBinding',
};

function attempt(resource: string, spec: object, more: Partial<AdmissionAttempt> = {}): AdmissionAttempt {
  const group = 'admissionregistration.k8s.io';
  const kind = { group, version: 'v1', kind: KINDS[resource] ?? '' };
  return attemptOf({ group, resource, kind, object: { metadata: { name: 'x' }, spec }, ...more });
}

const refusal = (kind: string, field: string, why: string): string =>
  `${kind}.admissionregistration.k8s.io "x" is invalid: ${field}: Forbidden: ${why}`;
const ALICE = '&{alice  [system:authenticated] map[]}';
const bind = (policyName: string, name: string): object => ({ policyName, paramRef: { name, namespace: 'n' } });

const cases: Record<string, [AdmissionAttempt, string | undefined]> = {
  'lets a policy without parameters through': [attempt('validatingadmissionpolicies', {}), undefined],
  'lets those name a kind who may read all of it': [
    attempt('validatingadmissionpolicies', { paramKind: configMap }),
    undefined,
  ],
  'asks for all resources where the kind is unknown': [
    attempt('validatingadmissionpolicies', { paramKind: { apiVersion: 'v1', kind: 'Odd' } }),
    refusal(
      'ValidatingAdmissionPolicy',
      'spec.paramKind',
      `user ${ALICE} must have "get" permission on all objects of the referenced paramKind (kind=Odd, apiVersion=v1)`,
    ),
  ],
  'asks administrators nothing': [
    attempt(
      'validatingadmissionpolicies',
      { paramKind: { kind: 'Odd' } },
      { user: { ...alice, groups: ['system:masters'] } },
    ),
    undefined,
  ],
  'asks nothing again of a kind that stays': [
    attemptOf({
      ...attempt('validatingadmissionpolicies', { paramKind: { kind: 'Odd' } }),
      operation: 'UPDATE',
      previous: { metadata: { name: 'x' }, spec: { paramKind: { kind: 'Odd' } } },
    }),
    undefined,
  ],
  'lets those bind a parameter who may read it': [
    attempt('validatingadmissionpolicybindings', bind('p', 'mine')),
    undefined,
  ],
  'keeps others from it': [
    attempt('validatingadmissionpolicybindings', bind('p', 'other')),
    refusal(
      'ValidatingAdmissionPolicyBinding',
      'spec.paramRef',
      `user ${ALICE} does not have "get" permission on the object referenced by paramRef`,
    ),
  ],
  'has the words of mutating bindings': [
    attempt('mutatingadmissionpolicybindings', bind('p', 'other')),
    refusal(
      'MutatingAdmissionPolicyBinding',
      'spec.paramRef',
      `user get does not have "${ALICE}" permission on the object referenced by paramRef`,
    ),
  ],
  'asks for everything where the policy is missing': [
    attempt('validatingadmissionpolicybindings', { policyName: 'none', paramRef: { selector: {} } }),
    refusal(
      'ValidatingAdmissionPolicyBinding',
      'spec.paramRef',
      `unable to get policy none to determine minimum required permissions and user ${ALICE} does not have "list" permission for all groups, versions and resources`,
    ),
  ],
  'asks for everything where the kind of the policy is unknown': [
    attempt('validatingadmissionpolicybindings', bind('odd', 'other')),
    refusal(
      'ValidatingAdmissionPolicyBinding',
      'spec.paramRef',
      `unable to resolve paramKind &{v1 Odd} to determine minimum required permissions and user ${ALICE} does not have "get" permission for all groups, versions and resources`,
    ),
  ],
};

describe('policyParameters', () => {
  for (const [name, [tried, message]] of Object.entries(cases))
    it(name, async () => assert.equal(await judge(plugin, tried), message));
});
