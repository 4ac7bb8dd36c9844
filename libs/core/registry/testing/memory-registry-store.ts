import { stateMoved } from '../errors.js';
import type { Association, SchemaRecord, SchemaUsage, StoredSchema } from '../model.js';
import { AFTER_REVISION, type EventPosition, type RegistryEvent } from '../registry-event.js';
import {
  identityOf,
  type NameInUse,
  RegistryStore,
  type AppliedChange,
  type AppliedPlan,
  type AssociationQuery,
  type EventsPage,
  type Referrer,
  type RegistryChange,
  type RegistrySnapshot,
  type ResourceAssociations,
  type SchemasSnapshot,
  type SearchPage,
  type SearchPosition,
  type SubjectListing,
  type SubjectsSnapshot,
  type TakenId,
  type TouchedSince,
  type UnindexedVersion,
  type UsagesSnapshot,
  type VersionSearch,
} from '../store.js';
import type { SearchTerm } from '../search-terms.js';
import { subjectText, type SubjectName } from '../subject-name.js';
import { makeTrue } from './memory-registry-facts.js';
import { referrersIn, requireVacancy } from './memory-registry-referrers.js';
import { snapshotOf } from './memory-registry-snapshot.js';
import {
  associationsIn,
  copyOf,
  emptyTables,
  ofResource,
  orderKey,
  ownerIn,
  stateIn,
  takenId,
  type Tables,
} from './memory-registry-tables.js';

/** Characters of values in one page of events. */
const MAX_CHARACTERS = 2 * 1024 * 1024;

function compareNames(one: SubjectName, other: SubjectName): number {
  const byCodePoint = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
  return byCodePoint(one.context, other.context) || byCodePoint(one.name, other.name);
}

/** The registry's port over maps: the plainest thing that keeps its promises, for tests of what is built on it. Nothing survives the process. */
export class MemoryRegistryStore extends RegistryStore {
  #tables: Tables = emptyTables();

  async revision(): Promise<number> {
    return this.#tables.revision;
  }

  revisionAtHand(): number {
    return this.#tables.revision;
  }

  async touchedSince(revision: number, limit: number): Promise<TouchedSince> {
    const rows = this.#tables.changes.filter((row) => row.revision > revision);
    const complete = limit > 0 && rows.length <= limit && (revision === 0 || revision + 1 >= this.oldest());
    return {
      revision: this.#tables.revision,
      subjects: complete ? rows.map((row) => row.subject) : [],
      schemas: complete
        ? rows.flatMap(({ subject: { context }, schemaId: id, type }) => {
            const purged = type === 'version-purged' || type === 'version-replaced';
            return id === null ? [] : [{ context, id, purged }];
          })
        : [],
      complete,
    };
  }

  async subjects(names: readonly SubjectName[]): Promise<SubjectsSnapshot> {
    return { revision: this.#tables.revision, states: names.map((name) => stateIn(this.#tables, name)) };
  }

  async schemas(context: string, ids: readonly number[]): Promise<SchemasSnapshot> {
    const { schemas, revision } = this.#tables;
    const found = new Map<number, StoredSchema>();
    for (const id of ids) {
      const row = schemas.get(`${context}/${id}`);
      if (row !== undefined && !row.purged) found.set(id, { context, id, ...row.content });
    }
    return { revision, schemas: found };
  }

  async usages(context: string, ids: readonly number[]): Promise<UsagesSnapshot> {
    const { subjects, order, revision } = this.#tables;
    const found = new Map<number, readonly SchemaUsage[]>();
    for (const id of ids) {
      const usages = [...subjects.values()]
        .filter((state) => state.subject.context === context)
        .flatMap(({ subject, versions }) =>
          versions.filter((one) => one.schemaId === id).map((one) => ({ subject, ...one })),
        )
        .sort((a, b) => order.get(orderKey(a.subject, a.version))! - order.get(orderKey(b.subject, b.version))!)
        .map(({ subject, version, deleted, registeredAt }) => ({ subject, version, deleted, registeredAt }));
      if (usages.length > 0) found.set(id, usages);
    }
    return { revision, usages: found };
  }

  async idOfContent(context: string, content: Pick<SchemaRecord, 'guid' | 'schemaType'>): Promise<number | undefined> {
    return ownerIn(this.#tables, context, identityOf(content));
  }

  async idsOfGuid(guid: string): Promise<readonly { context: string; id: number; purged: boolean }[]> {
    return [...this.#tables.schemas.values()]
      .filter((row) => row.content.guid === guid)
      .map(({ context, id, purged }) => ({ context, id, purged }))
      .sort((a, b) => (a.context === b.context ? a.id - b.id : a.context < b.context ? -1 : 1));
  }

  async taken(context: string, ids: readonly number[]): Promise<readonly TakenId[]> {
    return [...ids]
      .sort((one, other) => one - other)
      .flatMap((id) => {
        const row = this.#tables.schemas.get(`${context}/${id}`);
        return row === undefined ? [] : [takenId(row)];
      });
  }

  async snapshot<T>(task: (snapshot: RegistrySnapshot) => Promise<T>): Promise<T> {
    return task(snapshotOf(copyOf(this.#tables)));
  }

  async list(
    context: string,
    prefix: string,
    after: string | undefined,
    limit: number,
  ): Promise<readonly SubjectListing[]> {
    return [...this.#tables.subjects.values()]
      .filter(({ subject, versions }) => {
        const inside = subject.context === context && subject.name.startsWith(prefix);
        return inside && versions.length > 0 && (after === undefined || isBehind(subject.name, after));
      })
      .sort((a, b) => (isBehind(a.subject.name, b.subject.name) ? 1 : -1))
      .slice(0, limit)
      .map(({ subject, versions }) => ({ subject, live: versions.some((row) => !row.deleted) }));
  }

  async contextsHolding(name: string): Promise<readonly string[]> {
    return [...this.#tables.subjects.values()]
      .filter(({ subject, versions }) => subject.name === name && subject.context !== '.' && versions.length > 0)
      .map(({ subject }) => subject.context)
      .sort();
  }

  async contexts(): Promise<readonly string[]> {
    return [...this.#tables.contexts]
      .filter(([, context]) => context.present)
      .map(([name]) => name)
      .sort();
  }

  async names(
    context: string | undefined,
    after: SubjectName | undefined,
    limit: number,
  ): Promise<readonly NameInUse[]> {
    return [...this.#tables.subjects.values()]
      .map(({ subject, mode }): NameInUse => ({ ...subject, hasMode: mode !== null }))
      .filter((name) => context === undefined || name.context === context)
      .filter((name) => after === undefined || compareNames(name, after) > 0)
      .sort(compareNames)
      .slice(0, limit);
  }

  async configs(context: string | undefined, prefix: string) {
    return [...this.#tables.subjects.values()].flatMap(({ subject, config }) => {
      const inside = (context === undefined || subject.context === context) && subject.name.startsWith(prefix);
      return inside && config !== null ? [{ subject, config }] : [];
    });
  }

  async referrers(subject: SubjectName): Promise<readonly Referrer[]> {
    return referrersIn(this.#tables, subject);
  }

  async events(after: EventPosition | undefined, limit: number): Promise<EventsPage> {
    const { changes, revision, schemas } = this.#tables;
    const events = changes.flatMap(({ type, ...row }): RegistryEvent[] => {
      if (type === undefined || (after !== undefined && !isAfter(row, after))) return [];
      const schema = row.schemaId === null ? undefined : schemas.get(`${row.subject.context}/${row.schemaId}`);
      return [{ ...row, type, guid: schema?.content.guid ?? null, schemaType: schema?.content.schemaType ?? null }];
    });
    const { page, characters } = pageOf(events, limit);
    const caughtUp = page.length === events.length;
    const last = page.at(-1);
    return {
      events: page,
      caughtUp,
      characters,
      oldest: this.oldest(),
      next: caughtUp ? { revision, ordinal: AFTER_REVISION } : { revision: last!.revision, ordinal: last!.ordinal },
    };
  }

  /** The first revision whose events are kept. A subclass that keeps fewer shows that a reader notices. */
  protected oldest(): number {
    return 1;
  }

  async search(question: VersionSearch, after: SearchPosition | undefined, limit: number): Promise<SearchPage> {
    const { context, prefix, terms, versions } = question;
    const hits = [...this.#tables.subjects.values()]
      .filter(({ subject }) => subject.context === context && subject.name.startsWith(prefix))
      .sort((a, b) => (a.subject.name < b.subject.name ? -1 : 1))
      .flatMap((state) => {
        const live = state.versions.filter((row) => !row.deleted);
        const rows = {
          latest: live.slice(-1),
          live,
          deleted: state.versions.filter((row) => row.deleted),
          all: state.versions,
        }[versions];
        return rows.map((row) => ({ subject: state.subject, row }));
      })
      .filter(({ subject, row }) => {
        const known = this.#tables.terms.get(orderKey(subject, row.version)) ?? [];
        const holds = ({ kind, text }: SearchTerm) => known.some((one) => one.kind === kind && one.text === text);
        return terms.every(holds);
      })
      .filter(({ subject, row }) => {
        if (after === undefined || subject.name > after.name) return true;
        return subject.name === after.name && row.version > after.version;
      });
    const page = hits.slice(0, limit);
    const last = page.at(-1);
    const next = hits.length > limit && last ? { name: last.subject.name, version: last.row.version } : null;
    return { hits: page, next };
  }

  /** Nothing: there was no earlier release. */
  async unindexed(): Promise<readonly UnindexedVersion[]> {
    return [];
  }

  async index(): Promise<void> {
    // Whatever is there has its terms.
  }

  async appliedPlan(
    by: { readonly hash: string } | { readonly principal: string; readonly key: string },
  ): Promise<AppliedPlan | undefined> {
    return this.#tables.plans.find((plan) =>
      'hash' in by ? plan.hash === by.hash : plan.principal === by.principal && plan.key === by.key,
    );
  }

  async highestId(context: string): Promise<number> {
    return this.#tables.contexts.get(context)?.lastId ?? 0;
  }

  async associations(query: AssociationQuery): Promise<readonly Association[]> {
    return associationsIn(this.#tables, query);
  }

  async associationsOfResource(resourceId: string): Promise<ResourceAssociations> {
    return ofResource(this.#tables, resourceId);
  }

  async digests(subject: SubjectName): Promise<string | undefined> {
    return this.#tables.digests.get(subjectText(subject));
  }

  async apply(change: RegistryChange): Promise<AppliedChange> {
    // Facts go to a copy, which becomes the state only when all of them held.
    const next = copyOf(this.#tables);
    next.revision++;
    for (const { subject, revision } of change.expected) {
      if (stateIn(next, subject).revision !== revision) throw stateMoved(`Subject '${subjectText(subject)}'`);
    }
    if (change.resource !== undefined) {
      const now = ofResource(next, change.resource.resourceId);
      const same = now.associations.length === change.resource.associations.length;
      if (!same || now.revision !== change.resource.revision) throw stateMoved('The resource');
    }
    const ids = change.facts.flatMap((fact) => makeTrue(next, fact, change.at, this.isTaken) ?? []);
    requireVacancy(next, change);
    if (change.digests !== undefined) next.digests.set(subjectText(change.digests.subject), change.digests.text);
    if (change.plan !== undefined) next.plans.push({ ...change.plan, revision: next.revision, ids });
    this.#tables = next;
    return { revision: next.revision, ids };
  }

  /** Whether an id that stood for other content is refused. A subclass that gives ids twice shows that a test notices. */
  protected isTaken(): boolean {
    return true;
  }

  async counts(): Promise<{ subjects: number; versions: number; schemas: number }> {
    const held = [...this.#tables.subjects.values()].filter((state) => state.versions.length > 0);
    return {
      subjects: held.length,
      versions: held.reduce((sum, state) => sum + state.versions.length, 0),
      schemas: [...this.#tables.schemas.values()].filter((row) => !row.purged).length,
    };
  }
}

/** By code point: bytes of UTF-8 stand in the order of what they encode. */
function isBehind(name: string, other: string): boolean {
  return Buffer.compare(Buffer.from(name), Buffer.from(other)) > 0;
}

/** As many as are not too long together, one at least. */
function pageOf(events: readonly RegistryEvent[], limit: number) {
  let characters = 0;
  const page: RegistryEvent[] = [];
  for (const event of events.slice(0, limit)) {
    const length = event.value === null ? 0 : JSON.stringify(event.value).length;
    if (page.length > 0 && characters + length > MAX_CHARACTERS) break;
    characters += length;
    page.push(event);
  }
  return { page, characters };
}

function isAfter(a: EventPosition, b: EventPosition): boolean {
  return a.revision > b.revision || (a.revision === b.revision && a.ordinal > b.ordinal);
}
