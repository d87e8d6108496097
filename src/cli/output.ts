import { Option } from 'commander';
import { stringify } from 'yaml';

export type OutputFormat = 'json' | 'yaml' | 'table';

/** `-o json|yaml`; left out, the command prints for people. */
export function outputOption(): Option {
  return new Option('-o, --output <format>', 'print the object').choices(['json', 'yaml']);
}

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printObject(object: unknown, format: 'json' | 'yaml'): void {
  process.stdout.write(
    format === 'json' ? `${JSON.stringify(object, null, 2)}\n` : stringify(object, { lineWidth: 0 }),
  );
}

/** Columns in capitals, padded as kubectl pads them. */
export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of [header, ...rows]) {
    printLine(
      row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd((widths[column] ?? 0) + 3))).join(''),
    );
  }
}

/** An age as kubectl shows it: `5s`, `3m`, `2h`, `4d`. */
export function formatAge(since: string | undefined, nowMs: number): string {
  if (since === undefined) return '<unknown>';
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(since)) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 3 * 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86400)}d`;
}
