import type { MetricsText } from './metrics-text.ts';

/** The text format of Prometheus, version 0.0.4. Numbers look as Go's, so that `le` labels of both worlds are the same. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';

/** Source: Go `strconv.FormatFloat(value, 'g', -1, 64)`: an exponent below 1e-4 and from 1e6 on. */
export function formatFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-4 && size < 1e6)) return String(value);
  const [digits = '', power = '0'] = value.toExponential().split('e');
  const exponent = Math.abs(Number(power));
  return `${digits}e${power.startsWith('-') ? '-' : '+'}${exponent < 10 ? '0' : ''}${exponent}`;
}

/** `a="1",b="2"`, sorted by name as upstream's library sorts. */
export function formatLabels(names: readonly string[], values: readonly string[]): string {
  return names
    .map((name, at) => [name, values[at] ?? ''] as const)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `${name}="${escapeValue(value)}"`)
    .join(',');
}

function escapeValue(value: string): string {
  return /["\\\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value;
}

/** Adds `name{labels} value`, without the braces where there is no label. */
export function writeSample(text: MetricsText, name: string, labels: string, value: number): void {
  text.write(name);
  if (labels !== '') {
    text.write('{');
    text.write(labels);
    text.write('}');
  }
  text.write(' ');
  text.write(formatFloat(value));
  text.write('\n');
}
