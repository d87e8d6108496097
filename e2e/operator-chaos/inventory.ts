/** All objects of all kinds that a host has. */
type Kubectl = (args: readonly string[]) => Promise<string>;

/** Kinds that come and go by themselves. */
const LEFT_OUT = ['events', 'events.events.k8s.io', 'leases.coordination.k8s.io', 'componentstatuses'];

/** `Kind/namespace/name` of each object, whoever made it. */
export async function listEverything(kubectl: Kubectl): Promise<ReadonlySet<string>> {
  const kinds = (await kubectl(['api-resources', '--verbs=list', '--cached=false', '-o', 'name'])).split('\n');
  const wanted = kinds.map((kind) => kind.trim()).filter((kind) => kind !== '' && !LEFT_OUT.includes(kind));
  const line = '{range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name}{"\\n"}{end}';
  const text = await kubectl(['get', wanted.join(','), '-A', '--ignore-not-found', '-o', `jsonpath=${line}`]);
  return new Set(text.split('\n').filter((each) => each !== ''));
}
