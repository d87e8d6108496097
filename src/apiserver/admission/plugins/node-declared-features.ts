import type { Node, Pod } from '../../../generated/api/core/v1.ts';
import { nodes } from '../../../generated/resource-types.ts';
import type { ObjectReader } from '../../object-reader.ts';
import { isSame } from '../../registry/equality.ts';
import { type AdmissionPlugin, refused } from '../admission.ts';

/**
 * Changes of a running pod that only newer kubelets can follow need a node that says so.
 * Source: `plugin/pkg/admission/nodedeclaredfeatures`, component-helpers `nodedeclaredfeatures/features`.
 */
export function nodeDeclaredFeatureValidator(deps: { readonly reader: ObjectReader }): AdmissionPlugin {
  return {
    name: 'NodeDeclaredFeatureValidator',
    operations: ['UPDATE'],
    async validate(attempt) {
      if (attempt.group !== '' || attempt.resource !== 'pods' || attempt.object === undefined) return;
      if (attempt.subresource !== '' && attempt.subresource !== 'resize') return;
      const pod = attempt.object as unknown as Pod;
      const name = pod.spec?.nodeName;
      if (!name || attempt.object.metadata.generation === attempt.previous?.metadata.generation) return;
      const required = requiredFeatures(pod, attempt.previous as unknown as Pod);
      if (required.length === 0) return;
      const node = await deps.reader.get(nodes, { name });
      if (node === undefined) throw refused(attempt, `node ${JSON.stringify(name)} not found`);
      const missing = required.filter((feature) => !declaredBy(node).includes(feature));
      if (missing.length === 0) return;
      const where = JSON.stringify(name);
      throw refused(
        attempt,
        `pod update requires features ${missing.join(', ')} which are not available on node ${where}`,
      );
    },
  };
}

/** By name. */
function requiredFeatures(next: Pod, previous: Pod): readonly string[] {
  const features: string[] = [];
  if (!isSame(next.spec?.resources, previous.spec?.resources)) features.push('InPlacePodLevelResourcesVerticalScaling');
  const resized = (previous.spec?.initContainers ?? []).some(
    ({ resources, restartPolicy }, index) =>
      restartPolicy !== 'Always' && !isSame(resources, next.spec?.initContainers?.[index]?.resources),
  );
  if (resized) features.push('InPlacePodVerticalScalingInitContainers');
  return features;
}

function declaredBy(node: Node): readonly string[] {
  return (node.status as { declaredFeatures?: readonly string[] } | undefined)?.declaredFeatures ?? [];
}
