import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { created, createFaults, decoded, updated } from '../../testing/strategy-runs.ts';
import { deviceClassResource as deviceClass } from './device-class/definition.ts';
import { resourceClaimResource as claim } from './resource-claim/definition.ts';
import { resourceClaimTemplateResource as template } from './resource-claim-template/definition.ts';
import { resourceSliceResource as slice } from './resource-slice/definition.ts';
import { selectorExpressions } from './selector-expressions.ts';

const exactly = { deviceClassName: 'c' };
const requests = [{ name: 'r', exactly }];
const devices = (more: object): object => ({ devices: { requests, ...more } });
const pool = { name: 'p', generation: 1, resourceSliceCount: 1 };
const place = { driver: 'd.example.com', pool, allNodes: true };
const device = (more: object): object => ({ ...place, devices: [{ name: 'a', ...more }] });
const reference =
  "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";

const cases: Record<string, [ResourceDefinition, object, string[]]> = {
  'classes take anything empty': [deviceClass, {}, []],
  'classes ask for an expression and its driver': [
    deviceClass,
    { selectors: [{}], config: [{}, { opaque: { parameters: [] } }], extendedResourceName: 'cpu' },
    [
      'spec.selectors[0].cel: Required value',
      'spec.config[0].opaque: Required value',
      'spec.config[1].opaque.driver: Required value',
      'spec.config[1].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object',
      'spec.extendedResourceName: Invalid value: "cpu": must be a valid extended resource name',
    ],
  ],
  'classes select by expressions that come to a truth, cheaply': [
    deviceClass,
    {
      selectors: [
        'device.driver == "d"',
        'device.attributes["d"].healthy',
        'device.capacity["d"].memory.compareTo(quantity("1Gi")) >= 0',
        'cel.bind(a, device.attributes["d"], a.x && a.y)',
        'device.driver',
        'device.model == "x"',
        `device.attributes.all(a, device.attributes.all(b, device.attributes.all(c, device.attributes.all(d, a.matches(b)))))`,
      ].map((expression) => ({ cel: { expression } })),
    },
    [
      'spec.selectors[4].cel.expression: Invalid value: "device.driver": must evaluate to bool or the unknown type, not string',
      `spec.selectors[5].cel.expression: Invalid value: "device.model == \\"x\\"": compilation failed: ERROR: <input>:1:7: undefined field 'model'\n | device.model == "x"\n | ......^`,
      'spec.selectors[6].cel.expression: Forbidden: too complex, exceeds cost limit',
    ],
  ],
  'classes limit expressions and parameters': [
    deviceClass,
    {
      selectors: [{ cel: { expression: 'x'.repeat(10241) } }],
      config: [{ opaque: { driver: 'd', parameters: { a: 'x'.repeat(10240) } } }],
    },
    [
      'spec.selectors[0].cel.expression: Too long: may not be more than 10240 bytes',
      'spec.config[0].opaque.parameters: Too long: may not be more than 10240 bytes',
    ],
  ],
  'claims take a plain one, and none': [claim, devices({}), []],
  'claims ask for one way to ask': [
    claim,
    { devices: { requests: [{ name: 'a' }, { name: 'a', exactly, firstAvailable: [{ name: 's', ...exactly }] }] } },
    [
      'spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required',
      'spec.devices.requests[1]: Invalid value: null: exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set',
      'spec.devices.requests[1]: Duplicate value: "a"',
    ],
  ],
  'claims count devices as their mode says': [
    claim,
    {
      devices: {
        requests: [
          { name: 'a', exactly: { allocationMode: 'All', count: 1 } },
          { name: 'b', exactly: { ...exactly, allocationMode: 'Some' } },
          { name: 'c', exactly: { ...exactly, count: -1 } },
        ],
      },
    },
    [
      'spec.devices.requests[0].exactly.deviceClassName: Required value',
      "spec.devices.requests[0].exactly.count: Invalid value: 1: must not be specified when allocationMode is 'All'",
      'spec.devices.requests[1].exactly.allocationMode: Unsupported value: "Some": supported values: "All", "ExactCount"',
      'spec.devices.requests[2].exactly.count: Invalid value: -1: must be greater than zero',
    ],
  ],
  'claims tolerate by rules': [
    claim,
    {
      devices: {
        requests: [
          { name: 'a', exactly: { ...exactly, tolerations: [{ operator: 'Exists', value: 'v', effect: 'Odd' }] } },
        ],
      },
    },
    [
      'spec.devices.requests[0].exactly.tolerations[0].value: Invalid value: "v": must be empty for operator `Exists`',
      'spec.devices.requests[0].exactly.tolerations[0].effect: Unsupported value: "Odd": supported values: "NoExecute", "NoSchedule", "None"',
    ],
  ],
  'claims refer to their own requests': [
    claim,
    devices({
      constraints: [{ requests: ['r', 'x', 'r/y', 'a/b/c'], matchAttribute: 'plain' }, {}],
      config: [{ requests: ['r', 'r'] }],
    }),
    [
      `spec.devices.constraints[0].requests[1]: Invalid value: "x": ${reference}`,
      `spec.devices.constraints[0].requests[2]: Invalid value: "r/y": ${reference}`,
      `spec.devices.constraints[0].requests[3]: Invalid value: "a/b/c": ${reference}`,
      'spec.devices.constraints[0].matchAttribute: Invalid value: "plain": a fully qualified name must be a domain and a name separated by a slash',
      'spec.devices.constraints[1]: Required value: exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set',
      'spec.devices.config[0].requests[1]: Duplicate value: "r"',
      'spec.devices.config[0].opaque: Required value',
    ],
  ],
  'claims ask for few things': [
    claim,
    { devices: { requests: Array.from({ length: 33 }, () => ({})) } },
    ['spec.devices.requests: Too many: 33: must have at most 32 items'],
  ],
  'templates forbid other metadata': [
    template,
    { metadata: { name: 'n', labels: { a: 'b' } }, spec: devices({}) },
    ['spec.metadata.name: Forbidden: cannot be set'],
  ],
  'slices take a plain one': [slice, device({ attributes: { 'd.example.com/a': { string: 's' } } }), []],
  'slices say where they are': [
    slice,
    { driver: 'd', pool: {} },
    [
      'spec.pool.name: Required value',
      'spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero',
      'spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required',
    ],
  ],
  'slices say it once': [
    slice,
    { ...place, nodeName: 'n', perDeviceNodeSelection: false },
    [
      'spec.perDeviceNodeSelection: Invalid value: false: must be either unset or set to true',
      'spec: Invalid value: "{`nodeName`, `allNodes`}": exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set',
    ],
  ],
  'slices hold devices or counters': [
    slice,
    { ...place, devices: [], sharedCounters: [{ name: 'c' }] },
    [
      'spec: Invalid value: "": only one of `sharedCounters` or `devices` is allowed',
      'spec.sharedCounters[0].counters: Required value',
    ],
  ],
  'devices have one value in each attribute': [
    slice,
    device({ attributes: { a: {}, b: { int: 1, bool: true }, c: { version: '1' }, 'x/': { int: 1 } } }),
    [
      'spec.devices[0].attributes[a]: Invalid value: "": exactly one value must be specified',
      'spec.devices[0].attributes[b]: Invalid value: {"IntValue":1,"BoolValue":true,"StringValue":null,"VersionValue":null,"IntValues":null,"BoolValues":null,"StringValues":null,"VersionValues":null}: exactly one value must be specified',
      'spec.devices[0].attributes[c].version: Invalid value: "1": must be a string compatible with semver.org spec 2.0.0',
      'spec.devices[0].attributes: Invalid value: "": the name must not be empty',
    ],
  ],
  'devices stand by themselves only where the slice lets them': [
    slice,
    device({ nodeName: 'n' }),
    [
      'spec.devices[0]: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec',
    ],
  ],
  'devices bind with conditions of both sorts': [
    slice,
    device({ bindingConditions: ['a', 'a'], taints: [{ key: 'k' }] }),
    [
      'spec.devices[0].taints[0].effect: Required value',
      'spec.devices[0].bindingConditions[1]: Duplicate value: "a"',
      'spec.devices[0].bindingFailureConditions: Invalid value: null: bindingFailureConditions are required to use bindingConditions',
    ],
  ],
  'capacities are shared by a policy': [
    slice,
    device({
      allowMultipleAllocations: true,
      capacity: {
        a: { value: '10', requestPolicy: { default: '3', validValues: ['2', '1', '11'] } },
        b: { value: '10', requestPolicy: { default: '3', validRange: { min: '4', step: '7' } } },
      },
    }),
    [
      'spec.devices[0].capacity[a].requestPolicy.validValues[1]: Invalid value: "1": values must be sorted in ascending order',
      'spec.devices[0].capacity[a].requestPolicy.validValues[2]: Invalid value: "11": option is larger than capacity value: 10',
      'spec.devices[0].capacity[a].requestPolicy.validValues: Invalid value: "3": default value is not valid according to the requestPolicy',
      'spec.devices[0].capacity[b].requestPolicy.validRange.min: Invalid value: "3": default is less than min: 4',
      'spec.devices[0].capacity[b].requestPolicy.validRange.step: Invalid value: "7": one step 11 is larger than capacity value: 10',
      'spec.devices[0].capacity[b].requestPolicy.validRange.step: Invalid value: "3": value is not a multiple of a given step (7) from (4)',
    ],
  ],
};

const result = { request: 'r', driver: 'd', pool: 'p', device: 'x' };
const allocation = { devices: { results: [result] } };
const status = (more: object): object => ({ spec: devices({}), status: more });

await selectorExpressions.load();

describe('device resources', () => {
  for (const [name, [kind, spec, faults]] of Object.entries(cases))
    it(name, () => assert.deepEqual(createFaults(kind, { spec }), faults));

  it('ask for one device where they say nothing else', () => {
    const { devices: asked } = created(claim, { spec: devices({}) })['spec'] as { devices: { requests: object[] } };
    assert.deepEqual(asked.requests, [{ name: 'r', exactly: { ...exactly, allocationMode: 'ExactCount', count: 1 } }]);
  });

  it('never change what a claim asks for', () => {
    const [fault = ''] = updated(claim, { spec: devices({}) }, { spec: {} }).faults;
    assert.match(fault, /^spec: Invalid value: \{"Devices":.*field is immutable$/);
  });

  it('show a template with its metadata among its fields', () => {
    const spec = { metadata: { labels: { a: 'b' } }, spec: {} };
    const none = '{"Devices":{"Requests":null,"Constraints":null,"Config":null}}';
    assert.deepEqual(updated(template, { spec: { spec: devices({}) } }, { spec }).faults, [
      `spec: Invalid value: {"labels":{"a":"b"},"Spec":${none}}: field is immutable`,
    ]);
  });

  it('allocate what was asked for, once', () => {
    assert.deepEqual(updated(claim, status({}), status({ allocation }), 'StatusUpdate').faults, []);
    const odd = { devices: { results: [{ ...result, request: 'other', pool: '', shareID: 'x' }] } };
    assert.deepEqual(updated(claim, status({}), status({ allocation: odd }), 'StatusUpdate').faults, [
      `status.allocation.devices.results[0].request: Invalid value: "other": ${reference}`,
      'status.allocation.devices.results[0].pool: Required value',
      'status.allocation.devices.results[0].shareID: Invalid value: "x": error validating uid: invalid UUID length: 1',
    ]);
    const moved = updated(claim, status({ allocation }), status({ allocation: {} }), 'StatusUpdate').faults;
    assert.match(moved[0] ?? '', /^status.allocation: Invalid value: .*field is immutable$/);
  });

  it('reserve what is allocated', () => {
    const next = status({ reservedFor: [{ resource: 'pods', name: 'a' }] });
    assert.deepEqual(updated(claim, status({}), next, 'StatusUpdate').faults, [
      'status.reservedFor[0].uid: Required value',
      'status.reservedFor: Forbidden: may not be specified when `allocated` is not set',
    ]);
  });

  it('tell of allocated devices, as long as they are', () => {
    const { request: _request, ...known } = result;
    const next = status({
      allocation,
      devices: [
        { ...known, networkData: { ips: ['10.0.0.1'] } },
        { ...known, device: 'y' },
      ],
    });
    assert.deepEqual(updated(claim, status({ allocation }), next, 'StatusUpdate').faults, [
      'status.devices[0].networkData.ips[0]: Invalid value: "10.0.0.1": must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)',
      'status.devices[1]: Invalid value: {"Driver":"d","Pool":"p","Device":"y","ShareID":""}: must be an allocated device in the claim',
    ]);
    const freed = updated(
      claim,
      status({ allocation, devices: [known] }),
      status({ devices: [known] }),
      'StatusUpdate',
    );
    assert.deepEqual([freed.object['status'], freed.faults], [{}, []]);
  });

  it('drop fields of slices whose features are off, until a slice has them', () => {
    const nodeAllocatableResourceMappings = { cpu: {} };
    const body = { spec: device({ nodeAllocatableResourceMappings, attributes: { a: { ints: [1] } } }) };
    const [made] = (created(slice, body)['spec'] as { devices: object[] }).devices;
    assert.deepEqual(made, { name: 'a', attributes: { a: {} } });
    const { object } = updated(slice, body, body);
    const [kept] = (object['spec'] as { devices: object[] }).devices;
    assert.deepEqual(Object.keys(kept ?? {}), ['name', 'attributes', 'nodeAllocatableResourceMappings']);
  });

  it('keep where a slice belongs', () => {
    const next = { spec: { ...place, driver: 'e', pool: { ...pool, name: 'q' }, allNodes: undefined, nodeName: 'n' } };
    assert.deepEqual(updated(slice, { spec: place }, next).faults, [
      'spec.pool.name: Invalid value: "q": field is immutable',
      'spec.driver: Invalid value: "e": field is immutable',
      'spec.nodeName: Invalid value: "n": field is immutable',
    ]);
  });

  it('show the state of a claim', () => {
    const show = (more: object): unknown =>
      claim.columns.find(({ name }) => name === 'State')?.cell(decoded(claim, status(more)), { nowMs: 0 });
    assert.equal(show({}), 'pending');
    assert.equal(show({ allocation, reservedFor: [{ name: 'a' }] }), 'allocated,reserved');
  });
});
