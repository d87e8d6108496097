/**
 * Sets a field whose name came from outside: `__proto__` is a name like any other (a ConfigMap may hold such a key),
 * which a plain assignment would lose.
 */
export function setOwnField(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') target[name] = value;
  else Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

/** The field of that name, unless it is only one that every object in JavaScript has, such as `constructor`. */
export function ownField<T>(fields: Readonly<Record<string, T>> | null | undefined, name: string): T | undefined {
  return fields !== null && fields !== undefined && Object.hasOwn(fields, name) ? fields[name] : undefined;
}
