/** How operations name a group: `flowcontrol.apiserver.k8s.io` is `flowcontrolApiserver`, and the empty one `core`. */
export function groupNameOf(group: string): string {
  const [first = '', ...others] = (group === '' ? 'core' : group.replace(/\.k8s\.io$/, '')).split('.');
  return first + others.map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join('');
}
