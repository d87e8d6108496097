import type { Pod } from '../../../generated/api/core/v1.ts';
import { fieldNotSupported } from '../../../machinery/errors/field-error.ts';
import { type AdmissionAttempt, type AdmissionPlugin, concerns, refused } from '../admission.ts';
import { containersOf } from './pod-security/finding.ts';

/**
 * Lets kubelets ask the registry for every image, so that nobody runs what another one pulled. Off unless it is asked
 * for. Source: `plugin/pkg/admission/alwayspullimages`.
 */
export const alwaysPullImages: AdmissionPlugin = {
  name: 'AlwaysPullImages',
  operations: ['CREATE', 'UPDATE'],
  mutate(attempt) {
    if (!bringsImages(attempt)) return;
    const { spec } = attempt.object as unknown as Pod;
    for (const container of spec === undefined ? [] : containersOf(spec)) container.imagePullPolicy = 'Always';
    for (const { image } of spec?.volumes ?? []) if (image !== undefined) image.pullPolicy = 'Always';
  },
  validate(attempt) {
    if (!bringsImages(attempt)) return;
    const { spec } = attempt.object as unknown as Pod;
    const check = (field: string, policy: string | undefined): void => {
      if (policy !== 'Always') throw refused(attempt, `${fieldNotSupported(field, policy, ['Always'])}`);
    };
    for (const field of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
      for (const [index, { imagePullPolicy }] of (spec?.[field] ?? []).entries()) {
        check(`spec.${field}[${index}].imagePullPolicy`, imagePullPolicy);
      }
    }
    spec?.volumes?.forEach(({ image }, index) => {
      if (image !== undefined) check(`spec.volumes[${index}].image.pullPolicy`, image.pullPolicy);
    });
  },
};

/** New pods, and updates that name an image which the pod did not have. */
function bringsImages(attempt: AdmissionAttempt): boolean {
  if (!concerns(attempt, '', 'pods')) return false;
  if (attempt.operation !== 'UPDATE') return true;
  const imagesOf = (pod: unknown): readonly (string | undefined)[] =>
    containersOf((pod as Pod).spec ?? { containers: [] }).map(({ image }) => image);
  const before = new Set(imagesOf(attempt.previous));
  return imagesOf(attempt.object).some((image) => !before.has(image));
}
