import { MAX_SCORE, type ScorePlugin } from '../framework/plugin.ts';

/** Source: imagelocality/image_locality.go. */
const MB = 1024 * 1024;
const LEAST_BYTES = 23 * MB;
const MOST_BYTES_PER_CONTAINER = 1000 * MB;

/** Prefers nodes that hold the pod's images, weighed down where few nodes do, so that one node does not get everything. */
export const imageLocality: ScorePlugin = {
  name: 'ImageLocality',
  weight: 1,
  score({ pod }, nodes, { nodes: all }) {
    const containers = [...(pod.spec.containers ?? []), ...(pod.spec.initContainers ?? [])];
    const images = containers.map(({ image }) => toTagged(image ?? ''));
    const shares = images.map((image) => {
      let holders = 0;
      for (const node of all) if (node.imageBytes(image) !== undefined) holders++;
      return holders / all.length;
    });
    if (shares.every((share) => share === 0)) return undefined;
    const most = MOST_BYTES_PER_CONTAINER * containers.length;
    return nodes.map((node) => {
      const sum = images.reduce(
        (total, image, index) => total + Math.trunc((node.imageBytes(image) ?? 0) * (shares[index] ?? 0)),
        0,
      );
      const counted = Math.min(Math.max(sum, LEAST_BYTES), most);
      return Math.trunc((MAX_SCORE * (counted - LEAST_BYTES)) / (most - LEAST_BYTES));
    });
  },
};

function toTagged(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;
}
