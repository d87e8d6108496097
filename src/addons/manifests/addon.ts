import type { CustomResourceDefinition } from '../../generated/api/apiextensions/v1.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';

/** What the server keeps of one manifest that it deployed. Source: k3s `k3s.cattle.io/v1`. */
export interface Addon extends KubeObject {
  spec?: {
    /** Path of the file. */
    source?: string;
    /** SHA-256 of the file as it was last applied, in hex. */
    checksum?: string;
  };
}

export const addons: ResourceType<Addon> = {
  group: 'k3s.cattle.io',
  version: 'v1',
  kind: 'Addon',
  plural: 'addons',
  namespaced: true,
};

/** All addons live here. */
export const ADDON_NAMESPACE = 'kube-system';

export const addonDefinition: CustomResourceDefinition = {
  metadata: { name: `${addons.plural}.${addons.group}` },
  spec: {
    group: addons.group,
    names: { kind: addons.kind, plural: addons.plural, singular: 'addon', listKind: 'AddonList' },
    scope: 'Namespaced',
    versions: [
      {
        name: addons.version,
        served: true,
        storage: true,
        additionalPrinterColumns: [
          { name: 'Source', type: 'string', jsonPath: '.spec.source' },
          { name: 'Checksum', type: 'string', jsonPath: '.spec.checksum' },
        ],
        schema: {
          openAPIV3Schema: {
            description: 'A manifest that the server found in its folder and keeps applied.',
            type: 'object',
            properties: {
              apiVersion: { type: 'string' },
              kind: { type: 'string' },
              metadata: { type: 'object' },
              spec: {
                description: 'Where the manifest is, and what of it is applied.',
                type: 'object',
                properties: {
                  source: { description: 'Path of the file on the server.', type: 'string' },
                  checksum: { description: 'SHA-256 of the file as it was last applied.', type: 'string' },
                },
              },
            },
          },
        },
      },
    ],
  },
};
