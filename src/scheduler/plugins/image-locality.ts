import { MAX_SCORE, type ScorePlugin } from '../framework/plugin.ts';

/** Source: imagelocality/image_locality.go. */
const MB = 1024 * 1024;
const LEAST_BYTES = 23 * MB;
const MOST_BYTES_PER_CONTAINER = 1000 * MB;

/** Prefers nodes that hold the pod's images, weighed down where few nodes do, so that one node does not get everything. */
export const imageLocality: ScorePlugin = {
  name: 'ImageLocality',
  weight: 1,
  score({ pod }, nodes) {
    const images = [...(pod.spec.containers ?? []), ...(pod.spec.initContainers ?? [])].map(({ image = '' }) =>
      normalisedName(image),
    );
    const sizes = nodes.map(({ node }) => sizesOf(node.status?.images ?? []));
    const spread = new Map(
      images.map((image) => [image, sizes.filter((held) => held.has(image)).length / Math.max(1, nodes.length)]),
    );
    const most = MOST_BYTES_PER_CONTAINER * Math.max(1, images.length);
    const scores = sizes.map((held) => {
      const sum = images.reduce(
        (total, image) => total + Math.floor((held.get(image) ?? 0) * (spread.get(image) ?? 0)),
        0,
      );
      return Math.floor(
        (MAX_SCORE * (Math.min(Math.max(sum, LEAST_BYTES), most) - LEAST_BYTES)) / (most - LEAST_BYTES),
      );
    });
    return scores.every((score) => score === 0) ? undefined : scores;
  },
};

function sizesOf(
  images: readonly { names?: string[] | undefined; sizeBytes?: number | undefined }[],
): Map<string, number> {
  return new Map(images.flatMap(({ names = [], sizeBytes = 0 }) => names.map((name) => [name, sizeBytes] as const)));
}

function normalisedName(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;
}
