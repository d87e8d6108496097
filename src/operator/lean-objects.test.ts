import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nodes, pods, secrets } from '../generated/resource-types.ts';
import type { KubeObject, ResourceType } from '../machinery/object/object.ts';
import { toLean } from './lean-objects.ts';

const metadata = { name: 'a', namespace: 'b', uid: 'c', resourceVersion: '1', labels: { d: 'e' } };
const managedFields = [{ manager: 'kubelet' }];
const ready = { type: 'Ready', status: 'True' };

describe('toLean', () => {
  const rows: Record<string, [type: ResourceType, object: object, kept: object]> = {
    'keeps all of an object but who owns its fields, and what was applied': [
      secrets,
      {
        metadata: {
          ...metadata,
          managedFields,
          annotations: { x: 'y', 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
        },
        data: { f: 'Zw==' },
      },
      { metadata: { ...metadata, annotations: { x: 'y' } }, data: { f: 'Zw==' } },
    ],
    'keeps of a node where it is, and whether it is ready': [
      nodes,
      {
        metadata: { name: 'a', labels: { g: 'h' } },
        spec: { podCIDR: 'i' },
        status: { addresses: [], images: [{}], conditions: [{ type: 'DiskPressure' }, ready] },
      },
      { metadata: { name: 'a' }, spec: {}, status: { addresses: [], conditions: [ready] } },
    ],
    'keeps of a pod what it is for, and how it is': [
      pods,
      {
        metadata,
        spec: { nodeName: 'n', containers: [{ name: 'server' }] },
        status: { phase: 'Running', conditions: [ready], containerStatuses: [], podIP: '192.0.2.1' },
      },
      {
        metadata,
        spec: { nodeName: 'n', containers: [] },
        status: { phase: 'Running', conditions: [ready], containerStatuses: [] },
      },
    ],
  };
  for (const [title, [type, object, kept]] of Object.entries(rows)) {
    it(title, () => assert.deepEqual(JSON.parse(JSON.stringify(toLean(type, object as KubeObject))), kept));
  }
});
