import type { Pod } from '../../generated/api/core/v1.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { validateEphemeralContainersUpdate } from '../../resources/core/pod/ephemeral-update.ts';
import { validatePodResize } from '../../resources/core/pod/resize-validation.ts';
import { dropDisabledPodFields } from '../../resources/core/pod-spec/disabled-fields.ts';
import { cloneJson } from '../registry/clone-json.ts';
import { isSame } from '../registry/equality.ts';
import type { UpdateRules } from '../registry/update-rules.ts';
import { type ContainerParts, keepPodBut, type PodSpecParts } from './rules.ts';

/**
 * What an update through `pods/ephemeralcontainers` may change: that list, which only grows.
 * Source: `pkg/registry/core/pod/strategy.go` (podEphemeralContainersStrategy).
 */
export const ephemeralContainersRules: UpdateRules = {
  prepare(next, previous) {
    keepPodBut(next, previous, (spec, from) => {
      if (from.ephemeralContainers === undefined) delete spec.ephemeralContainers;
      else spec.ephemeralContainers = from.ephemeralContainers;
    });
    finish(next, previous);
  },
  metadata: 'UW',
  validate: (next, previous) => validateEphemeralContainersUpdate(next as unknown as Pod, previous as unknown as Pod),
  warnings: () => [],
};

/** What an update through `pods/resize` may change: amounts and resize policies. Source: same file (podResizeStrategy). */
export const resizeRules: UpdateRules = {
  prepare(next, previous) {
    const [after, before] = [(next['spec'] ?? {}) as PodSpecParts, (previous['spec'] ?? {}) as PodSpecParts];
    // With other containers than before nothing can be put back: validation tells.
    if (
      count(after.containers) === count(before.containers) &&
      count(after.initContainers) === count(before.initContainers)
    )
      keepPodBut(next, previous, (spec, from) => {
        if (from.resources === undefined) delete spec.resources;
        else spec.resources = from.resources;
        for (const kind of ['containers', 'initContainers'] as const) {
          const merged = withResources(spec[kind], from[kind]);
          if (merged !== undefined) spec[kind] = merged;
        }
      });
    finish(next, previous);
  },
  metadata: 'UW',
  validate: (next, previous) => validatePodResize(next as unknown as Pod, previous as unknown as Pod),
  warnings: () => [],
};

const count = (list: readonly unknown[] | undefined): number => list?.length ?? 0;

/** The old containers with new amounts; the new ones as they are where a name differs. */
function withResources(
  before: readonly ContainerParts[] | undefined,
  from: ContainerParts[] | undefined,
): ContainerParts[] | undefined {
  if (before?.some(({ name }, index) => from?.[index]?.name !== name)) return from;
  return before?.map((container, index) => {
    const { resources: _resources, resizePolicy: _policy, ...rest } = cloneJson(container);
    const { resources, resizePolicy } = from?.[index] ?? {};
    return {
      ...rest,
      ...(resources === undefined ? {} : { resources }),
      ...(resizePolicy === undefined ? {} : { resizePolicy }),
    };
  });
}

function finish(next: AnyObject, previous: AnyObject): void {
  const { spec } = next as unknown as Pod;
  if (spec) dropDisabledPodFields(spec);
  if (isSame(next['spec'], previous['spec'])) return;
  next.metadata.generation = (previous.metadata.generation ?? 0) + 1;
}
