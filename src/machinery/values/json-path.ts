type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly at: number }
  | { readonly kind: 'all' }
  | Filter;

interface Filter {
  readonly kind: 'filter';
  readonly path: readonly string[];
  readonly operator: '==' | '!=';
  readonly value: string;
}

/** Stands for an escaped dot while the path is taken apart; no name holds it. */
const ESCAPED_DOT = '\uE000';

const TOKEN =
  /\.([^.[\]*\s][^.[\]\s]*)|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]|\[(-?\d+)\]|(\[\*\]|\.\*)|\[\?\(@\.([\w.-]+)\s*(==|!=)\s*["']([^"']*)["']\)\]/y;

/**
 * Reads a path as printer columns and selectable fields have it: fields, indexes, `[*]` and filters such as
 * `[?(@.type=="Ready")]`. Undefined for anything else.
 *
 * Source: client-go `util/jsonpath`, the part that definitions use.
 */
export function parseJsonPath(text: string): ((value: unknown) => unknown[]) | undefined {
  const path = text.replace(/^\{|\}$/g, '').replace(/\\\./g, ESCAPED_DOT);
  const steps: Step[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < path.length) {
    const match = TOKEN.exec(path);
    if (match === null) return undefined;
    const [, name, single, double, index, all, filterPath, operator, value] = match;
    if (name !== undefined) steps.push({ kind: 'field', name: name.replaceAll(ESCAPED_DOT, '.') });
    else if (single !== undefined || double !== undefined)
      steps.push({ kind: 'field', name: (single ?? double ?? '').replaceAll(ESCAPED_DOT, '.') });
    else if (index !== undefined) steps.push({ kind: 'index', at: Number(index) });
    else if (all !== undefined) steps.push({ kind: 'all' });
    else
      steps.push({
        kind: 'filter',
        path: (filterPath ?? '').split('.'),
        operator: operator as '==',
        value: value ?? '',
      });
  }
  return (value) => steps.reduce<unknown[]>((values, step) => values.flatMap((each) => follow(each, step)), [value]);
}

function follow(value: unknown, step: Step): unknown[] {
  switch (step.kind) {
    case 'field': {
      const inner = isFields(value) ? value[step.name] : undefined;
      return inner === undefined || inner === null ? [] : [inner];
    }
    case 'index': {
      const inner = Array.isArray(value) ? value.at(step.at) : undefined;
      return inner === undefined ? [] : [inner];
    }
    case 'all':
      return Array.isArray(value) ? value : isFields(value) ? Object.values(value) : [];
    case 'filter':
      return Array.isArray(value) ? value.filter((item) => passes(item, step)) : [];
    default:
      return step satisfies never;
  }
}

function passes(item: unknown, { path, operator, value }: Filter): boolean {
  const found = path.reduce<unknown>((inner, name) => (isFields(inner) ? inner[name] : undefined), item);
  return (String(found) === value) === (operator === '==');
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
