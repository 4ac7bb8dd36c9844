import { stableJson, type JsonValue } from '#libs/core/kernel';
import {
  latestLive,
  ownSubject,
  sameSubject,
  subjectText,
  type Association,
  type RegistryFact,
  type RegistryStore,
  type ResourceAssociations,
  type SubjectName,
  type SubjectState,
} from '#libs/core/registry';
import type { Attachment, MovedAssociation, MovedConfig, MovedMode, MovedRegistration } from './entry.js';
import type { Conflict } from './judge.js';

/** What is to be done with an attachment. */
export type AttachmentJudgement =
  { readonly kind: 'same' } | { readonly kind: 'set' } | { readonly kind: 'conflict'; readonly conflict: Conflict };

export interface JudgedAttachment {
  readonly judgement: AttachmentJudgement;
  /** What the judgement rests on. */
  readonly state: SubjectState;
  readonly resource?: ResourceAssociations;
}

/** Compares associations and settings that are staged with those that are there. What is there and differs stays. */
export class AttachmentJudge {
  /** @param subjects names with the versions they will have. */
  constructor(
    private readonly store: RegistryStore,
    private readonly subjects: { subject(name: SubjectName): Promise<SubjectState> },
  ) {}

  async judge(entry: Attachment): Promise<JudgedAttachment> {
    const [state] = (await this.store.subjects([nameOf(entry)])).states;
    if (entry.kind !== 'association') return { judgement: judgeSetting(entry, state!), state: state! };
    const resource = await this.store.associationsOfResource(entry.association.resourceId);
    return { judgement: await this.#association(entry, resource), state: state!, resource };
  }

  async #association(
    { association: wanted }: MovedAssociation,
    { associations }: ResourceAssociations,
  ): Promise<AttachmentJudgement> {
    const { associationType, resourceName, resourceNamespace, frozen, lifecycle } = wanted;
    const resource = `${associationType} of resource '${wanted.resourceId}'`;
    const existing = associations.find((one) => one.associationType === associationType);
    if (existing !== undefined) {
      return sameAssociation(existing, wanted)
        ? { kind: 'same' }
        : conflict(wanted, 'association-differs', `The ${resource} is associated otherwise here`);
    }
    const [other] = associations;
    if (
      other !== undefined &&
      (other.frozen !== frozen || other.resourceName !== resourceName || other.resourceNamespace !== resourceNamespace)
    ) {
      return conflict(wanted, 'association-differs', `Resource '${wanted.resourceId}' is another one here`);
    }
    if (frozen && subjectText(wanted.subject) !== ownSubject(wanted, associationType)) {
      return conflict(wanted, 'association-unfit', `The ${resource} is frozen to a subject that has another name here`);
    }
    if (latestLive(await this.subjects.subject(wanted.subject)) === undefined) {
      return conflict(wanted, 'association-unfit', `The ${resource} needs a version that is not deleted`);
    }
    const ofSubject = await this.store.associations({ subjects: [wanted.subject] });
    if (ofSubject.some((one) => lifecycle === 'STRONG' || one.lifecycle === 'STRONG' || sameName(one, wanted))) {
      return conflict(wanted, 'association-differs', `The subject of the ${resource} belongs to another resource here`);
    }
    return { kind: 'set' };
  }
}

/** The subject or scope that an attachment is of. */
export function nameOf(entry: Attachment): SubjectName {
  return entry.kind === 'association' ? entry.association.subject : entry.scope;
}

export function attachmentFact(entry: Attachment): RegistryFact {
  switch (entry.kind) {
    case 'association':
      return { type: 'association-set', association: entry.association };
    case 'config':
      return { type: 'config-set', subject: entry.scope, config: entry.config };
    case 'mode':
      return { type: 'mode-set', subject: entry.scope, mode: entry.mode };
    case 'registration':
      return { type: 'registration-set', subject: entry.scope, policy: entry.policy };
  }
}

/** Whether two associations tie the same together in the same way, whenever that was done. */
export function sameAssociation(a: Association, b: Association): boolean {
  return (
    sameName(a, b) &&
    a.resourceId === b.resourceId &&
    sameSubject(a.subject, b.subject) &&
    a.lifecycle === b.lifecycle &&
    a.frozen === b.frozen
  );
}

function sameName(a: Association, b: Association): boolean {
  return (
    a.associationType === b.associationType &&
    a.resourceName === b.resourceName &&
    a.resourceNamespace === b.resourceNamespace
  );
}

function judgeSetting(entry: MovedConfig | MovedMode | MovedRegistration, state: SubjectState): AttachmentJudgement {
  const [name, wanted, stored] =
    entry.kind === 'config'
      ? (['configuration', entry.config, state.config] as const)
      : entry.kind === 'mode'
        ? (['mode', entry.mode, state.mode] as const)
        : (['registration policy', entry.policy, state.registration] as const);
  if (stored === null) return { kind: 'set' };
  if (stableJson(stored as JsonValue) === stableJson(wanted as JsonValue)) return { kind: 'same' };
  const subject = subjectText(entry.scope);
  const where = subject === '' ? 'the default context' : `'${subject}'`;
  const message = `The ${name} of ${where} differs from the one at its source.`;
  return { kind: 'conflict', conflict: { code: 'settings-differ', subject, version: null, id: null, message } };
}

function conflict(
  { subject }: Association,
  code: 'association-differs' | 'association-unfit',
  what: string,
): AttachmentJudgement {
  const text = subjectText(subject);
  return {
    kind: 'conflict',
    conflict: { code, subject: text, version: null, id: null, message: `${what} (subject '${text}').` },
  };
}
