import { parseQuantity, Quantity } from '../../machinery/values/quantity.ts';

/** Amounts by the name of what is counted. */
export type Amounts = ReadonlyMap<string, Quantity>;

const NANO = 1_000_000_000n;
const zero = new Quantity(0n, 'decimal');

/** So many things. */
export function whole(count: number): Quantity {
  return new Quantity(BigInt(count) * NANO, 'decimal');
}

/** Reads amounts as objects have them. */
export function toAmounts(list: Readonly<Record<string, unknown>> | undefined): Map<string, Quantity> {
  const amounts = new Map<string, Quantity>();
  for (const name in list) amounts.set(name, parseQuantity(String(list[name])));
  return amounts;
}

export function fromAmounts(amounts: Amounts): Record<string, string> {
  return Object.fromEntries(Array.from(amounts, ([name, amount]) => [name, amount.toString()]));
}

/** Adds the second to the first, name by name. */
export function addAmounts(a: Amounts, b: Amounts): Map<string, Quantity> {
  const sum = new Map(a);
  for (const [name, amount] of b) sum.set(name, sum.get(name)?.add(amount) ?? amount);
  return sum;
}

/** The larger one of each. */
export function maxAmounts(a: Amounts, b: Amounts): Map<string, Quantity> {
  const most = new Map(a);
  for (const [name, amount] of b) {
    const known = most.get(name);
    if (known === undefined || known.compare(amount) < 0) most.set(name, amount);
  }
  return most;
}

/** How much the first is above the second; nothing is below zero. */
export function growth(a: Amounts, b: Amounts): Map<string, Quantity> {
  const more = new Map<string, Quantity>();
  for (const [name, amount] of a) {
    const rest = amount.subtract(b.get(name) ?? zero);
    more.set(name, rest.nano > 0n ? rest : zero);
  }
  return more;
}

export function withoutZeros(amounts: Amounts): Map<string, Quantity> {
  return new Map([...amounts].filter(([, amount]) => !amount.isZero()));
}

/** The amounts of the names given. */
export function only(amounts: Amounts, names: Iterable<string>): Map<string, Quantity> {
  const kept = new Set(names);
  return new Map([...amounts].filter(([name]) => kept.has(name)));
}

/** The names of which the first has more than the second allows. */
export function exceeded(used: Amounts, hard: Amounts): readonly string[] {
  return [...hard.keys()].filter((name) => {
    const amount = used.get(name);
    return amount !== undefined && amount.compare(hard.get(name) ?? zero) > 0;
  });
}
