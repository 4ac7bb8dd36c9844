import { isJsonObject, type JsonObject } from '#libs/core/kernel';
import {
  associationInvalid,
  contractValues,
  LIFECYCLES,
  type AssociationOperation,
  type AssociationRequest,
  type Lifecycle,
  type SentAssociation,
  type SentResource,
} from '#libs/core/registry';
import { registration, requireObject } from './bodies.js';

const { boolean, choice, list, member, string, unreadable } = contractValues;

/** Bodies about associations, read as leniently as the others (see contractValues). */

/** @throws `invalid-request`, `body-missing` */
export function associationBody(body: unknown, method: string): AssociationRequest {
  const object = requireObject(body, `${method}.request`);
  return { ...resource(object), associations: list(object, 'associations')?.map(association) };
}

export interface SentMutation extends SentResource {
  readonly operations: readonly AssociationOperation[];
}

/** @throws also `association-invalid` for no requests */
export function mutationsBody(body: unknown): readonly SentMutation[] {
  return requests(body, 'mutateAssociations').map((object) => ({
    ...resource(object),
    operations: (list(object, 'associations') ?? []).map(operation),
  }));
}

/** One question of a batch. */
export interface SentAssociationQuery extends SentResource {
  readonly associationTypes: readonly string[];
  readonly lifecycle: Lifecycle | undefined;
}

/** @throws also `association-invalid` for no requests */
export function associationQueriesBody(body: unknown): readonly SentAssociationQuery[] {
  return requests(body, 'batchGetAssociations').map((object) => ({
    ...resource(object),
    associationTypes: (list(object, 'associationTypes') ?? []).map((type) => {
      if (typeof type !== 'string') throw unreadable('associationTypes', 'a list of strings', type);
      return type;
    }),
    lifecycle: lifecycle(object),
  }));
}

function requests(body: unknown, method: string): readonly JsonObject[] {
  const found = list(requireObject(body, `${method}.request`), 'requests') ?? [];
  if (found.length === 0) throw associationInvalid('requests', 'cannot be null or empty');
  return found.map((one, i) => (isJsonObject(one) ? one : fail(`requests[${i}]`, one)));
}

function resource(object: JsonObject): SentResource {
  return {
    resourceName: string(object, 'resourceName'),
    resourceNamespace: string(object, 'resourceNamespace'),
    resourceId: string(object, 'resourceId'),
    resourceType: string(object, 'resourceType'),
  };
}

function association(value: unknown, index: number): SentAssociation {
  if (!isJsonObject(value)) return fail(`associations[${index}]`, value);
  const schema = member(value, 'schema');
  if (schema !== undefined && schema !== null && !isJsonObject(schema)) return fail('schema', schema);
  return {
    subject: string(value, 'subject'),
    associationType: string(value, 'associationType'),
    lifecycle: lifecycle(value),
    frozen: boolean(value, 'frozen'),
    schema: schema && registration(schema),
    normalize: boolean(value, 'normalize'),
  };
}

function operation(value: unknown, index: number): AssociationOperation {
  if (!isJsonObject(value)) return fail(`associations[${index}]`, value);
  const type = choice(value, 'opType', ['CREATE', 'UPSERT', 'DELETE']);
  if (type === undefined) throw unreadable('opType', 'one of CREATE, UPSERT, DELETE', null);
  if (type !== 'DELETE') return { type: type as 'CREATE' | 'UPSERT', association: association(value, index) };
  return {
    type,
    associationType: string(value, 'associationType'),
    cascade: boolean(value, 'cascadeLifecycle') === true,
  };
}

function lifecycle(object: JsonObject): Lifecycle | undefined {
  return choice(object, 'lifecycle', LIFECYCLES) as Lifecycle | undefined;
}

function fail(path: string, value: unknown): never {
  throw unreadable(path, 'an object', value);
}
