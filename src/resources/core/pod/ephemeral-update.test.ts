import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EphemeralContainer, Pod } from '../../../generated/api/core/v1.ts';
import { defaultPod } from '../pod-spec/defaults.ts';
import { validateEphemeralContainersUpdate } from './ephemeral-update.ts';

function pod(ephemeralContainers: Partial<EphemeralContainer>[], annotations: Record<string, string> = {}): Pod {
  const spec = { containers: [{ name: 'a', image: 'x' }], ephemeralContainers };
  const object = { metadata: { name: 'p', annotations }, spec } as unknown as Pod;
  defaultPod(object);
  return object;
}

const PATH = 'spec.ephemeralContainers';

const cases: Record<string, [Pod, Pod, string[]]> = {
  'lets a container come': [pod([]), pod([{ name: 'e', image: 'y' }]), []],
  'lets the order change': [
    pod([
      { name: 'e', image: 'y' },
      { name: 'f', image: 'y' },
    ]),
    pod([
      { name: 'f', image: 'y' },
      { name: 'e', image: 'y' },
    ]),
    [],
  ],
  'refuses that one goes': [
    pod([{ name: 'e', image: 'y' }]),
    pod([]),
    [`${PATH}: Forbidden: existing ephemeral containers "e" may not be removed\n`],
  ],
  'shows what changed of one': [
    pod([{ name: 'e', image: 'y' }]),
    pod([{ name: 'e', image: 'z' }]),
    [
      `${PATH}: Forbidden: existing ephemeral containers "e" may not be changed\n@@ -1,6 +1,6 @@\n {\n  "Name": "e",\n- "Image": "y",\n+ "Image": "z",\n  "Command": null,\n  "Args": null,\n  "WorkingDir": "",\n`,
    ],
  ],
  'judges what comes': [
    pod([]),
    pod([{ name: 'a', image: ' y', ports: [{ containerPort: 1 }], targetContainerName: 'b' }]),
    [
      `${PATH}[0].image: Invalid value: " y": must not have leading or trailing whitespace`,
      `${PATH}[0].name: Duplicate value: "a"`,
      `${PATH}[0].targetContainerName: Not found: "b"`,
      `${PATH}[0].ports: Forbidden: cannot be set for an Ephemeral Container`,
    ],
  ],
  'leaves static pods alone': [
    pod([], { 'kubernetes.io/config.mirror': 'm' }),
    pod([{ name: 'e', image: 'y' }], { 'kubernetes.io/config.mirror': 'm' }),
    [': Forbidden: static pods do not support ephemeral containers'],
  ],
};

describe('validateEphemeralContainersUpdate', () => {
  for (const [name, [previous, next, expected]] of Object.entries(cases))
    it(name, () => assert.deepEqual(validateEphemeralContainersUpdate(next, previous).map(String), expected));
});
