/** Prefixes of definition names by the group folder of the generated table. Everything else is of `k8s.io/api`. */
const homes: Readonly<Record<string, string>> = {
  'meta/v1': 'io.k8s.apimachinery.pkg.apis.meta.v1',
  'apiextensions/v1': 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1',
  'apiregistration/v1': 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1',
};

/** `apps/v1.Deployment` becomes `io.k8s.api.apps.v1.Deployment`. */
export function schemaNameOf(typeName: string): string {
  const dot = typeName.indexOf('.');
  const home = typeName.slice(0, dot);
  return `${homes[home] ?? `io.k8s.api.${home.replace('/', '.')}`}.${typeName.slice(dot + 1)}`;
}

/** The name of a custom kind's schema: the group reversed. `example.com/v1, Widget` becomes `com.example.v1.Widget`. */
export function customSchemaName(group: string, version: string, kind: string): string {
  return `${group.split('.').reverse().join('.')}.${version}.${kind}`;
}
