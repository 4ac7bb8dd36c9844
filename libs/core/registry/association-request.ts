import { associationInvalid } from './association-errors.js';
import { ASSOCIATION_TYPES, type AssociationType, type Lifecycle } from './model.js';
import type { SentRegistration } from './sent-schema.js';
import { MAX_SUBJECT_BYTES } from './subject-name.js';

/** An association as it was sent; absent and null mean the same. */
export interface SentAssociation {
  readonly subject?: string | null;
  readonly associationType?: string | null;
  readonly lifecycle?: Lifecycle | null;
  readonly frozen?: boolean | null;
  /** Registered under the subject together with the association. */
  readonly schema?: SentRegistration | null;
  readonly normalize?: boolean | null;
}

/** A resource with associations to make. */
export interface SentResource {
  readonly resourceName?: string | null;
  readonly resourceNamespace?: string | null;
  readonly resourceId?: string | null;
  readonly resourceType?: string | null;
}

/** Only creating, or changing what is there as well. */
export type AssociationAction = 'create' | 'upsert';

/** A resource whose parts are all there. */
export interface Resource {
  readonly resourceName: string;
  readonly resourceNamespace: string;
  /** Null only in a dry run for a resource that does not exist yet. */
  readonly resourceId: string | null;
  readonly resourceType: string;
}

/** An association that makes sense by itself. */
export interface AssociationWish {
  /** As text, perhaps without its context. */
  readonly subject: string;
  readonly associationType: AssociationType;
  /** Null: as it is, where it is there. */
  readonly lifecycle: Lifecycle | null;
  readonly frozen: boolean | null;
  readonly schema: SentRegistration | null;
  readonly normalize: boolean;
}

export const TOPIC = 'topic';

const MAX_NAME = 256;

/**
 * The parts of a resource, checked in the reference's order.
 * @throws `association-invalid`
 */
export function requireResource(sent: SentResource, dryRun: boolean): Resource {
  const resourceName = requireName('resourceName', sent.resourceName);
  const resourceNamespace = requireName('resourceNamespace', sent.resourceNamespace);
  const resourceId = sent.resourceId || null;
  if (resourceId === null && !dryRun) throw associationInvalid('resourceId', 'cannot be null or empty');
  if (resourceId !== null) requireStorableId(resourceId);
  return { resourceName, resourceNamespace, resourceId, resourceType: resourceTypeOf(sent.resourceType) };
}

/** @throws `association-invalid` */
function requireStorableId(resourceId: string): void {
  if (Buffer.byteLength(resourceId, 'utf8') > MAX_SUBJECT_BYTES) {
    throw associationInvalid('resourceId', `exceeds max length of ${MAX_SUBJECT_BYTES}`);
  }
  if (/[\u0000\ud800-\udfff]/u.test(resourceId)) throw associationInvalid('resourceId', 'illegal character');
}

/** `topic`, which is all there is. @throws `association-invalid` */
function resourceTypeOf(sent: string | null | undefined): string {
  if (!sent || sent === TOPIC) return TOPIC;
  throw associationInvalid('resourceType', `must be '${TOPIC}'`);
}

/** `value` unless told otherwise. @throws `association-invalid` */
export function associationTypeOf(sent: string | null | undefined): AssociationType {
  if (!sent) return 'value';
  const type = ASSOCIATION_TYPES.find((one) => one === sent);
  if (type === undefined) throw associationInvalid('associationType', "must be either 'key' or 'value'");
  return type;
}

/**
 * The associations asked for. A schema to create with makes the association STRONG and frozen; a subject that is left out is that of the resource.
 * @throws `association-invalid`
 */
export function requireAssociations(
  resource: Resource,
  sent: readonly SentAssociation[] | null | undefined,
  action: AssociationAction,
): readonly AssociationWish[] {
  if (!sent || sent.length === 0) throw associationInvalid('associations', 'cannot be null or empty');
  const wishes = sent.map((one) => wishOf(resource, one, action));
  const types = wishes.map((wish) => wish.associationType);
  const twice = types.find((type, i) => types.indexOf(type) < i);
  if (twice !== undefined) throw associationInvalid('associationType', `Duplicate association type: ${twice}`);
  if (new Set(wishes.flatMap((wish) => wish.frozen ?? [])).size > 1) throw frozenDiffers();
  return wishes;
}

export const frozenDiffers = () =>
  associationInvalid('frozen', 'all associations for a resource must be consistently frozen or non-frozen');

/** The subject that belongs to a resource. */
export function ownSubject({ resourceName, resourceNamespace }: Resource, type: AssociationType): string {
  return `:.${resourceNamespace}:${resourceName}-${type}`;
}

function wishOf(resource: Resource, sent: SentAssociation, action: AssociationAction): AssociationWish {
  let { lifecycle = null, frozen = null } = sent;
  const schema = sent.schema ?? null;
  if (schema !== null && lifecycle === 'WEAK') {
    throw associationInvalid('lifecycle', 'cannot be WEAK when schema is provided');
  }
  if (schema !== null && action === 'create') {
    if (frozen === false) throw associationInvalid('frozen', 'cannot be false when schema is provided for create');
    [lifecycle, frozen] = ['STRONG', true];
  }
  if (sent.subject === '') throw associationInvalid('subject', 'must not be empty');
  const associationType = associationTypeOf(sent.associationType);
  if (lifecycle === 'WEAK' && frozen === true) {
    throw associationInvalid('frozen', 'association with lifecycle of WEAK cannot be frozen');
  }
  if (action === 'create') lifecycle ??= frozen === true ? 'STRONG' : 'WEAK';
  if (action === 'create' && lifecycle === 'WEAK' && !sent.subject) {
    throw associationInvalid('subject', 'must be provided for non-frozen associations');
  }
  const own = ownSubject(resource, associationType);
  const subject = sent.subject ?? own;
  if (frozen === true && subject !== own) throw mustOwn(own);
  return { subject, associationType, lifecycle, frozen, schema, normalize: sent.normalize === true };
}

export const mustOwn = (subject: string) =>
  associationInvalid('subject', `frozen associations must use subject '${subject}'`);

/** Letters and digits of any script, and what names of topics may hold besides. */
function requireName(property: string, name: string | null | undefined): string {
  if (!name) throw associationInvalid(property, 'cannot be null or empty');
  if (name.length > MAX_NAME) throw associationInvalid(property, `exceeds max length of ${MAX_NAME}`);
  const illegal = /[^\p{L}\p{Nd}._-]/u.exec(name);
  if (illegal !== null) throw associationInvalid(property, `illegal character '${illegal[0]}'`);
  return name;
}
