import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { clusterRoleResource } from './cluster-role/definition.ts';
import { clusterRoleBindingResource } from './cluster-role-binding/definition.ts';
import { roleResource } from './role/definition.ts';
import { roleBindingResource } from './role-binding/definition.ts';

export const rbacKinds: readonly ResourceDefinition[] = [
  clusterRoleResource,
  clusterRoleBindingResource,
  roleResource,
  roleBindingResource,
];
