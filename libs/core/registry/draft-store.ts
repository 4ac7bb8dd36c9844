import { impossible } from '#libs/core/kernel';
import type { Association, SchemaRecord, StoredSchema, SubjectState, VersionRow } from './model.js';
import type { RegistryView } from './registry-view.js';
import {
  identityOf,
  RegistryStore,
  type AppliedChange,
  type AppliedPlan,
  type AssociationQuery,
  type EventsPage,
  type Referrer,
  type RegistryChange,
  type RegistryFact,
  type ResourceAssociations,
  type SchemasSnapshot,
  type SearchPage,
  type SubjectListing,
  type SubjectsSnapshot,
  type TakenId,
  type TouchedSince,
  type UnindexedVersion,
  type UsagesSnapshot,
} from './store.js';
import { sameSubject, subjectText, type SubjectName } from './subject-name.js';

type Registered = Extract<RegistryFact, { type: 'version-registered' }>;

/**
 * The registry's state with changes on top that nobody else sees: a registry over it decides about several changes one after another, each as if those before had been
 * made, and nothing is written. Then its facts can be made true together, or forgotten. It tells what it has read, which is what the facts rest on.
 *
 * New contents have negative ids here; the real ones are given out when the facts become true. Uses of a schema are those of the registry alone.
 */
export class DraftStore extends RegistryStore {
  readonly #drafted = new Map<string, SubjectState>();
  readonly #read = new Map<string, SubjectState>();
  readonly #schemas = new Map<number, StoredSchema>();
  /** Negative ids by context and identity. */
  readonly #ids = new Map<string, number>();
  readonly #facts: RegistryFact[] = [];
  /** Places among the versions registered here, by subject and number. */
  readonly #places = new Map<string, number>();
  readonly #touched: { readonly revision: number; readonly subject: SubjectName }[] = [];
  #revision: number;

  /** @param base as of one moment: it is not refreshed while the draft is used. */
  constructor(
    private readonly base: RegistryView,
    private readonly store: RegistryStore,
    private readonly at: number,
  ) {
    super();
    this.#revision = at;
  }

  /** What has been decided, in order, with ids as the store takes them. */
  get facts(): readonly RegistryFact[] {
    return this.#facts;
  }

  /** Every state of the registry that was looked at, as it was, by name. */
  get read(): readonly SubjectState[] {
    return [...this.#read.values()].sort((a, b) => (subjectText(a.subject) < subjectText(b.subject) ? -1 : 1));
  }

  /** The place of a version among those registered here, which is that of its id among those given out; undefined for any other version. */
  placeOf(subject: SubjectName, version: number): number | undefined {
    return this.#places.get(`${subjectText(subject)}/${version}`);
  }

  async revision(): Promise<number> {
    return this.#revision;
  }

  revisionAtHand(): undefined {
    return undefined;
  }

  async touchedSince(revision: number): Promise<TouchedSince> {
    const subjects = this.#touched.filter((one) => one.revision > revision).map((one) => one.subject);
    return { revision: this.#revision, subjects, schemas: [], complete: revision >= this.at };
  }

  async subjects(names: readonly SubjectName[]): Promise<SubjectsSnapshot> {
    const missing = names.filter((name) => !this.#drafted.has(subjectText(name)));
    const states = new Map<string, SubjectState>();
    for (const state of missing.length === 0 ? [] : await this.base.subjects(missing)) {
      const key = subjectText(state.subject);
      states.set(key, state);
      if (!this.#read.has(key)) this.#read.set(key, state);
    }
    return {
      revision: this.#revision,
      states: names.map((name) => this.#drafted.get(subjectText(name)) ?? states.get(subjectText(name))!),
    };
  }

  async schemas(context: string, ids: readonly number[]): Promise<SchemasSnapshot> {
    const known = ids.filter((id) => id >= 0);
    const schemas = new Map(known.length === 0 ? [] : await this.base.stored(context, known));
    for (const id of ids) {
      const drafted = this.#schemas.get(id);
      if (drafted !== undefined) schemas.set(id, drafted);
    }
    return { revision: this.#revision, schemas };
  }

  usages(context: string, ids: readonly number[]): Promise<UsagesSnapshot> {
    return this.store.usages(context, ids);
  }

  async idOfContent(context: string, content: Pick<SchemaRecord, 'guid' | 'schemaType'>): Promise<number | undefined> {
    return (await this.store.idOfContent(context, content)) ?? this.#ids.get(`${context}/${identityOf(content)}`);
  }

  async referrers(subject: SubjectName): Promise<readonly Referrer[]> {
    const found: Referrer[] = [];
    for (const one of await this.store.referrers(subject)) {
      const drafted = this.#drafted.get(subjectText(one.subject));
      const row = drafted?.versions.find((version) => version.version === one.version);
      if (drafted === undefined) found.push(one);
      else if (row !== undefined) found.push({ ...one, deleted: row.deleted });
    }
    for (const fact of this.#facts) {
      if (fact.type !== 'version-registered') continue;
      const rows = this.#drafted.get(subjectText(fact.subject))!.versions;
      const row = rows.find((one) => one.version === fact.version);
      if (row === undefined) continue;
      const { subject: referring, version } = fact;
      for (const { subject: target, version: number } of fact.targets) {
        if (!sameSubject(target, subject)) continue;
        const { schemaId, deleted } = row;
        found.push({ context: referring.context, schemaId, target: number, subject: referring, version, deleted });
      }
    }
    return found;
  }

  /** Makes the facts true for whoever reads this draft, and remembers them. */
  async apply(change: RegistryChange): Promise<AppliedChange> {
    this.#revision++;
    const ids: number[] = [];
    for (const fact of change.facts) {
      const id = await this.#fact(fact, change.at);
      if (id !== undefined) ids.push(id);
    }
    return { revision: this.#revision, ids };
  }

  async #fact(fact: RegistryFact, at: number): Promise<number | undefined> {
    switch (fact.type) {
      case 'version-registered':
        return this.#register(fact, at);
      case 'version-soft-deleted':
        await this.#change(fact.subject, ({ versions }) => ({
          versions: versions.map((row) => (row.version === fact.version ? { ...row, deleted: true } : row)),
        }));
        break;
      case 'version-purged':
        await this.#change(fact.subject, ({ versions }) => ({
          versions: versions.filter((row) => row.version !== fact.version),
        }));
        break;
      case 'config-set':
        await this.#change(fact.subject, () => ({ config: fact.config }));
        break;
      case 'mode-set':
        await this.#change(fact.subject, () => ({ mode: fact.mode }));
        break;
      default:
        impossible('a draft was given a fact that no change set makes', { type: fact.type });
    }
    this.#facts.push(fact);
    return undefined;
  }

  async #register(fact: Registered, at: number): Promise<number> {
    const { subject, version, content } = fact;
    const { context } = subject;
    const choice = fact.id;
    const place = `${context}/${identityOf(content)}`;
    let id = choice.kind === 'known' || choice.kind === 'given' ? choice.id : this.#ids.get(place);
    // Content that shares its GUID with other content always gets an id of its own.
    if (id === undefined || (choice.kind === 'new' && choice.collides === true)) {
      id = -(this.#schemas.size + 1);
      if (choice.kind === 'new' && choice.collides !== true) this.#ids.set(place, id);
      this.#schemas.set(id, { context, id, ...content });
    }
    const row: VersionRow = { version, schemaId: id, guid: content.guid, deleted: false, registeredAt: at };
    await this.#change(subject, ({ versions }) => ({
      versions: [...versions.filter((one) => one.version !== version), row].sort((a, b) => a.version - b.version),
    }));
    this.#places.set(`${subjectText(subject)}/${version}`, this.#places.size);
    this.#facts.push(choice.kind === 'known' && choice.id < 0 ? { ...fact, id: { kind: 'shared' } } : fact);
    return id;
  }

  async #change(subject: SubjectName, change: (state: SubjectState) => Partial<SubjectState>): Promise<void> {
    const [state] = (await this.subjects([subject])).states;
    this.#drafted.set(subjectText(subject), { ...state!, ...change(state!), revision: this.#revision });
    this.#touched.push({ revision: this.#revision, subject });
  }

  associations(query: AssociationQuery): Promise<readonly Association[]> {
    return this.store.associations(query);
  }

  associationsOfResource(resourceId: string): Promise<ResourceAssociations> {
    return this.store.associationsOfResource(resourceId);
  }

  taken(context: string, ids: readonly number[]): Promise<readonly TakenId[]> {
    return this.store.taken(context, ids);
  }

  idsOfGuid(guid: string): ReturnType<RegistryStore['idsOfGuid']> {
    return this.store.idsOfGuid(guid);
  }

  list(...asked: Parameters<RegistryStore['list']>): Promise<readonly SubjectListing[]> {
    return this.store.list(...asked);
  }

  contextsHolding(name: string): Promise<readonly string[]> {
    return this.store.contextsHolding(name);
  }

  contexts(): Promise<readonly string[]> {
    return this.store.contexts();
  }

  names(...asked: Parameters<RegistryStore['names']>): ReturnType<RegistryStore['names']> {
    return this.store.names(...asked);
  }

  configs(context: string | undefined, prefix: string): ReturnType<RegistryStore['configs']> {
    return this.store.configs(context, prefix);
  }

  digests(subject: SubjectName): Promise<string | undefined> {
    return this.store.digests(subject);
  }

  highestId(context: string): Promise<number> {
    return this.store.highestId(context);
  }

  // A draft is for deciding; what concerns the registry as a whole is not asked of it.

  events(): Promise<EventsPage> {
    return notOfDrafts();
  }

  search(): Promise<SearchPage> {
    return notOfDrafts();
  }

  unindexed(): Promise<readonly UnindexedVersion[]> {
    return notOfDrafts();
  }

  index(): Promise<void> {
    return notOfDrafts();
  }

  appliedPlan(): Promise<AppliedPlan | undefined> {
    return notOfDrafts();
  }

  snapshot<T>(): Promise<T> {
    return notOfDrafts();
  }

  counts(): ReturnType<RegistryStore['counts']> {
    return notOfDrafts();
  }
}

async function notOfDrafts(): Promise<never> {
  return impossible('a draft was asked for what only the registry itself has');
}
