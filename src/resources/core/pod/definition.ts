import { pods } from '../../../generated/resource-types.ts';
import { defineResource } from '../../define.ts';
import { podCells } from './columns.ts';
import { podStrategy } from './strategy.ts';

export const podResource = defineResource(pods, {
  cells: podCells,
  generation: 'spec',
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
    // An old name of the same, and a name that upstream knows without knowing its value.
    'spec.host': ({ spec }) => spec.nodeName ?? '',
    'status.podIPs': () => '',
    'spec.restartPolicy': ({ spec }) => spec.restartPolicy ?? '',
    'spec.schedulerName': ({ spec }) => spec.schedulerName ?? '',
    'spec.serviceAccountName': ({ spec }) => spec.serviceAccountName ?? '',
    'spec.hostNetwork': ({ spec }) => String(spec.hostNetwork ?? false),
    'status.phase': ({ status }) => status?.phase ?? '',
    'status.podIP': ({ status }) => status?.podIPs?.[0]?.ip ?? '',
    'status.nominatedNodeName': ({ status }) => status?.nominatedNodeName ?? '',
  },
  strategy: podStrategy,
});
