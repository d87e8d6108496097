import type { KubeObject } from '../../../machinery/object/object.ts';

/** The name of the youngest object that one of the annotations marks `true`; names decide between twins. */
export function newestDefault(objects: readonly KubeObject[], annotations: readonly string[]): string | undefined {
  const marked = objects.filter((object) =>
    annotations.some((annotation) => object.metadata.annotations?.[annotation] === 'true'),
  );
  const sorted = [...marked].sort((a, b) => {
    const [left, right] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
    if (left !== right) return left > right ? -1 : 1;
    return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1;
  });
  return sorted[0]?.metadata.name;
}
