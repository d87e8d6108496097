/** The field that an old annotation stands for; undefined where it means nothing. */
export function appArmorFieldOf(annotation: string): { type: string; localhostProfile?: string } | undefined {
  if (annotation === 'unconfined') return { type: 'Unconfined' };
  if (annotation === '' || annotation === 'runtime/default') return { type: 'RuntimeDefault' };
  const prefix = 'localhost/';
  if (!annotation.startsWith(prefix) || annotation === prefix) return undefined;
  return { type: 'Localhost', localhostProfile: annotation.slice(prefix.length) };
}
