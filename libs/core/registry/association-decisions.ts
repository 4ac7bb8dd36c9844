import { createHash } from 'node:crypto';
import { guidOf } from '#libs/core/schema';
import {
  frozenDiffers,
  mustOwn,
  ownSubject,
  type AssociationAction,
  type AssociationWish,
  type Resource,
} from './association-request.js';
import {
  associationForResourceExists,
  associationForSubjectExists,
  associationFrozen,
  associationInvalid,
  strongAssociationExists,
} from './association-errors.js';
import { noActiveVersion } from './errors.js';
import type { Association, Lifecycle } from './model.js';
import { sameSubject, subjectText, type SubjectName } from './subject-name.js';

/** One association asked for, with the state it meets. */
export interface WishedAssociation {
  readonly wish: AssociationWish;
  /** The subject meant, an alias followed. */
  readonly subject: SubjectName;
  /** Whether the subject has a version that is not deleted. */
  readonly live: boolean;
  /** Whether the schema sent along is a version of the subject already. */
  readonly known: boolean;
  /** All associations of the subject. */
  readonly ofSubject: readonly Association[];
}

export interface AssociationQuestion {
  readonly resource: Resource;
  readonly action: AssociationAction;
  readonly wished: readonly WishedAssociation[];
  /** All associations of the resource. */
  readonly ofResource: readonly Association[];
  /** Epoch ms. */
  readonly at: number;
}

/**
 * What is to be stored; associations that are as asked for already are left out (contract 2.9).
 * @throws `association-invalid`, `association-exists-for-resource`, `association-exists-for-subject`, `strong-association-exists`, `association-frozen`, `no-active-version`.
 */
export function decideAssociations(question: AssociationQuestion): readonly Association[] {
  const { resource, wished, ofResource, at } = question;
  let frozenState = ofResource[0]?.frozen;
  const decided = wished.map((one) => {
    const existing = ofResource.find((other) => other.associationType === one.wish.associationType);
    const unchanged = meetsResource(question, one, existing, frozenState);
    const frozen = existing?.frozen ?? one.wish.frozen ?? frozenState ?? false;
    frozenState ??= frozen;
    const lifecycle = lifecycleOf(one.wish, existing);
    if (existing === undefined) requireWhole(resource, one, { lifecycle, frozen });
    return { one, existing, unchanged, frozen, lifecycle };
  });
  const made: Association[] = [];
  for (const { one, existing, unchanged, frozen, lifecycle } of decided) {
    const { wish, subject } = one;
    if (wish.schema === null && !one.live) throw noActiveVersion(subjectText(subject));
    const others = [...one.ofSubject, ...made].filter(
      (other) => sameSubject(other.subject, subject) && !isPlaceOf(other, resource, wish),
    );
    if (lifecycle === 'STRONG' && others.length > 0) throw associationForSubjectExists(subjectText(subject));
    if (others.some((other) => other.lifecycle === 'STRONG')) throw strongAssociationExists(subjectText(subject));
    if (unchanged) continue;
    const { associationType } = wish;
    const place = { ...resource, resourceId: resource.resourceId ?? '', associationType };
    made.push({
      guid: existing?.guid ?? newGuid(place, subject, at),
      subject,
      ...place,
      lifecycle,
      frozen,
      createdAt: existing?.createdAt ?? at,
      updatedAt: at,
    });
  }
  return made;
}

/** Holds the wish against what the resource has. @returns whether it is there as asked for. */
function meetsResource(
  { resource, action }: AssociationQuestion,
  { wish, subject, known }: WishedAssociation,
  existing: Association | undefined,
  frozenState: boolean | undefined,
): boolean {
  const own = ownSubject(resource, wish.associationType);
  const isOwn = subjectText(subject) === own;
  if (isOwn && (existing?.lifecycle ?? lifecycleOf(wish, undefined)) !== 'STRONG') {
    throw associationInvalid('subject', `subject '${own}' is only allowed for strong associations`);
  }
  if ((existing?.frozen ?? wish.frozen === true) && !isOwn) throw mustOwn(own);
  if (frozenState !== undefined && wish.frozen !== null && frozenState !== wish.frozen) throw frozenDiffers();
  if (existing === undefined) return false;
  const same =
    sameSubject(existing.subject, subject) &&
    (wish.lifecycle ?? existing.lifecycle) === existing.lifecycle &&
    (wish.frozen ?? existing.frozen) === existing.frozen;
  const taken = () => associationForResourceExists(wish.associationType, existing.resourceName);
  if (same) {
    if (action === 'create' && wish.schema !== null && !known) throw taken();
    return true;
  }
  if (action === 'create') throw taken();
  requireChangeable(existing, wish, subject, isOwn);
  return false;
}

function requireChangeable(existing: Association, wish: AssociationWish, subject: SubjectName, isOwn: boolean): void {
  if (!sameSubject(existing.subject, subject)) {
    throw associationInvalid('subject', 'subject of association cannot be changed');
  }
  if (existing.lifecycle === 'STRONG' && wish.lifecycle === 'WEAK' && isOwn) {
    throw associationInvalid('lifecycle', `cannot change to WEAK with subject '${subjectText(subject)}'`);
  }
  if (wish.frozen !== null && wish.frozen !== existing.frozen) {
    throw associationInvalid('frozen', 'frozen attribute of association cannot be changed');
  }
  if (existing.frozen) throw associationFrozen(existing.associationType, subjectText(existing.subject));
}

/** A frozen association begins with its subject: the schema comes along, and none is there yet. */
function requireWhole(
  resource: Resource,
  { wish, subject, live }: WishedAssociation,
  { lifecycle, frozen }: { readonly lifecycle: Lifecycle; readonly frozen: boolean },
): void {
  if (!frozen) return;
  const own = ownSubject(resource, wish.associationType);
  if (lifecycle === 'WEAK') throw frozenDiffers();
  if (subjectText(subject) !== own) throw mustOwn(own);
  if (wish.schema === null) {
    throw associationInvalid('schema', 'schema must be provided when creating a frozen association');
  }
  if (live) {
    throw associationInvalid('frozen', 'cannot create a frozen association when schemas already exist in the subject');
  }
}

/** As asked for, or as it is; a new association that comes with a schema, or frozen, owns its subject. */
function lifecycleOf(wish: AssociationWish, existing: Association | undefined): Lifecycle {
  return wish.lifecycle ?? existing?.lifecycle ?? (wish.schema !== null || wish.frozen === true ? 'STRONG' : 'WEAK');
}

/** Whether an association is the one that the wish would replace: of this resource, or left behind by an earlier one of the name. */
function isPlaceOf(other: Association, resource: Resource, { associationType }: AssociationWish): boolean {
  const sameName =
    other.resourceName === resource.resourceName && other.resourceNamespace === resource.resourceNamespace;
  return (
    other.associationType === associationType &&
    other.resourceType === resource.resourceType &&
    (other.resourceId === resource.resourceId || sameName)
  );
}

function newGuid(place: object, subject: SubjectName, at: number): string {
  return guidOf(
    createHash('md5')
      .update(JSON.stringify([place, subjectText(subject), at]))
      .digest(),
  );
}
