import type { Clock } from '#libs/core/kernel';
import {
  fingerprint,
  type AvroForm,
  type EngineCodec,
  type ResolvedReference,
  type SchemaEngine,
  type SchemaFields,
  type SchemaFormats,
  type SchemaType,
  type TaggedPart,
} from '#libs/core/schema';
import { RegistryAssociations } from './associations.js';
import { BulkDeletions } from './bulk-deletions.js';
import { ChangeSets } from './change-sets.js';
import { RegistryChanges } from './changes.js';
import type { Assessment } from './assessment.js';
import type { CompatibilityAnswer } from './compatibility.js';
import { propertyOf } from './data-contract.js';
import { Deleting } from './deleting.js';
import { schemaNotFound, subjectNotFound, versionNotFound } from './errors.js';
import { REGISTRY_LIMITS, type RegistryLimits } from './limits.js';
import {
  isLive,
  latestLive,
  type RegistrationPolicy,
  type SchemaUsage,
  type StoredSchema,
  type SubjectState,
  type VersionRow,
} from './model.js';
import type { SchemaInquiry } from './known-answers.js';
import { Candidates } from './candidates.js';
import type { CheckState, HistoryCheck, SettledCheck } from './history-check.js';
import { Checking, type CheckOptions, type SchemaQuestion } from './checking.js';
import { Registering, type RegisteredVersion, type RegisterOptions, type SubjectVersion } from './registering.js';
import type { SentRegistration, SentSchema } from './sent-schema.js';
import { RegistryView, type RegistryViewOptions } from './registry-view.js';
import { requireOneSource, retagged, type SentRetagging } from './retagging.js';
import { RegistryFeed } from './registry-feed.js';
import { RegistryPlans } from './registry-plans.js';
import { SchemaIds, type FoundSchema } from './schema-ids.js';
import { SchemaSearch, type FoundVersion } from './schema-search.js';
import { RegistrySettings } from './settings.js';
import { SubjectDigests } from './subject-digests.js';
import { SubjectHistory } from './subject-history.js';
import type { Referrer, RegistryStore, SubjectListing } from './store.js';
import { DEFAULT_CONTEXT, parseSubject, subjectText, type SubjectName } from './subject-name.js';

/** How a registry is set up; every part has a default. */
export interface RegistryOptions extends RegistryViewOptions {
  readonly limits?: Partial<RegistryLimits>;
  /** Who may register new schemas where nothing else is set; `open` unless given. */
  readonly registration?: RegistrationPolicy;
}

/** Names read from the store in one go: what is done with them is done in a turn. */
const LISTED_AT_ONCE = 1_000;

/** A number, or the highest version that is not deleted. */
export type VersionChoice = number | 'latest';

/**
 * The schema registry: what the HTTP API, the data plane and the operations share. Every answer includes everything acknowledged, by any instance, before
 * it was asked for. Subjects are given parsed; wherever a subject's settings name an alias, its target is meant.
 */
export class Registry {
  readonly settings: RegistrySettings;
  readonly associations: RegistryAssociations;
  readonly history: SubjectHistory;
  readonly search: SchemaSearch;
  readonly feed: RegistryFeed;
  readonly changeSets: ChangeSets;
  readonly bulkDeletions: BulkDeletions;
  readonly view: RegistryView;
  readonly #registering: Registering;
  readonly #checking: Checking;
  readonly #deleting: Deleting;
  readonly #ids: SchemaIds;

  constructor(
    private readonly store: RegistryStore,
    private readonly engine: SchemaEngine,
    clock: Clock,
    options: RegistryOptions = {},
  ) {
    this.view = new RegistryView(store, options);
    const changes = new RegistryChanges(store, this.view, clock);
    this.settings = new RegistrySettings(store, this.view, changes, options.registration ?? 'open');
    const limits = { ...REGISTRY_LIMITS, ...options.limits };
    const candidates = new Candidates(this.view, engine);
    const digests = new SubjectDigests(store, this.view, engine.formats, clock);
    this.#registering = new Registering(store, this.view, engine, candidates, digests, changes, limits);
    this.#checking = new Checking(this.view, engine, candidates, digests, limits, clock);
    this.#deleting = new Deleting(store, this.view, changes);
    this.#ids = new SchemaIds(store, this.view, clock, (subject) => this.#target(subject));
    this.history = new SubjectHistory(store, this.view, engine, changes, limits);
    this.search = new SchemaSearch(store, this.view, engine);
    this.feed = new RegistryFeed(store, clock);
    const plans = new RegistryPlans(store, this.view, changes, clock);
    const over = (other: RegistryStore) => new Registry(other, engine, clock, options);
    this.changeSets = new ChangeSets(store, this.view, engine, clock, plans, over);
    this.bulkDeletions = new BulkDeletions(store, this.view, this.search, clock, plans);
    this.associations = new RegistryAssociations(store, this.view, changes, this.#registering, clock);
  }

  /** The schema languages it knows. */
  get formats(): SchemaFormats {
    return this.engine.formats;
  }

  /** Schema languages that can be registered. */
  get types(): readonly SchemaType[] {
    return this.formats.types;
  }

  /** The subject that stands behind a name: the target of its alias, one hop. */
  target(subject: SubjectName): Promise<SubjectName> {
    return this.view.consistent(() => this.#target(subject));
  }

  async #target(subject: SubjectName): Promise<SubjectName> {
    const alias = (await this.view.subject(subject)).config?.alias;
    return alias === undefined || alias === '' || subject.name === '' ? subject : parseSubject(alias, subject.context);
  }

  /**
   * Registers a schema, or returns the version that already is this schema (contract 3.2). Repeating it gives the same answer; registering one content at
   * the same time from many places gives one id and one version.
   * @throws `schema-invalid`, `schema-incompatible`, `operation-not-permitted`, `version-not-next`, `subject-invalid` and others of errors.ts.
   */
  async register(subject: SubjectName, sent: SentRegistration, options: RegisterOptions): Promise<RegisteredVersion> {
    return this.#registering.register(await this.target(subject), sent, options);
  }

  /**
   * The version that {@link register} answers for a schema that is known: for whoever may not register new ones.
   * @throws `registration-forbidden` for a new schema.
   */
  async registered(subject: SubjectName, sent: SentRegistration, options: RegisterOptions): Promise<RegisteredVersion> {
    return this.#registering.registered(await this.target(subject), sent, options);
  }

  /**
   * What {@link register} or {@link lookup} would answer, where that can be told at once: the same was asked before, and neither the subject nor its settings
   * have changed since. The same object as long as that is so.
   */
  answerAtHand(subject: SubjectName, sent: SentRegistration, inquiry: SchemaInquiry): RegisteredVersion | undefined {
    return this.#registering.answerAtHand(subject, sent, inquiry);
  }

  /**
   * Makes a new version of a version: with tags given to its parts and taken from them, with other metadata or rules (contract, endpoint 24). Made even when
   * nothing changes.
   * @throws `subject-not-found`, `version-not-found`, `rule-set-invalid`, `schema-invalid` for a part that is not there, and what registering throws.
   */
  async retag(subject: SubjectName, choice: VersionChoice, sent: SentRetagging): Promise<RegisteredVersion> {
    requireOneSource(sent);
    const target = await this.target(subject);
    const [base, latest] = await this.view.consistent(async () => {
      const state = await this.view.subject(target);
      const row = chosenRow(state, choice, false);
      return [await this.#version(state, row), await this.#version(state, latestLive(state)!)] as const;
    });
    return this.#registering.register(target, retagged(base.schema, latest.schema, sent), {
      normalize: false,
      force: false,
    });
  }

  /** The parts of a schema with tags in its text, in the order of the text. */
  async taggedParts(schema: StoredSchema): Promise<readonly TaggedPart[]> {
    return this.engine.taggedParts(await this.view.source(schema));
  }

  /** The version of the subject that this schema is. @throws `subject-not-found`, `schema-not-found`, `schema-invalid`. */
  async lookup(
    subject: SubjectName,
    sent: SentSchema,
    options: { readonly normalize: boolean; readonly deleted: boolean },
  ): Promise<RegisteredVersion> {
    return this.#registering.lookup(await this.target(subject), sent, options);
  }

  /** Whether the schema could be registered as the next version. @throws `version-not-found`, `schema-invalid`, `schema-empty`. */
  async check(
    subject: SubjectName,
    sent: SentSchema,
    against: 'history' | VersionChoice,
    options: CheckOptions,
  ): Promise<CompatibilityAnswer> {
    return this.#checking.check(await this.target(subject), sent, against, options);
  }

  /**
   * The verdict about a schema at every level, against the versions of a subject or against schemas sent along. Reads only.
   * @throws `schema-invalid`, `schema-empty`, `reference-not-found`, `reference-sent-twice`.
   */
  async assess(question: SchemaQuestion): Promise<Assessment> {
    const subject = question.subject && (await this.target(question.subject));
    return this.#checking.assess({ ...question, subject });
  }

  /**
   * The same question about a subject, settled: what is compared and by which rules is written down, so that it can be answered step by step, however many versions there are.
   * @throws as {@link assess}, but for `too-many-versions-to-compare`.
   */
  async settle(question: SchemaQuestion & { readonly subject: SubjectName }): Promise<SettledCheck> {
    return this.#checking.settle({ ...question, subject: await this.target(question.subject) });
  }

  /** Goes on with a settled check from where it stands; from the beginning when nothing is given. */
  resumed(check: SettledCheck, state?: CheckState): Promise<HistoryCheck> {
    return this.#checking.resumed(check, state);
  }

  /** What a check that has come to its end in this state has found. */
  assessed(check: SettledCheck, state: CheckState): Promise<Assessment> {
    return this.#checking.assessed(check, state);
  }

  /** The highest live version, or undefined when the subject has none. Never looks into other contexts. */
  latest(subject: SubjectName): Promise<SubjectVersion | undefined> {
    return this.view.consistent(async () => {
      const state = await this.#state(subject);
      const row = latestLive(state);
      return row && this.#version(state, row);
    });
  }

  /**
   * A version of a subject. An unqualified subject that the default context does not have is looked for in the others.
   * @param deleted whether softly deleted versions are found; `latest` never is one.
   * @throws `subject-not-found`, `version-not-found`.
   */
  version(subject: SubjectName, choice: VersionChoice, deleted: boolean): Promise<SubjectVersion> {
    return this.view.consistent(async () => {
      const state = await this.#readable(subject);
      return this.#version(state, chosenRow(state, choice, deleted));
    });
  }

  /** All versions of a subject, deleted ones included, ascending; empty for an unknown subject. */
  async versions(subject: SubjectName): Promise<readonly VersionRow[]> {
    return (await this.view.consistent(() => this.#state(subject))).versions;
  }

  /**
   * The newest version with metadata that has every one of the properties.
   * @throws `subject-not-found`, `schema-not-found`.
   */
  versionWith(
    subject: SubjectName,
    properties: ReadonlyMap<string, string>,
    deleted: boolean,
  ): Promise<SubjectVersion> {
    return this.view.consistent(async () => {
      const state = await this.#state(subject);
      const rows = (deleted ? state.versions : state.versions.filter(isLive)).toReversed();
      if (rows.length === 0) throw subjectNotFound(subjectText(state.subject));
      for await (const { row, schema } of this.view.schemas(state.subject, rows)) {
        const all = [...properties].every(([name, value]) => propertyOf(schema.metadata, name) === value);
        if (schema.metadata !== null && all) return { subject: state.subject, row, schema };
      }
      throw schemaNotFound();
    });
  }

  /**
   * The schema with an id. Softly deleted ones are found: records that carry the id are to be read for ever.
   * @param hint the subject it was written under, as clients send it; says which context the id belongs to (contract, endpoint 8).
   * @throws `schema-not-found`
   */
  schemaById(id: number, hint?: string): Promise<FoundSchema> {
    return this.#ids.schema(id, hint);
  }

  /**
   * What {@link schemaById} would answer for an id of the default context, where that can be told at once: it was read before, and nothing has changed since.
   */
  schemaAtHand(id: number): FoundSchema | undefined {
    return this.#ids.schemaAtHand(id);
  }

  /**
   * Every subject version with the content of this id, the most recent of each subject, in the order of registration.
   * @throws `schema-not-found`
   */
  usagesOf(id: number, hint?: string): Promise<readonly SchemaUsage[]> {
    return this.#ids.usages(id, hint);
  }

  /** The schema with a GUID, from the default context if it is there. @throws `schema-not-found` */
  schemaByGuid(guid: string): Promise<FoundSchema> {
    return this.#ids.schemaByGuid(guid);
  }

  /** The ids a content has or had, one per context, the default context first. Empty for an unknown GUID. */
  idsOfGuid(guid: string): Promise<readonly { readonly context: string; readonly id: number }[]> {
    return this.#ids.ofGuid(guid);
  }

  /** Versions that refer to a version of the subject. The version itself may be deleted. @throws `subject-not-found`, `version-not-found` */
  async referrers(subject: SubjectName, choice: VersionChoice): Promise<readonly Referrer[]> {
    const { subject: found, row } = await this.version(subject, choice, true);
    return (await this.store.referrers(found)).filter((one) => one.target === row.version);
  }

  /**
   * Names that hold versions, a page at a time: there may be very many. By name, context after context; the default one comes first.
   * @param context undefined: of all contexts.
   */
  async *list(context: string | undefined, prefix: string): AsyncGenerator<readonly SubjectListing[]> {
    for (const one of context === undefined ? await this.contexts() : [context]) {
      for (let after: string | undefined; ;) {
        const page = await this.store.list(one, prefix, after, LISTED_AT_ONCE);
        yield page;
        if (page.length < LISTED_AT_ONCE) break;
        after = page.at(-1)!.subject.name;
      }
    }
  }

  /** Names that are aliases, with what they stand for. @param context undefined: of all contexts. */
  async aliases(
    context: string | undefined,
    prefix: string,
  ): Promise<readonly { readonly alias: SubjectName; readonly target: SubjectName }[]> {
    return (await this.store.configs(context, prefix)).flatMap(({ subject, config }) =>
      config.alias === undefined || config.alias === '' || subject.name === ''
        ? []
        : [{ alias: subject, target: parseSubject(config.alias, subject.context) }],
    );
  }

  /** Versions of some subjects, in the order of the subjects, then of the numbers. {@link SchemaSearch.load} gives them their schemas. @param wanted which versions of each. */
  async rowsOf(
    subjects: readonly SubjectName[],
    wanted: (rows: readonly VersionRow[]) => readonly VersionRow[],
  ): Promise<readonly FoundVersion[]> {
    const states = await this.view.consistent(() => this.view.subjects(subjects));
    return states.flatMap(({ subject, versions }) => wanted(versions).map((row) => ({ subject, row })));
  }

  /** The default context, then the others ascending. */
  async contexts(): Promise<readonly string[]> {
    const others = (await this.store.contexts()).filter((context) => context !== DEFAULT_CONTEXT);
    return [DEFAULT_CONTEXT, ...others];
  }

  /** The highest id ever given out in a context. */
  highestId(context: string): Promise<number> {
    return this.store.highestId(context);
  }

  /** Deletes a subject, softly or for good. @returns the versions affected. @throws see deletion.ts. */
  async deleteSubject(subject: SubjectName, permanent: boolean): Promise<readonly number[]> {
    return this.#deleting.subject(await this.target(subject), permanent);
  }

  /** Deletes a version, softly or for good. @returns its number. @throws see deletion.ts. */
  async deleteVersion(subject: SubjectName, choice: VersionChoice, permanent: boolean): Promise<number> {
    return this.#deleting.version(await this.target(subject), choice, permanent);
  }

  /** Forgets an empty context; harmless for an unknown one. @throws `context-not-empty` */
  deleteContext(context: string): Promise<void> {
    return this.#deleting.context(context);
  }

  /** Its codec. @param form of Avro values, as the engine takes it. @throws `schema-invalid` where none can be made, `schema-too-complex` where that takes too long. */
  async codec(schema: StoredSchema, form?: AvroForm): Promise<EngineCodec> {
    return this.engine.codec(await this.view.source(schema), form);
  }

  /** What its values have for fields. */
  async fields(schema: StoredSchema): Promise<SchemaFields> {
    return this.engine.fields(await this.view.source(schema));
  }

  /** The text for a `format` query parameter. */
  async formatted(schema: StoredSchema, format: string): Promise<string> {
    return this.engine.formatted(await this.view.source(schema), format);
  }

  /** Everything a schema refers to, what a reference needs before it: what a parser or codec takes with its text. */
  async referencesOf(schema: StoredSchema): Promise<readonly ResolvedReference[]> {
    if (schema.references.length === 0) return [];
    return (await this.view.chain(schema.context, schema.references)).resolved;
  }

  /** The schema with its references written with their contexts, and the GUID that results. */
  qualified(schema: StoredSchema): Pick<StoredSchema, 'references' | 'guid'> {
    if (schema.context === DEFAULT_CONTEXT || schema.references.length === 0) return schema;
    const references = schema.references.map((one) => ({
      ...one,
      subject: subjectText(parseSubject(one.subject, schema.context)),
    }));
    return { references, guid: fingerprint({ ...schema, references }).guid };
  }

  async #state(subject: SubjectName): Promise<SubjectState> {
    return this.view.subject(await this.#target(subject));
  }

  /** The state, from another context when the default one has nothing under the name. */
  async #readable(subject: SubjectName): Promise<SubjectState> {
    const state = await this.#state(subject);
    if (state.versions.length > 0 || state.subject.context !== DEFAULT_CONTEXT) return state;
    const [context] = await this.store.contextsHolding(state.subject.name);
    return context === undefined ? state : this.view.subject({ context, name: state.subject.name });
  }

  async #version(state: SubjectState, row: VersionRow): Promise<SubjectVersion> {
    return { subject: state.subject, row, schema: await this.view.schemaOf(state.subject, row) };
  }
}

/** @throws `subject-not-found`, `version-not-found` */
function chosenRow(state: SubjectState, choice: VersionChoice, deleted: boolean): VersionRow {
  const visible = deleted ? state.versions : state.versions.filter(isLive);
  if (visible.length === 0) throw subjectNotFound(subjectText(state.subject));
  const row = choice === 'latest' ? visible.findLast(isLive) : visible.find((one) => one.version === choice);
  if (row === undefined) throw versionNotFound(subjectText(state.subject), choice === 'latest' ? -1 : choice);
  return row;
}
