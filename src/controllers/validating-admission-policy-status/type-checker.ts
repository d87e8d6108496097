import type { Client } from '../../client/client.ts';
import { discoverResources } from '../../client/discovery.ts';
import type { ExpressionWarning, ValidatingAdmissionPolicy } from '../../generated/api/admissionregistration/v1.ts';
import type { APIResourceList } from '../../generated/api/meta/v1.ts';
import type { CelType } from '../../machinery/cel/cel-type.ts';
import { codeOf, isNotFound } from '../../machinery/errors/status-error.ts';
import { type GroupVersionKind, parseApiVersion } from '../../machinery/object/object.ts';
import { PolicyCompiler } from '../../resources/admissionregistration/policy-compiler.ts';
import { kindsToCheck, kindText, type ResourceName } from './kinds-to-check.ts';
import { type OpenApiSchema, OpenApiTypes, type Structs } from './open-api-types.ts';

/** A kind that is checked, with the compiler for it. */
interface CheckedKind {
  readonly kind: GroupVersionKind;
  readonly compiler: PolicyCompiler;
}

/**
 * Compares what expressions of a policy read with the schemas of the kinds that it is for.
 * Source: apiserver `admission/plugin/policy/validating/typechecking.go`.
 */
export class TypeChecker {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  async check({ spec }: ValidatingAdmissionPolicy): Promise<readonly ExpressionWarning[]> {
    const { matchConstraints, paramKind, variables = [], validations = [] } = spec;
    const kinds = await kindsToCheck(matchConstraints?.resourceRules ?? [], (resource) => this.#kindsOf(resource));
    const checked: CheckedKind[] = [];
    for (const kind of kinds) {
      const structs: Structs = new Map();
      const object = await this.#typeOf(kind, structs);
      if (object === undefined) continue;
      const { apiVersion = '', kind: paramName = '' } = paramKind ?? {};
      const params = paramKind && (await this.#typeOf({ ...parseApiVersion(apiVersion), kind: paramName }, structs));
      const types = { object, params, structs };
      const compiler = new PolicyCompiler({ hasParams: paramKind !== undefined, hasVariables: true, types });
      for (const { name, expression } of variables) compiler.variableFault(name, expression);
      checked.push({ kind, compiler });
    }
    return validations.flatMap(({ expression, messageExpression = '' }, at) => [
      ...warn(checked, `spec.validations[${at}].expression`, expression),
      ...(messageExpression === ''
        ? []
        : warn(checked, `spec.validations[${at}].messageExpression`, messageExpression)),
    ]);
  }

  async #kindsOf({ group, version, resource }: ResourceName): Promise<readonly GroupVersionKind[]> {
    if (group === '') {
      const { resources } = await discoverResources(this.#client);
      return resources.filter((each) => each.version === version && each.plural === resource);
    }
    const list = await this.#read<APIResourceList>(`/apis/${group}/${version}`);
    const found = list?.resources.find(({ name }) => name === resource);
    return found === undefined ? [] : [{ group, version, kind: found.kind }];
  }

  async #typeOf(kind: GroupVersionKind, structs: Structs): Promise<CelType | undefined> {
    const { group, version } = kind;
    const path = group === '' ? `api/${version}` : `apis/${group}/${version}`;
    type Document = { readonly components?: { readonly schemas?: Readonly<Record<string, OpenApiSchema>> } };
    const document = await this.#read<Document>(`/openapi/v3/${path}`);
    return new OpenApiTypes(document?.components?.schemas ?? {}, structs).ofKind(kind);
  }

  async #read<T>(path: string): Promise<T | undefined> {
    try {
      return (await this.#client.transport.request({ method: 'GET', path })) as T;
    } catch (error) {
      // Groups and paths that nobody serves are answered without a status.
      if (isNotFound(error) || codeOf(error) === 404) return undefined;
      throw error;
    }
  }
}

function warn(checked: readonly CheckedKind[], fieldRef: string, expression: string): readonly ExpressionWarning[] {
  const issues = checked.flatMap(({ kind, compiler }) => {
    const text = compiler.issues(expression);
    return text === undefined ? [] : [`${kindText(kind)}: ${text}\n`];
  });
  return issues.length === 0 ? [] : [{ fieldRef, warning: issues.join('\n') }];
}
