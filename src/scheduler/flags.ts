import {
  type FlagTable,
  parseComponentFlags,
  refusals,
  sideProcessFlags,
  toFile,
} from '../machinery/flags/component-flags.ts';

export interface SchedulerFlags {
  /** A KubeSchedulerConfiguration. */
  configFile?: string;
}

/** Source: cmd/kube-scheduler/app/options. */
const table: FlagTable<SchedulerFlags> = {
  component: 'kube-scheduler',
  served: {
    config: (flags, value) => {
      flags.configFile = toFile(value);
    },
  },
  refused: {
    'feature-gates': refusals.features,
    'pod-max-in-unschedulable-pods-duration': refusals.unchanged,
    'write-config-to': 'the configuration is not written anywhere',
  },
  harmless: sideProcessFlags,
};

/**
 * Reads what is given to kube-scheduler, such as `v=4` or `config=FILE`.
 *
 * @throws Error for flags that kube-scheduler does not have, and for those that have no meaning here.
 */
export function parseSchedulerFlags(args: readonly string[]): SchedulerFlags {
  return parseComponentFlags(args, table, {});
}
