import { poddisruptionbudgets } from '../../generated/resource-types.ts';
import { labelsOf, namesOf, selectorOf } from '../observed.ts';
import { type Step, want, without } from './step.ts';

/** Lets drains of host nodes take one replica at a time. A single replica has none: it would block every drain. */
export const disruptionBudgetStep: Step = {
  name: 'disruption-budget',
  condition: 'ControlPlaneAvailable',
  plan({ cluster, spec }) {
    const name = namesOf(cluster).server;
    const { namespace } = cluster.metadata;
    if (spec.replicas < 2) return without({ type: poddisruptionbudgets, key: { namespace, name } });
    return want({
      type: poddisruptionbudgets,
      object: {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name, namespace, labels: labelsOf(cluster) },
        spec: {
          maxUnavailable: 1,
          selector: { matchLabels: selectorOf(cluster) },
          // A pod that does not work protects nothing: it must not hold up a drain.
          unhealthyPodEvictionPolicy: 'AlwaysAllow',
        },
      },
    });
  },
};
