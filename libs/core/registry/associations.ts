import type { Clock } from '#libs/core/kernel';
import { decideAssociations, type WishedAssociation } from './association-decisions.js';
import {
  associationTypeOf,
  requireAssociations,
  requireResource,
  type AssociationAction,
  type AssociationWish,
  type Resource,
  type SentAssociation,
  type SentResource,
} from './association-request.js';
import type { Decision, RegistryChanges } from './changes.js';
import { effectiveMode } from './config.js';
import { decideSubjectRemoval } from './deletion.js';
import { associationFrozen, associationInvalid, associationNotFound } from './association-errors.js';
import { latestLive, type Association, type AssociationType, type Lifecycle, type SubjectState } from './model.js';
import { isImporting, requireWritable } from './modes.js';
import type { RegisteredVersion, Registering } from './registering.js';
import type { RegistryView } from './registry-view.js';
import { identityOf, type AppliedChange, type RegistryFact, type RegistryStore } from './store.js';
import { parseSubject, subjectText, type SubjectName } from './subject-name.js';

/** Which associations are asked for; what is left out does not matter. */
export interface AssociationFilter {
  readonly resourceType?: string;
  readonly associationTypes?: readonly string[];
  readonly lifecycles?: readonly Lifecycle[];
}

/** A request about one resource. */
export interface AssociationRequest extends SentResource {
  readonly associations?: readonly SentAssociation[] | null;
}

export interface AssociationOptions {
  /** Of subjects that are sent without one. */
  readonly context: string;
  /** Decide, and change nothing. */
  readonly dryRun: boolean;
}

/** What a request made or changed; of a dry run nothing. */
export interface AssociationOutcome {
  readonly resource: Resource;
  readonly associations: readonly Association[];
  /** Schemas registered, or found, with them. */
  readonly schemas: ReadonlyMap<AssociationType, RegisteredVersion>;
}

export interface AssociationRemoval {
  /** Of the resource; all when empty. */
  readonly associationTypes: readonly string[];
  /** Also remove, for good, a subject that belongs to the resource. */
  readonly cascade: boolean;
  readonly dryRun: boolean;
}

/** Resources, normally topics, and the subjects of their keys and values (contract 2.9). */
export class RegistryAssociations {
  constructor(
    private readonly store: RegistryStore,
    private readonly view: RegistryView,
    private readonly changes: RegistryChanges,
    private readonly registering: Registering,
    private readonly clock: Clock,
  ) {}

  /** Of a subject, by resource; the alias's target is not looked for. */
  async ofSubject(subject: SubjectName, filter: AssociationFilter = {}): Promise<readonly Association[]> {
    return (await this.store.associations({ subjects: [subject] })).filter(passing(filter));
  }

  /** Of several subjects, by the text of their names. */
  async ofSubjects(
    subjects: readonly SubjectName[],
    filter: AssociationFilter,
  ): Promise<ReadonlyMap<string, readonly Association[]>> {
    const found = new Map<string, Association[]>(subjects.map((subject) => [subjectText(subject), []]));
    for (const one of await this.store.associations({ subjects })) {
      if (passing(filter)(one)) found.get(subjectText(one.subject))!.push(one);
    }
    return found;
  }

  async ofResource(resourceId: string, filter: AssociationFilter): Promise<readonly Association[]> {
    return (await this.store.associationsOfResource(resourceId)).associations.filter(passing(filter));
  }

  /** @param namespace undefined: any. */
  async ofName(
    namespace: string | undefined,
    name: string,
    filter: AssociationFilter,
  ): Promise<readonly Association[]> {
    const found = await this.store.associations({ resourceName: name, resourceNamespace: namespace });
    return found.filter(passing(filter));
  }

  /**
   * Makes associations, with `upsert` also changes them, and registers the schemas that come with them: all in one change or nothing.
   * Repeating it changes nothing and answers no associations.
   * @throws see association-request.ts and association-decisions.ts; `operation-not-permitted`; and what registering throws.
   */
  async put(
    action: AssociationAction,
    request: AssociationRequest,
    { context, dryRun }: AssociationOptions,
  ): Promise<AssociationOutcome> {
    const resource = requireResource(request, dryRun);
    const wishes = requireAssociations(resource, request.associations, action);
    const attempt = () => this.#decide(resource, action, wishes, context);
    if (!dryRun) return this.changes.make(lineOf(resource.resourceId!), attempt);
    await this.view.consistent(attempt);
    return { resource, associations: [], schemas: new Map() };
  }

  async #decide(
    resource: Resource,
    action: AssociationAction,
    wishes: readonly AssociationWish[],
    context: string,
  ): Promise<Decision<AssociationOutcome>> {
    const states: SubjectState[] = [];
    const wished: WishedAssociation[] = [];
    const registrations: [AssociationType, Decision<RegisteredVersion>][] = [];
    for (const wish of wishes) {
      const subject = await this.#target(parseSubject(wish.subject, context));
      const scopes = await this.view.scopes(subject);
      const mode = effectiveMode(scopes);
      requireWritable(mode, subject);
      states.push(...(Object.values(scopes) as SubjectState[]));
      let known = false;
      // While importing, schemas come in their own requests, with ids.
      if (wish.schema !== null && !isImporting(mode)) {
        const { normalize } = wish;
        const decision = await this.registering.decide(subject, wish.schema, { normalize, force: false });
        known = decision.facts.length === 0;
        registrations.push([wish.associationType, decision]);
      }
      const ofSubject = await this.store.associations({ subjects: [subject] });
      wished.push({ wish, subject, live: latestLive(scopes.subject) !== undefined, known, ofSubject });
    }
    const held = await this.store.associationsOfResource(resource.resourceId ?? '');
    const associations = decideAssociations({
      resource,
      action,
      wished,
      ofResource: held.associations,
      at: this.clock.now(),
    });
    return {
      facts: [
        ...sharingIds(registrations.flatMap(([, decision]) => decision.facts)),
        ...associations.map((association): RegistryFact => ({ type: 'association-set', association })),
      ],
      states: [...states, ...registrations.flatMap(([, decision]) => decision.states)],
      resource: held,
      reply: (applied, at) => ({ resource, associations, schemas: registered(registrations, applied, at) }),
    };
  }

  /**
   * Removes associations of a resource. A frozen one goes only together with its subject.
   * @throws `association-not-found`, `association-frozen`, `schema-referenced`, `operation-not-permitted`.
   */
  async remove(resourceId: string, resourceType: string, removal: AssociationRemoval): Promise<void> {
    const attempt = async (): Promise<Decision<number>> => {
      const decision = await this.#decideRemoval(resourceId, resourceType, removal);
      if (decision.count === 0) throw associationNotFound(resourceId);
      return decision;
    };
    if (removal.dryRun) await this.view.consistent(attempt);
    else await this.changes.make(lineOf(resourceId), attempt);
  }

  async #decideRemoval(
    resourceId: string,
    resourceType: string,
    { associationTypes, cascade }: AssociationRemoval,
  ): Promise<Decision<number> & { readonly count: number }> {
    const resource = await this.store.associationsOfResource(resourceId);
    const removed = resource.associations.filter(passing({ resourceType, associationTypes }));
    const facts: RegistryFact[] = [];
    const states: SubjectState[] = [];
    for (const association of removed) {
      const { subject, frozen, lifecycle, associationType } = association;
      const scopes = await this.view.scopes(subject);
      const mode = effectiveMode(scopes);
      requireWritable(mode, subject);
      if (frozen && !cascade) throw associationFrozen(associationType, subjectText(subject));
      states.push(...(Object.values(scopes) as SubjectState[]));
      facts.push({ type: 'association-removed', association });
      if (!cascade || lifecycle !== 'STRONG' || isImporting(mode)) continue;
      const state = scopes.subject;
      const referrers = await this.store.referrers(subject);
      facts.push(...decideSubjectRemoval({ state, mode, referrers, associations: [] }));
    }
    const count = removed.length;
    return { facts, states, resource, count, reply: () => count };
  }

  /**
   * One entry of a batch: operations on one resource, each a change of its own, in their order.
   * @returns everything the resource has afterwards; of a dry run nothing.
   */
  async mutate(
    request: SentResource & { readonly operations: readonly AssociationOperation[] },
    options: AssociationOptions,
  ): Promise<AssociationOutcome> {
    const { dryRun } = options;
    const resource = requireResource(request, dryRun);
    if (request.operations.length === 0) throw associationInvalid('associations', 'cannot be null or empty');
    const schemas = new Map<AssociationType, RegisteredVersion>();
    for (const operation of request.operations) {
      if (operation.type === 'DELETE') {
        const associationTypes = [associationTypeOf(operation.associationType)];
        const removal = { associationTypes, cascade: operation.cascade, dryRun };
        const attempt = () => this.#decideRemoval(resource.resourceId ?? '', resource.resourceType, removal);
        if (dryRun) await this.view.consistent(attempt);
        else await this.changes.make(lineOf(resource.resourceId!), attempt);
        continue;
      }
      const action = operation.type === 'CREATE' ? 'create' : 'upsert';
      const made = await this.put(action, { ...request, associations: [operation.association] }, options);
      for (const [type, schema] of made.schemas) schemas.set(type, schema);
    }
    if (dryRun) return { resource, associations: [], schemas: new Map() };
    const associations = await this.ofResource(resource.resourceId!, { resourceType: resource.resourceType });
    return { resource, associations, schemas };
  }

  async #target(subject: SubjectName): Promise<SubjectName> {
    const alias = (await this.view.subject(subject)).config?.alias;
    return alias === undefined || alias === '' ? subject : parseSubject(alias, subject.context);
  }
}

/** One operation of a batch. */
export type AssociationOperation =
  | { readonly type: 'CREATE' | 'UPSERT'; readonly association: SentAssociation }
  | { readonly type: 'DELETE'; readonly associationType?: string | null; readonly cascade: boolean };

function passing({ resourceType, associationTypes = [], lifecycles = [] }: AssociationFilter) {
  return (one: Association): boolean =>
    (resourceType === undefined || one.resourceType === resourceType) &&
    (associationTypes.length === 0 || associationTypes.includes(one.associationType)) &&
    (lifecycles.length === 0 || lifecycles.includes(one.lifecycle));
}

/** Where changes to one resource wait for each other. No subject has this name. */
function lineOf(resourceId: string): SubjectName {
  return { context: '.__RESOURCE', name: resourceId };
}

/** Decided one by one, two registrations of one new content would each take an id: the later one takes the earlier one's. */
function sharingIds(facts: readonly RegistryFact[]): readonly RegistryFact[] {
  const taken = new Set<string>();
  return facts.map((fact) => {
    if (fact.type !== 'version-registered' || fact.id.kind !== 'new') return fact;
    const content = `${fact.subject.context}/${identityOf(fact.content)}`;
    if (taken.has(content)) return { ...fact, id: { kind: 'shared' } };
    taken.add(content);
    return fact;
  });
}

/** Replies of decisions that became one change: each sees the ids of its own facts. */
function registered(
  decisions: readonly [AssociationType, Decision<RegisteredVersion>][],
  applied: AppliedChange | undefined,
  at: number,
): ReadonlyMap<AssociationType, RegisteredVersion> {
  const found = new Map<AssociationType, RegisteredVersion>();
  let next = 0;
  for (const [type, { facts, reply }] of decisions) {
    const count = facts.filter((fact) => fact.type === 'version-registered').length;
    found.set(type, reply(applied && { ...applied, ids: applied.ids.slice(next, next + count) }, at));
    next += count;
  }
  return found;
}
