import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinShape } from './builtin.ts';
import { decodeObject } from './decode.ts';

const pod = builtinShape('core/v1.Pod');

const cases: Record<string, [text: string, fault: string]> = {
  'the first fault of the text, whatever the schema’s order': [
    '{"spec":{"restartPolicy":5},"metadata":{"name":1}}',
    'json: cannot unmarshal number into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy',
  ],
  'a fault of a type that reads itself before any other': [
    '{"metadata":{"name":1},"spec":{"containers":[{"resources":{"limits":{"cpu":"x"}}}]}}',
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
  ],
  'a list in place of a named map': [
    '{"spec":{"containers":[{"resources":{"limits":[]}}]}}',
    'json: cannot unmarshal array into Go struct field ResourceRequirements.spec.containers.resources.limits of type v1.ResourceList',
  ],
  'an item of a list of named texts': [
    '{"spec":{"containers":[{"securityContext":{"capabilities":{"add":[1]}}}]}}',
    'json: cannot unmarshal number into Go struct field Capabilities.spec.containers.securityContext.capabilities.add of type v1.Capability',
  ],
  'a number that is no whole one where a port must be': [
    '{"spec":{"containers":[{"livenessProbe":{"httpGet":{"port":1.5}}}]}}',
    'json: cannot unmarshal number 1.5 into Go struct field HTTPGetAction.spec.containers.livenessProbe.ProbeHandler.httpGet.port of type int32',
  ],
};

describe('decodeObject', () => {
  for (const [name, [text, fault]] of Object.entries(cases)) {
    it(`tells of ${name}`, () => {
      const value = { kind: 'Pod', apiVersion: 'v1', ...(JSON.parse(text) as object) };
      const message = `Pod in version "v1" cannot be handled as a Pod: ${fault}`;
      assert.throws(() => decodeObject(value, pod, { unknownFields: 'drop' }), { code: 400, message });
    });
  }
});
