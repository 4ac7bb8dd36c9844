import type { JsonValue } from '#libs/core/kernel';
import type { SchemaType } from '#libs/core/schema';
import type {
  Association,
  RegistrationPolicy,
  RegistryConfig,
  RegistryMode,
  SchemaRecord,
  SchemaUsage,
  StoredSchema,
  SubjectState,
  VersionRow,
} from './model.js';
import type { EventPosition, RegistryEvent } from './registry-event.js';
import type { SearchTerm } from './search-terms.js';
import type { SubjectName } from './subject-name.js';

/** States of several names as of one instant. */
export interface SubjectsSnapshot {
  readonly revision: number;
  /** One per name asked for, in that order. */
  readonly states: readonly SubjectState[];
}

/** Schemas as of one instant. Unknown and purged ids are left out. */
export interface SchemasSnapshot {
  readonly revision: number;
  readonly schemas: ReadonlyMap<number, StoredSchema>;
}

/** The versions that carry each id as of one instant, in the order of their registration. Ids that none carries are left out. */
export interface UsagesSnapshot {
  readonly revision: number;
  readonly usages: ReadonlyMap<number, readonly SchemaUsage[]>;
}

/** What a cache must forget. */
export interface TouchedSince {
  /** The revision up to which this tells everything. */
  readonly revision: number;
  readonly subjects: readonly SubjectName[];
  /** Schemas whose uses have changed; `purged`: the schema itself may be gone. */
  readonly schemas: readonly { readonly context: string; readonly id: number; readonly purged: boolean }[];
  /** False: there are more changes than asked for; forget everything. */
  readonly complete: boolean;
}

/** A name that holds versions. */
export interface SubjectListing {
  readonly subject: SubjectName;
  /** Whether some version is not deleted. */
  readonly live: boolean;
}

/** A schema that refers to a version of the subject asked for, with one version that carries it. */
export interface Referrer {
  readonly context: string;
  readonly schemaId: number;
  /** The version referred to. */
  readonly target: number;
  readonly subject: SubjectName;
  readonly version: number;
  readonly deleted: boolean;
}

/** The id a new version gets. The store checks the choice inside the transaction and fails with `registry-state-moved` when it no longer holds. */
export type IdChoice =
  /**
   * The content is new to the context: one more than the highest id ever given out there. `collides`: other content there has the same GUID, and keeps
   * being found by it.
   */
  | { readonly kind: 'new'; readonly collides?: boolean }
  /** The id under which this context already knows the content. */
  | { readonly kind: 'known'; readonly id: number }
  /**
   * Named by the caller (import). Takes part in the high-water mark; refused when it ever stood for other content. `secondary`: where the context knows the content
   * under another id, it goes on to; otherwise the id stored last is the one.
   */
  | { readonly kind: 'given'; readonly id: number; readonly secondary?: boolean }
  /** The id that an earlier fact of the same change gives this content. */
  | { readonly kind: 'shared' };

/** Where a version is referred to. */
export interface ReferenceTarget {
  readonly subject: SubjectName;
  readonly version: number;
}

export type RegistryFact =
  /** Stores the version, over an older row of that number if there is one. */
  | {
      readonly type: 'version-registered';
      readonly subject: SubjectName;
      readonly version: number;
      readonly id: IdChoice;
      readonly content: SchemaRecord;
      /** `content.references` with their contexts, in the same order. */
      readonly targets: readonly ReferenceTarget[];
      /** When another registry registered it, epoch ms; the time of the change unless given. */
      readonly registeredAt?: number;
      /** What the version is found by. */
      readonly terms: readonly SearchTerm[];
    }
  | { readonly type: 'version-soft-deleted'; readonly subject: SubjectName; readonly version: number }
  | { readonly type: 'version-restored'; readonly subject: SubjectName; readonly version: number }
  /** Removes the row. A schema without rows is purged: its text goes, its id stays taken for ever. */
  | { readonly type: 'version-purged'; readonly subject: SubjectName; readonly version: number }
  | { readonly type: 'config-set'; readonly subject: SubjectName; readonly config: RegistryConfig | null }
  | { readonly type: 'mode-set'; readonly subject: SubjectName; readonly mode: RegistryMode | null }
  | { readonly type: 'registration-set'; readonly subject: SubjectName; readonly policy: RegistrationPolicy | null }
  /**
   * Stored for its resource and type, in the place of what is there, and of an association of the same name, type and subject that an earlier resource of
   * that name left behind.
   */
  | { readonly type: 'association-set'; readonly association: Association }
  /** Harmless when it is gone. */
  | { readonly type: 'association-removed'; readonly association: Association }
  /** The context, which holds no version, is no longer listed; its ids go on where they were when it comes back. */
  | { readonly type: 'context-removed'; readonly context: string }
  /** Ids up to this one count as given out in the context. `listed`: the context is listed from now on. */
  | { readonly type: 'ids-taken'; readonly context: string; readonly upTo: number; readonly listed: boolean }
  /** The id stood for this content in another registry and is purged there: it will stand for nothing else here. Refused when it ever stood for other content. */
  | {
      readonly type: 'id-retired';
      readonly context: string;
      readonly id: number;
      readonly content: Pick<SchemaRecord, 'guid' | 'schemaType'>;
    };

/** What an id stands for, or stood for before it was purged. */
export interface TakenId {
  readonly id: number;
  readonly guid: string;
  readonly schemaType: SchemaType;
  readonly purged: boolean;
}

/** A context with its ids. */
export interface ContextState {
  readonly name: string;
  /** The highest id ever given out; 0 when none was. */
  readonly lastId: number;
  /** Whether it is one of {@link RegistryStore.contexts}. */
  readonly listed: boolean;
}

/** A schema as kept. */
export interface KeptSchema {
  readonly schema: StoredSchema;
  /** Whether the context knows the content under this id, or under another of its ids. */
  readonly primary: boolean;
}

/** The whole state as of one revision, read in pages, whatever is written meanwhile. Orders are those of code points. */
export interface RegistrySnapshot {
  readonly revision: number;
  /** Contexts that ever gave out an id or that hold settings, ascending. */
  contexts(): Promise<readonly ContextState[]>;
  /** Names of a context after `after`, ascending, with what is stored under them. */
  subjects(context: string, after: string | undefined, limit: number): Promise<readonly SubjectState[]>;
  /** One state per name, in their order. */
  states(names: readonly SubjectName[]): Promise<readonly SubjectState[]>;
  /** Schemas that are not purged, by id. */
  schemas(context: string, ids: readonly number[]): Promise<ReadonlyMap<number, KeptSchema>>;
  /** Of these subjects, in the order of {@link RegistryStore.associations}. */
  associations(subjects: readonly SubjectName[]): Promise<readonly Association[]>;
  /** Purged ids above `after`, ascending. */
  retired(context: string, after: number, limit: number): Promise<readonly TakenId[]>;
}

/** What is looked for; every condition must hold. */
export interface VersionSearch {
  readonly context: string;
  /** Beginning of the subject's name within the context. */
  readonly prefix: string;
  /** The first one is where the search begins; see {@link rarestFirst}. */
  readonly terms: readonly SearchTerm[];
  /** `latest`: the newest live version of each subject; `live`: those not deleted. */
  readonly versions: 'latest' | 'live' | 'deleted' | 'all';
}

/** Where a search goes on within its context: after this version of the subject, whether it is there or not. */
export interface SearchPosition {
  readonly name: string;
  readonly version: number;
}

/** Versions found in a step of a search. */
export interface SearchPage {
  readonly hits: readonly { readonly subject: SubjectName; readonly row: VersionRow }[];
  /** Null: nothing comes after. */
  readonly next: SearchPosition | null;
}

/** A version that an older release stored without search terms. */
export interface UnindexedVersion {
  readonly subject: SubjectName;
  readonly version: number;
  readonly schemaId: number;
}

/** Part of the feed of changes as of one instant. */
export interface EventsPage {
  readonly events: readonly RegistryEvent[];
  /** Where to go on: after the last event of the page, or after everything there was. */
  readonly next: EventPosition;
  /** Whether the page ends with what there was. */
  readonly caughtUp: boolean;
  /** Length of the values of its events, as JSON. */
  readonly characters: number;
  /** The first revision whose events are kept. */
  readonly oldest: number;
}

/** The associations of one resource as of one instant. */
export interface ResourceAssociations {
  readonly resourceId: string;
  /** Of the change that touched one of them last; 0 when there is none. Tells, with their number, whether one has changed. */
  readonly revision: number;
  readonly associations: readonly Association[];
}

/** Associations by what they tie together; an absent namespace is any. */
export type AssociationQuery =
  | { readonly subjects: readonly SubjectName[] }
  | { readonly resourceName: string; readonly resourceNamespace: string | undefined };

/** Facts that become true together, and the states they were decided on. */
export interface RegistryChange {
  /** Epoch ms, kept with the versions and in the change log. */
  readonly at: number;
  readonly expected: readonly { readonly subject: SubjectName; readonly revision: number }[];
  /** A resource whose associations the change was decided on. */
  readonly resource?: ResourceAssociations;
  /** Once the facts are true, no live version may refer to one that they delete softly, and no version at all to one that they purge. */
  readonly unreferenced?: boolean;
  /** Once the facts are true, this context must hold no version; undefined: no context may hold one. */
  readonly vacates?: { readonly context: string | undefined };
  /** At least one. */
  readonly facts: readonly RegistryFact[];
  /** Kept in the place of those of the subject kept before. */
  readonly digests?: KeptDigests;
  /** The plan that this change carries out; becomes known with it and is kept for {@link APPLIED_PLANS_MS} at least. */
  readonly plan?: CarriedPlan;
}

/** What is remembered of a subject's versions, as `VersionDigests` writes it. */
export interface KeptDigests {
  readonly subject: SubjectName;
  readonly text: string;
}

/** A plan as the change that carries it out names it. */
export interface CarriedPlan {
  readonly hash: string;
  readonly principal: string;
  /** The caller's idempotency key: one plan for each key of a principal. */
  readonly key: string | null;
  /** What the caller is answered, but for the ids. */
  readonly outcome: JsonValue;
}

/** A plan that has been carried out. */
export interface AppliedPlan extends CarriedPlan {
  readonly revision: number;
  /** As {@link AppliedChange.ids}. */
  readonly ids: readonly number[];
}

/** How long it is remembered at least that a plan was carried out, so that repeating it answers the same. */
export const APPLIED_PLANS_MS = 24 * 3_600_000;

/** What a change came to. */
export interface AppliedChange {
  readonly revision: number;
  /** The id of each `version-registered` fact, in their order. */
  readonly ids: readonly number[];
}

/** A name under which something is stored. */
export interface NameInUse extends SubjectName {
  /** Whether it has a mode of its own. */
  readonly hasMode: boolean;
}

/**
 * Where the registry keeps its state. Revisions are positive and rise by one with every change, in the order in which changes become visible; a name's
 * revision is that of the change that touched it last. Referring to a version touches nothing of its subject, so that many can at once; that deleting one and
 * referring to it cannot both succeed is what {@link RegistryChange.unreferenced} asks for. Setting or removing an association touches its subject.
 */
export abstract class RegistryStore {
  /** A revision that covers every change acknowledged, by any instance, before this call. Cheap. */
  abstract revision(): Promise<number>;

  /** What {@link revision} would answer, where no other instance can write; undefined where it has to be asked for. */
  abstract revisionAtHand(): number | undefined;

  /** Every name and schema touched after `revision`; at most `limit` changes are looked at. */
  abstract touchedSince(revision: number, limit: number): Promise<TouchedSince>;

  abstract subjects(names: readonly SubjectName[]): Promise<SubjectsSnapshot>;

  abstract schemas(context: string, ids: readonly number[]): Promise<SchemasSnapshot>;

  /** Apart from the schemas, which stay as they are while thousands of subjects come to use one. */
  abstract usages(context: string, ids: readonly number[]): Promise<UsagesSnapshot>;

  /** The id under which the context knows this content; the one stored last where an import gave it several. */
  abstract idOfContent(
    context: string,
    content: Pick<SchemaRecord, 'guid' | 'schemaType'>,
  ): Promise<number | undefined>;

  /** Which of these ids stand for something in the context, or stood for something; by id, whatever order they are asked in. */
  abstract taken(context: string, ids: readonly number[]): Promise<readonly TakenId[]>;

  /** Every id this content ever had, by context and id; `purged` where no version carries it any more. */
  abstract idsOfGuid(
    guid: string,
  ): Promise<readonly { readonly context: string; readonly id: number; readonly purged: boolean }[]>;

  /** Names of a context that hold versions and begin with `prefix`, ascending by code point; at most `limit` of those after `after`. */
  abstract list(
    context: string,
    prefix: string,
    after: string | undefined,
    limit: number,
  ): Promise<readonly SubjectListing[]>;

  /** Contexts other than the default one in which this name holds versions, ascending. */
  abstract contextsHolding(name: string): Promise<readonly string[]>;

  /** Contexts in which something has been registered and that were not removed, ascending. */
  abstract contexts(): Promise<readonly string[]>;

  /**
   * Names with settings or versions in one context or (undefined) in all, by context and name: for what concerns a whole context.
   * @param after the last one of the page before. @param limit most of them; fewer only at the end.
   */
  abstract names(
    context: string | undefined,
    after: SubjectName | undefined,
    limit: number,
  ): Promise<readonly NameInUse[]>;

  /** Names with a config that begin with `prefix`, in one context or (undefined) in all, in no particular order. */
  abstract configs(
    context: string | undefined,
    prefix: string,
  ): Promise<readonly { readonly subject: SubjectName; readonly config: RegistryConfig }[]>;

  /** Versions, deleted ones included, that refer to versions of this subject; by context and id of their schemas. */
  abstract referrers(subject: SubjectName): Promise<readonly Referrer[]>;

  /** The digests kept last of the subject; undefined when there are none, or they were dropped since: with any version that is purged, or at any time. */
  abstract digests(subject: SubjectName): Promise<string | undefined>;

  /** The highest id ever given out in the context; 0 when none was. */
  abstract highestId(context: string): Promise<number>;

  /** By name, namespace, resource type, association type and subject, ascending; of several subjects, each one's in this order. */
  abstract associations(query: AssociationQuery): Promise<readonly Association[]>;

  /** In the same order. */
  abstract associationsOfResource(resourceId: string): Promise<ResourceAssociations>;

  /**
   * Changes after a position, in the order in which they became visible: a reader that goes on from the last position it was given meets every change,
   * whatever was written meanwhile. Old ones are forgotten as the store is told to.
   * @param after undefined: from the oldest one kept. @param limit a page may hold fewer where their values are long, but never none while there are some.
   */
  abstract events(after: EventPosition | undefined, limit: number): Promise<EventsPage>;

  /**
   * Versions of one context that match, by the subject's name and by number. A page may hold fewer than `limit` although there is a next one: what is looked at for one page
   * is bounded.
   */
  abstract search(question: VersionSearch, after: SearchPosition | undefined, limit: number): Promise<SearchPage>;

  /** Versions stored without terms, by a release that knew none, in no particular order. */
  abstract unindexed(limit: number): Promise<readonly UnindexedVersion[]>;

  /** Adds the terms of versions that have none. One that has been changed meanwhile is passed over. Repeatable. */
  abstract index(versions: readonly (UnindexedVersion & { readonly terms: readonly SearchTerm[] })[]): Promise<void>;

  /** A plan that has been carried out, by its hash or by its principal and key. */
  abstract appliedPlan(
    by: { readonly hash: string } | { readonly principal: string; readonly key: string },
  ): Promise<AppliedPlan | undefined>;

  /**
   * Makes the facts true, all or none. Durable when the promise resolves.
   * @throws `registry-state-moved` when a state named in `expected` or `resource`, or an {@link IdChoice}, no longer holds, or the change would leave what it must not
   * (`unreferenced`, `vacates`); `operation-not-permitted` when a given id stands for other content; `schema-ids-exhausted`.
   */
  abstract apply(change: RegistryChange): Promise<AppliedChange>;

  /**
   * Reads the whole state as of one revision. Others read and write meanwhile, so the task may take its time; it reads through the snapshot only.
   * @throws what `task` throws.
   */
  abstract snapshot<T>(task: (snapshot: RegistrySnapshot) => Promise<T>): Promise<T>;

  /** Rows as stored, for the check that what is served is what is kept (reliability page, G21). */
  abstract counts(): Promise<{ readonly subjects: number; readonly versions: number; readonly schemas: number }>;
}

/** How a context keys a content to one id: the type takes part, since equal texts of two languages are two schemas. */
export function identityOf(content: Pick<SchemaRecord, 'guid' | 'schemaType'>): string {
  return `${content.guid}/${content.schemaType}`;
}
