import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { created, createFaults, decoded, updated } from '../../testing/strategy-runs.ts';
import { mutatingAdmissionPolicyResource as mutating } from './mutating-admission-policy/definition.ts';
import { mutatingAdmissionPolicyBindingResource as mutatingBinding } from './mutating-admission-policy-binding/definition.ts';
import { policyExpressions } from './policy-expressions.ts';
import { validatingAdmissionPolicyResource as validating } from './validating-admission-policy/definition.ts';
import { validatingAdmissionPolicyBindingResource as binding } from './validating-admission-policy-binding/definition.ts';

const rule = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] };
const matchConstraints = { resourceRules: [rule] };
const policy = { matchConstraints, validations: [{ expression: 'true' }] };
const mutation = {
  matchConstraints,
  reinvocationPolicy: 'Never',
  mutations: [
    {
      patchType: 'JSONPatch',
      jsonPatch: { expression: '[JSONPatch{op: "add", path: "/a/" + jsonpatch.escapeKey("b/c"), value: 1}]' },
    },
  ],
};

const cases: Record<string, [ResourceDefinition, object, string[]]> = {
  'policies take a plain one': [validating, policy, []],
  'policies ask for what to look at and what for': [
    validating,
    { matchConstraints: {} },
    [
      'spec.matchConstraints.resourceRules: Required value',
      'spec.validations: Required value: validations or auditAnnotations must contain at least one item',
      'spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item',
    ],
  ],
  'policies judge the kind of their parameters': [
    validating,
    { ...policy, paramKind: { apiVersion: 'A/', kind: 'a b' } },
    [
      "spec.paramKind.apiVersion: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
      'spec.paramKind.apiVersion: Invalid value: "A/": version must be specified',
      "spec.paramKind.kind: Invalid value: \"a b\": may have mixed case, but should otherwise match: a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
    ],
  ],
  'policies name objects once': [
    validating,
    { ...policy, matchConstraints: { resourceRules: [{ ...rule, resourceNames: ['a', 'a', 'b/c'] }] } },
    [
      'spec.matchConstraints.resourceRules[0].resourceNames[1]: Duplicate value: "a"',
      'spec.matchConstraints.resourceRules[0].resourceNames[2]: Invalid value: "b/c": may not contain \'/\'',
    ],
  ],
  'policies take messages of one line': [
    validating,
    { ...policy, validations: [{ message: 'a\nb', messageExpression: ' ', reason: 'Odd' }] },
    [
      'spec.validations[0].expression: Required value: expression is not specified',
      'spec.validations[0].messageExpression: Invalid value: " ": must be non-empty if specified',
      'spec.validations[0].message: Invalid value: "a\\nb": must not contain line breaks',
      'spec.validations[0].reason: Unsupported value: "Odd": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"',
    ],
  ],
  'policies name variables and annotations by rules': [
    validating,
    {
      ...policy,
      variables: [{ name: 'in', expression: '1' }, { expression: '' }],
      auditAnnotations: [
        { key: 'k', valueExpression: '""' },
        { key: 'k', valueExpression: 'x'.repeat(5121) },
      ],
    },
    [
      'spec.variables[0].name: Invalid value: "in": must be a valid CEL identifier',
      'spec.variables[1].name: Required value: name is not specified',
      'spec.variables[1].expression: Required value: expression is not specified',
      'spec.auditAnnotations[1].valueExpression: Required value: must not exceed 5120 bytes in length',
      'spec.auditAnnotations[1].key: Duplicate value: "k"',
    ],
  ],
  'mutating policies take a plain one': [mutating, mutation, []],
  'mutating policies refuse deletions, and patches of another type': [
    mutating,
    {
      matchConstraints: { resourceRules: [{ ...rule, operations: ['DELETE'] }] },
      mutations: [{ patchType: 'JSONPatch', applyConfiguration: {} }, { patchType: 'Odd' }],
    },
    [
      'spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"',
      'spec.mutations[0].jsonPatch: Required value: must be specified when patchType is JSONPatch',
      'spec.mutations[0].applyConfiguration: Invalid value: "{applyConfiguration}": must not be specified when patchType is JSONPatch',
      'spec.mutations[1].patchType: Unsupported value: "Odd": supported values: "ApplyConfiguration", "JSONPatch"',
      'spec.reinvocationPolicy: Required value',
    ],
  ],
  'policies judge what expressions say and come to': [
    validating,
    {
      ...policy,
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      matchConditions: [
        { name: 'c', expression: 'variables.a == 1' },
        { name: 'd', expression: 'params.x == request.name' },
      ],
      variables: [
        { name: 'a', expression: 'size(object.items)' },
        { name: 'b', expression: 'variables.c' },
      ],
      validations: [
        { expression: 'variables.a > 1 && variables.b == "x" && namespaceObject.metadata.labels.exists(l, l == "a")' },
        { expression: 'authorizer.group("apps").resource("deployments").namespace("n").check("get").allowed()' },
        { expression: 'authorizer.requestResource.check("get").reason()' },
        { expression: 'true', messageExpression: 'authorizer.path("/a").check("get").reason()' },
        { expression: '1 +' },
      ],
      auditAnnotations: [{ key: 'k', valueExpression: '1' }],
    },
    [
      `spec.matchConditions[0].expression: Invalid value: "variables.a == 1": compilation failed: ERROR: <input>:1:1: undeclared reference to 'variables' (in container '')\n | variables.a == 1\n | ^`,
      `spec.variables[1].expression: Invalid value: "variables.c": compilation failed: ERROR: <input>:1:10: undefined field 'c'\n | variables.c\n | .........^`,
      'spec.validations[2].expression: Invalid value: "authorizer.requestResource.check(\\"get\\").reason()": must evaluate to bool but got string',
      `spec.validations[3].messageExpression: Invalid value: "authorizer.path(\\"/a\\").check(\\"get\\").reason()": compilation failed: ERROR: <input>:1:1: undeclared reference to 'authorizer' (in container '')\n | authorizer.path("/a").check("get").reason()\n | ^`,
      `spec.validations[4].expression: Invalid value: "1 +": compilation failed: ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | 1 +\n | ...^`,
      'spec.auditAnnotations[0].valueExpression: Invalid value: "1": must evaluate to one of [string null_type] but got int',
    ],
  ],
  'mutating policies write objects and patches': [
    mutating,
    {
      ...mutation,
      mutations: [
        {
          patchType: 'ApplyConfiguration',
          applyConfiguration: { expression: 'Object{spec: Object.spec{replicas: object.spec.replicas + 1}}' },
        },
        { patchType: 'ApplyConfiguration', applyConfiguration: { expression: '{"a": 1}' } },
        { patchType: 'JSONPatch', jsonPatch: { expression: '[JSONPatch{operation: "add"}]' } },
      ],
    },
    [
      'spec.mutations[1].applyConfiguration.expression: Invalid value: "{\\"a\\": 1}": must evaluate to Object but got map(string, int)',
      `spec.mutations[2].jsonPatch.expression: Invalid value: "[JSONPatch{operation: \\"add\\"}]": compilation failed: ERROR: <input>:1:21: undefined field 'operation'\n | [JSONPatch{operation: "add"}]\n | ....................^`,
    ],
  ],
  'bindings ask for a policy and an action': [
    binding,
    { paramRef: { parameterNotFoundAction: 'Odd' } },
    [
      'spec.policyName: Required value',
      'spec.paramRef: Required value: one of name or selector must be specified',
      'spec.paramRef.parameterNotFoundAction: Unsupported value: "Odd": supported values: "Deny", "Allow"',
      'spec.validationActions: Required value: at least one validation action is required',
    ],
  ],
  'bindings do not tell the same twice': [
    binding,
    { policyName: 'p', validationActions: ['Audit', 'Audit'] },
    ['spec.validationActions[1]: Duplicate value: "Audit"'],
  ],
  'mutating bindings refuse deletions': [
    mutatingBinding,
    { policyName: 'p', matchResources: { resourceRules: [{ ...rule, operations: ['DELETE'] }] } },
    [
      'spec.matchResources.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"',
    ],
  ],
};

await policyExpressions.load();

describe('admission policies', () => {
  for (const [name, [kind, spec, faults]] of Object.entries(cases))
    it(name, () => assert.deepEqual(createFaults(kind, { spec }), faults));
  it('look at everything that is equivalent where they say nothing else', () => {
    const { spec } = created(binding, { spec: { policyName: 'p', matchResources: {} } }) as { spec?: object };
    const matchResources = { matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {} };
    assert.deepEqual((spec as { matchResources?: object }).matchResources, matchResources);
  });
  it('judge conditions only when they change', () => {
    const odd = { spec: { ...policy, matchConditions: [{ name: '', expression: '' }] } };
    assert.deepEqual(updated(validating, odd, odd).faults, []);
    const changed = { spec: { ...odd.spec, paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } } };
    assert.equal(updated(validating, odd, changed).faults.length, 2);
  });
  it('judge what the checker of types said', () => {
    const status = {
      typeChecking: { expressionWarnings: [{ fieldRef: 'spec.validations[0].expression' }, { warning: 'w' }] },
    };
    assert.deepEqual(updated(validating, { spec: policy }, { spec: policy, status }, 'StatusUpdate').faults, [
      'status.typeChecking.expressionWarnings[0].warning: Required value',
      'status.typeChecking.expressionWarnings[1].fieldRef: Required value',
    ]);
  });
  it('show their parameters in tables', () => {
    const show = (kind: ResourceDefinition, name: string, spec: object): unknown =>
      kind.columns.find((column) => column.name === name)?.cell(decoded(kind, { spec }), { nowMs: 0 });
    assert.equal(show(validating, 'ParamKind', {}), '<unset>');
    assert.equal(show(validating, 'ParamKind', { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } }), 'v1/ConfigMap');
    assert.equal(show(binding, 'ParamRef', { paramRef: { name: 'n' } }), '*/n');
    assert.equal(
      show(binding, 'ParamRef', { paramRef: { selector: { matchLabels: { a: 'b' } } } }),
      '&LabelSelector{MatchLabels:map[string]string{a: b,},MatchExpressions:[]LabelSelectorRequirement{},}',
    );
  });
});
