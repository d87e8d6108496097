const reserved = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

const escapes: Readonly<Record<string, string>> = {
  __: '__underscores__',
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
};

const plain: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(escapes).map(([text, escaped]) => [escaped, text]),
);

/** The name of a field as expressions write it; undefined for names that they cannot write. Source: apiserver `pkg/cel/escaping.go`. */
export function escapeField(name: string): string | undefined {
  if (!/^[a-zA-Z_.\-/][a-zA-Z0-9_.\-/]*$/.test(name)) return undefined;
  if (reserved.has(name)) return `__${name}__`;
  return name.replace(/__|[.\-/]/g, (part) => escapes[part] ?? part);
}

/** The field that a name in an expression means; undefined for names that mean none. */
export function unescapeField(name: string): string | undefined {
  const [, word = ''] = /^__(\w+)__$/.exec(name) ?? [];
  if (reserved.has(word)) return word;
  if (!name.includes('__')) return name;
  let isValid = true;
  const result = name.replace(/__(?:underscores|dot|dash|slash)__|__/g, (part) => {
    if (part === '__') isValid = false;
    return plain[part] ?? part;
  });
  return isValid ? result : undefined;
}
