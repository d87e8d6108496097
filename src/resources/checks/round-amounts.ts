import { parseQuantity, Quantity } from '../../machinery/values/quantity.ts';

const MILLI = 1_000_000n;

/** Rounds amounts up to thousandths, in place. Source: pkg/apis/core/v1/defaults.go (SetDefaults_ResourceList). */
export function roundAmounts(list: Record<string, string> | undefined): void {
  for (const name in list) {
    const amount = parseQuantity(list[name] ?? '0');
    const rest = amount.nano % MILLI;
    if (rest === 0n) continue;
    const rounded = amount.nano - rest + (amount.nano > 0n ? MILLI : -MILLI);
    list[name] = new Quantity(rounded, amount.format).toString();
  }
}
