import { type Cidr, contains, formatCidr, overlaps, parseCidr, subnetAt, subnetCount } from '../../std/cidr.ts';

/**
 * The node ranges of one cluster range, given out in turn so that a range that was just freed is not reused at once.
 *
 * Source: `pkg/controller/nodeipam/ipam/cidrset/cidr_set.go`.
 */
export class CidrSet {
  readonly #cluster: Cidr;
  readonly #nodeMaskBits: number;
  readonly #count: bigint;
  readonly #used = new Set<bigint>();
  #next = 0n;

  constructor(cluster: Cidr, nodeMaskBits: number) {
    this.#cluster = cluster;
    this.#nodeMaskBits = nodeMaskBits;
    this.#count = subnetCount(cluster, nodeMaskBits);
    if (this.#count === 0n) {
      throw new Error(`node ranges of ${nodeMaskBits} bits do not fit into ${formatCidr(cluster)}`);
    }
  }

  /** Takes a free range; undefined where all are taken. */
  allocate(): string | undefined {
    for (let tried = 0n; tried < this.#count; tried++) {
      const index = (this.#next + tried) % this.#count;
      if (this.#used.has(index)) continue;
      this.#used.add(index);
      this.#next = index + 1n;
      return formatCidr(subnetAt(this.#cluster, this.#nodeMaskBits, index));
    }
    return undefined;
  }

  /** Marks every node range that the given one touches as taken; false where it lies outside. */
  occupy(text: string): boolean {
    return this.#each(text, (index) => this.#used.add(index));
  }

  release(text: string): boolean {
    return this.#each(text, (index) => this.#used.delete(index));
  }

  #each(text: string, run: (index: bigint) => void): boolean {
    const cidr = parseCidr(text);
    if (!overlaps(this.#cluster, cidr)) return false;
    const step = BigInt((cidr.family === 4 ? 32 : 128) - this.#nodeMaskBits);
    const start = contains(cidr, this.#cluster) ? this.#cluster.value : cidr.value;
    const widest = cidr.prefixBits < this.#cluster.prefixBits ? this.#cluster : cidr;
    const first = (start - this.#cluster.value) >> step;
    const covered = subnetCount(widest, this.#nodeMaskBits);
    const last = first + (covered === 0n ? 1n : covered);
    for (let index = first; index < last; index++) run(index);
    return true;
  }
}
