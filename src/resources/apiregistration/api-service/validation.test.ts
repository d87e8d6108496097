import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { created, createFaults, updated } from '../../../testing/strategy-runs.ts';
import { apiServiceResource as kind } from './definition.ts';

const metadata = { name: 'v1.example.com' };
const local = { group: 'example.com', version: 'v1', groupPriorityMinimum: 1, versionPriority: 1 };
const remote = { ...local, service: { name: 's', namespace: 'n' } };

const cases: Record<string, [object, string[]]> = {
  'take a local one': [local, []],
  'take a service': [remote, []],
  'are named after what they serve': [
    { ...local, version: 'v2' },
    ['metadata.name: Invalid value: "v1.example.com": must be `spec.version+"."+spec.group`: "v2.example.com"'],
  ],
  'have priorities within limits': [
    { ...local, groupPriorityMinimum: 20001, versionPriority: 0 },
    [
      'spec.groupPriorityMinimum: Invalid value: 20001: must be positive and less than 20000',
      'spec.versionPriority: Invalid value: 0: must be positive and less than 1000',
    ],
  ],
  'trust nobody where they are local': [
    { ...local, caBundle: 'YWI=', insecureSkipTLSVerify: true },
    [
      'spec.caBundle: Invalid value: "2 bytes": local APIServices may not have a caBundle',
      'spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify',
    ],
  ],
  'ask for all of a service': [
    { ...local, service: { port: 0 } },
    [
      'spec.service.namespace: Required value',
      'spec.service.name: Required value',
      'spec.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive',
    ],
  ],
};

describe('API services', () => {
  for (const [name, [spec, faults]] of Object.entries(cases))
    it(name, () => assert.deepEqual(createFaults(kind, { metadata, spec }), faults));
  it('are there at once where they are local', () => {
    const { conditions } = created(kind, { metadata, spec: local })['status'] as { conditions: { reason: string }[] };
    assert.deepEqual(
      conditions.map(({ reason }) => reason),
      ['Local'],
    );
    assert.deepEqual(created(kind, { metadata, spec: remote })['status'], {});
  });
  it('have conditions that are true, false or unknown', () => {
    const next = { metadata, spec: {}, status: { conditions: [{ type: 'Available' }] } };
    const { object, faults } = updated(kind, { metadata, spec: remote }, next, 'StatusUpdate');
    assert.deepEqual(faults, [
      'status.conditions[0].status: Unsupported value: "": supported values: "True", "False", "Unknown"',
    ]);
    assert.deepEqual((object['spec'] as { group?: string }).group, 'example.com');
  });
});
