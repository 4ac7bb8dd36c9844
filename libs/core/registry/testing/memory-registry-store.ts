import { idsExhausted, notPermitted, stateMoved } from '../errors.js';
import {
  isSameAssociation,
  type Association,
  type SchemaEntry,
  type SchemaRecord,
  type SubjectState,
  type VersionRow,
} from '../model.js';
import { AFTER_REVISION, type EventPosition, type RegistryEvent, type RegistryEventType } from '../registry-event.js';
import {
  identityOf,
  RegistryStore,
  type AppliedChange,
  type AppliedPlan,
  type AssociationQuery,
  type EventsPage,
  type IdChoice,
  type KeptSchema,
  type ReferenceTarget,
  type Referrer,
  type RegistryChange,
  type RegistryFact,
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
  type VersionSearch,
} from '../store.js';
import type { SearchTerm } from '../search-terms.js';
import { sameSubject, subjectText, type SubjectName } from '../subject-name.js';

const MAX_ID = 2_147_483_647;

interface SchemaRow {
  readonly context: string;
  readonly id: number;
  readonly content: SchemaRecord;
  readonly targets: readonly ReferenceTarget[];
  readonly identity: string | null;
  readonly purged: boolean;
}

/** A line of the change log. Without a type it only says what caches must forget. */
interface LoggedChange {
  readonly revision: number;
  readonly ordinal: number;
  readonly at: number;
  readonly type: RegistryEventType | undefined;
  readonly subject: SubjectName;
  readonly version: number | null;
  readonly schemaId: number | null;
  readonly value: RegistryEvent['value'];
}

interface Tables {
  revision: number;
  readonly subjects: Map<string, SubjectState>;
  readonly schemas: Map<string, SchemaRow>;
  readonly contexts: Map<string, { lastId: number; present: boolean }>;
  associations: readonly { readonly association: Association; readonly revision: number }[];
  readonly changes: LoggedChange[];
  readonly plans: AppliedPlan[];
  readonly digests: Map<string, string>;
  readonly terms: Map<string, readonly SearchTerm[]>;
  /** Order in which versions were registered. */
  readonly order: Map<string, number>;
}

/** The registry's port over maps: the plainest thing that keeps its promises, for tests of what is built on it. Nothing survives the process. */
export class MemoryRegistryStore extends RegistryStore {
  #tables: Tables = {
    revision: 0,
    subjects: new Map(),
    schemas: new Map(),
    contexts: new Map(),
    associations: [],
    changes: [],
    plans: [],
    digests: new Map(),
    terms: new Map(),
    order: new Map(),
  };

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
        ? rows.flatMap(({ subject, schemaId: id }) => (id === null ? [] : [{ context: subject.context, id }]))
        : [],
      complete,
    };
  }

  async subjects(names: readonly SubjectName[]): Promise<SubjectsSnapshot> {
    return { revision: this.#tables.revision, states: names.map((name) => stateIn(this.#tables, name)) };
  }

  async schemas(context: string, ids: readonly number[]): Promise<SchemasSnapshot> {
    const { schemas, subjects, order, revision } = this.#tables;
    const entries = new Map<number, SchemaEntry>();
    for (const id of ids) {
      const row = schemas.get(`${context}/${id}`);
      if (row === undefined || row.purged) continue;
      const usages = [...subjects.values()]
        .filter((state) => state.subject.context === context)
        .flatMap(({ subject, versions }) =>
          versions.filter((one) => one.schemaId === id).map((one) => ({ subject, ...one })),
        )
        .sort((a, b) => order.get(orderKey(a.subject, a.version))! - order.get(orderKey(b.subject, b.version))!)
        .map(({ subject, version, deleted, registeredAt }) => ({ subject, version, deleted, registeredAt }));
      entries.set(id, { schema: { context, id, ...row.content }, usages });
    }
    return { revision, entries };
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
    return ids.flatMap((id) => {
      const row = this.#tables.schemas.get(`${context}/${id}`);
      return row === undefined ? [] : [takenId(row)];
    });
  }

  async snapshot<T>(task: (snapshot: RegistrySnapshot) => Promise<T>): Promise<T> {
    return task(snapshotOf(copyOf(this.#tables)));
  }

  async list(context: string | undefined, prefix: string): Promise<readonly SubjectListing[]> {
    return [...this.#tables.subjects.values()]
      .filter(({ subject, versions }) => {
        const inside = context === undefined || subject.context === context;
        return inside && versions.length > 0 && subject.name.startsWith(prefix);
      })
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

  async names(context: string | undefined): Promise<readonly SubjectName[]> {
    const names = [...this.#tables.subjects.values()].map((state) => state.subject);
    return context === undefined ? names : names.filter((name) => name.context === context);
  }

  async configs(context: string | undefined, prefix: string) {
    return [...this.#tables.subjects.values()].flatMap(({ subject, config }) => {
      const inside = (context === undefined || subject.context === context) && subject.name.startsWith(prefix);
      return inside && config !== null ? [{ subject, config }] : [];
    });
  }

  async referrers(subject: SubjectName): Promise<readonly Referrer[]> {
    const { schemas, subjects } = this.#tables;
    const found: Referrer[] = [];
    for (const { context, id, targets } of schemas.values()) {
      const versions = new Set(targets.filter((one) => sameSubject(one.subject, subject)).map((one) => one.version));
      for (const target of versions) {
        for (const state of subjects.values()) {
          if (state.subject.context !== context) continue;
          for (const { schemaId, version, deleted } of state.versions) {
            if (schemaId === id)
              found.push({ context, schemaId: id, target, subject: state.subject, version, deleted });
          }
        }
      }
    }
    return found.sort((a, b) => (a.context === b.context ? a.schemaId - b.schemaId : a.context < b.context ? -1 : 1));
  }

  async events(after: EventPosition | undefined, limit: number): Promise<EventsPage> {
    const { changes, revision, schemas } = this.#tables;
    const events = changes.flatMap(({ type, ...row }): RegistryEvent[] => {
      if (type === undefined || (after !== undefined && !isAfter(row, after))) return [];
      const schema = row.schemaId === null ? undefined : schemas.get(`${row.subject.context}/${row.schemaId}`);
      return [{ ...row, type, guid: schema?.content.guid ?? null, schemaType: schema?.content.schemaType ?? null }];
    });
    const page = events.slice(0, limit);
    const caughtUp = page.length === events.length;
    const last = page.at(-1);
    return {
      events: page,
      caughtUp,
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

function makeTrue(tables: Tables, fact: RegistryFact, at: number, isTaken: () => boolean): number | undefined {
  switch (fact.type) {
    case 'version-registered':
      return register(tables, fact, at, isTaken);
    case 'version-soft-deleted':
      changeVersion(tables, fact, at, (row) => [{ ...row, deleted: true }]);
      return undefined;
    case 'version-restored':
      changeVersion(tables, fact, at, (row) => [{ ...row, deleted: false }]);
      return undefined;
    case 'version-purged': {
      const row = changeVersion(tables, fact, at, () => []);
      forgetUnused(tables, fact.subject.context, row.schemaId);
      tables.digests.delete(subjectText(fact.subject));
      return undefined;
    }
    case 'config-set':
      touch(tables, fact.subject, { config: fact.config }, { at, type: fact.type, value: fact.config });
      return undefined;
    case 'mode-set':
      touch(tables, fact.subject, { mode: fact.mode }, { at, type: fact.type, value: fact.mode });
      return undefined;
    case 'registration-set':
      touch(tables, fact.subject, { registration: fact.policy }, { at, type: fact.type, value: fact.policy });
      return undefined;
    case 'ids-taken': {
      const context = tables.contexts.get(fact.context) ?? { lastId: 0, present: false };
      const lastId = Math.max(context.lastId, fact.upTo);
      tables.contexts.set(fact.context, { lastId, present: context.present || fact.listed });
      touch(tables, { context: fact.context, name: '' }, {}, { at });
      return undefined;
    }
    case 'id-retired':
      if (retire(tables, fact.context, fact.id, fact.content)) {
        touch(tables, { context: fact.context, name: '' }, {}, { at });
      }
      return undefined;
    case 'association-set':
    case 'association-removed': {
      const { association } = fact;
      const [gone, kept] = [true, false].map((replaced) =>
        tables.associations.filter(
          (row) =>
            (sameResource(row.association, association) ||
              (fact.type === 'association-set' && sameName(row.association, association))) === replaced,
        ),
      );
      const set = fact.type === 'association-set' ? [{ association, revision: tables.revision }] : [];
      tables.associations = [...kept!, ...set];
      for (const { association: lost } of gone!) {
        if (fact.type === 'association-set' && isSameAssociation(lost, association)) continue;
        touch(tables, lost.subject, {}, { at, type: 'association-removed', value: lost });
      }
      for (const { association: got } of set) touch(tables, got.subject, {}, { at, type: fact.type, value: got });
      return undefined;
    }
    case 'context-removed': {
      const context = tables.contexts.get(fact.context);
      if (context !== undefined) tables.contexts.set(fact.context, { ...context, present: false });
      touch(tables, { context: fact.context, name: '' }, {}, { at, type: fact.type });
      return undefined;
    }
  }
}

function register(
  tables: Tables,
  fact: Extract<RegistryFact, { type: 'version-registered' }>,
  at: number,
  isTaken: () => boolean,
): number {
  const { subject, version, content, targets } = fact;
  const id = schemaRow(tables, subject.context, fact, isTaken);
  const state = stateIn(tables, subject);
  const replaced = state.versions.find((row) => row.version === version);
  const registeredAt = fact.registeredAt ?? at;
  const row: VersionRow = { version, schemaId: id, guid: content.guid, deleted: false, registeredAt };
  const versions = [...state.versions.filter((one) => one.version !== version), row];
  tables.order.set(orderKey(subject, version), tables.revision);
  tables.terms.set(orderKey(subject, version), fact.terms);
  const sorted = versions.sort((a, b) => a.version - b.version);
  touch(tables, subject, { versions: sorted }, { at, type: fact.type, version, schemaId: id });
  if (replaced !== undefined && replaced.schemaId !== id) {
    touch(tables, subject, {}, { at, type: 'version-replaced', version, schemaId: replaced.schemaId });
    forgetUnused(tables, subject.context, replaced.schemaId);
  }
  for (const target of targets) touch(tables, target.subject, {}, { at });
  return id;
}

function schemaRow(
  tables: Tables,
  context: string,
  { id: choice, content, targets }: { id: IdChoice; content: SchemaRecord; targets: readonly ReferenceTarget[] },
  isTaken: () => boolean,
): number {
  const identity = identityOf(content);
  const owner = ownerIn(tables, context, identity);
  if (choice.kind === 'known') {
    if (owner !== choice.id) throw stateMoved(`The id of schema ${content.guid}`);
    return choice.id;
  }
  if (choice.kind === 'shared') {
    if (owner === undefined) throw stateMoved(`The id of schema ${content.guid}`);
    return owner;
  }
  const space = tables.contexts.get(context) ?? { lastId: 0, present: true };
  if (choice.kind === 'new') {
    if (owner !== undefined && choice.collides !== true) throw stateMoved(`The id of schema ${content.guid}`);
    if (space.lastId >= MAX_ID) throw idsExhausted(context);
  }
  const id = choice.kind === 'given' ? choice.id : space.lastId + 1;
  const key = `${context}/${id}`;
  if (isTaken()) requireOwn(tables, context, id, content);
  const staysBehind = choice.kind === 'new' ? choice.collides === true : choice.secondary === true && owner !== id;
  if (owner !== undefined && !staysBehind) {
    const ownerKey = `${context}/${owner}`;
    tables.schemas.set(ownerKey, { ...tables.schemas.get(ownerKey)!, identity: null });
  }
  tables.schemas.set(key, { context, id, content, targets, identity: staysBehind ? null : identity, purged: false });
  tables.contexts.set(context, { lastId: Math.max(space.lastId, id), present: true });
  return id;
}

/** @throws `operation-not-permitted` when the id stands or stood for other content. */
function requireOwn(
  tables: Tables,
  context: string,
  id: number,
  content: Pick<SchemaRecord, 'guid' | 'schemaType'>,
): void {
  const present = tables.schemas.get(`${context}/${id}`);
  if (present === undefined || identityOf(present.content) === identityOf(content)) return;
  const place = context === '.' ? '' : `:${context}:`;
  throw notPermitted(`Overwrite new schema with id ${id} in context ${place} is not permitted.`);
}

/** @returns whether the id was unknown. */
function retire(
  tables: Tables,
  context: string,
  id: number,
  { guid, schemaType }: Pick<SchemaRecord, 'guid' | 'schemaType'>,
): boolean {
  requireOwn(tables, context, id, { guid, schemaType });
  const key = `${context}/${id}`;
  if (tables.schemas.has(key)) return false;
  const content = { guid, schemaType, text: '', references: [], metadata: null, ruleSet: null };
  tables.schemas.set(key, { context, id, content, targets: [], identity: null, purged: true });
  const space = tables.contexts.get(context) ?? { lastId: 0, present: false };
  tables.contexts.set(context, { ...space, lastId: Math.max(space.lastId, id) });
  return true;
}

function takenId({ id, content: { guid, schemaType }, purged }: SchemaRow): TakenId {
  return { id, guid, schemaType, purged };
}

function snapshotOf(tables: Tables): RegistrySnapshot {
  const rows = (context: string) =>
    [...tables.schemas.values()].filter((row) => row.context === context).sort((a, b) => a.id - b.id);
  return {
    revision: tables.revision,
    contexts: async () => {
      const names = [...tables.contexts.keys(), ...[...tables.subjects.values()].map((one) => one.subject.context)];
      return [...new Set(names)].sort(byCodePoint).map((name) => {
        const known = tables.contexts.get(name);
        return { name, lastId: known?.lastId ?? 0, listed: known?.present ?? false };
      });
    },
    subjects: async (context, after, limit) =>
      [...tables.subjects.values()]
        .filter(({ subject }) => subject.context === context)
        .filter(({ subject }) => after === undefined || byCodePoint(subject.name, after) > 0)
        .sort((a, b) => byCodePoint(a.subject.name, b.subject.name))
        .slice(0, limit),
    states: async (names) => names.map((name) => stateIn(tables, name)),
    schemas: async (context, ids) => {
      const live = rows(context).filter((row) => !row.purged && ids.includes(row.id));
      return new Map(
        live.map(({ id, content, identity }): [number, KeptSchema] => [
          id,
          { schema: { context, id, ...content }, primary: identity !== null },
        ]),
      );
    },
    associations: async (subjects) => associationsIn(tables, { subjects }),
    retired: async (context, after, limit) =>
      rows(context)
        .filter((row) => row.purged && row.id > after)
        .slice(0, limit)
        .map(takenId),
  };
}

function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function changeVersion(
  tables: Tables,
  { type, subject, version }: Extract<RegistryFact, { version: number }>,
  at: number,
  change: (row: VersionRow) => readonly VersionRow[],
): VersionRow {
  const { versions } = stateIn(tables, subject);
  const row = versions.find((one) => one.version === version);
  if (row === undefined) throw stateMoved(`Version ${version} of subject '${subjectText(subject)}'`);
  const after = versions.flatMap((one) => (one === row ? change(one) : [one]));
  touch(tables, subject, { versions: after }, { at, type, version, schemaId: row.schemaId });
  return row;
}

function forgetUnused(tables: Tables, context: string, id: number): void {
  const used = [...tables.subjects.values()].some(
    (state) => state.subject.context === context && state.versions.some((row) => row.schemaId === id),
  );
  const key = `${context}/${id}`;
  const row = tables.schemas.get(key);
  if (used || row === undefined) return;
  tables.schemas.set(key, { ...row, targets: [], identity: null, purged: true });
  if (row.identity === null) return;
  const heirs = [...tables.schemas.values()].filter(
    (one) => one.context === context && !one.purged && identityOf(one.content) === row.identity,
  );
  const heir = heirs.sort((a, b) => b.id - a.id)[0];
  if (heir !== undefined) tables.schemas.set(`${context}/${heir.id}`, { ...heir, identity: row.identity });
}

function touch(
  tables: Tables,
  subject: SubjectName,
  changes: Partial<SubjectState>,
  log: Pick<LoggedChange, 'at'> & Partial<LoggedChange>,
): void {
  const { revision } = tables;
  const state = stateIn(tables, subject);
  tables.subjects.set(subjectText(subject), { ...state, ...changes, revision });
  const ordinal = tables.changes.filter((one) => one.revision === revision).length;
  const { at, type, version = null, schemaId = null, value = null } = log;
  tables.changes.push({ revision, ordinal, at, type, subject, version, schemaId, value });
}

function isAfter(a: EventPosition, b: EventPosition): boolean {
  return a.revision > b.revision || (a.revision === b.revision && a.ordinal > b.ordinal);
}

function sameResource(a: Association, b: Association): boolean {
  return a.resourceId === b.resourceId && a.resourceType === b.resourceType && a.associationType === b.associationType;
}

/** Whether both are of resources of the same name with the same subject. */
function sameName(a: Association, b: Association): boolean {
  return inOrder(a, b) === 0;
}

function inOrder(a: Association, b: Association): number {
  const key = (one: Association) => [
    one.resourceName,
    one.resourceNamespace,
    one.resourceType,
    one.associationType,
    one.subject.context,
    one.subject.name,
  ];
  const other = key(b);
  const at = key(a).findIndex((part, i) => part !== other[i]);
  return at < 0 ? 0 : key(a)[at]! < other[at]! ? -1 : 1;
}

function associationsIn(tables: Tables, query: AssociationQuery): readonly Association[] {
  return tables.associations
    .map((row) => row.association)
    .filter((one) =>
      'subjects' in query
        ? query.subjects.some((subject) => sameSubject(subject, one.subject))
        : query.resourceName === one.resourceName &&
          (query.resourceNamespace ?? one.resourceNamespace) === one.resourceNamespace,
    )
    .sort(inOrder);
}

function ofResource(tables: Tables, resourceId: string): ResourceAssociations {
  const rows = tables.associations.filter((row) => row.association.resourceId === resourceId);
  return {
    resourceId,
    revision: Math.max(0, ...rows.map((row) => row.revision)),
    associations: rows.map((row) => row.association).sort(inOrder),
  };
}

function stateIn(tables: Tables, subject: SubjectName): SubjectState {
  const state = tables.subjects.get(subjectText(subject));
  return state ?? { subject, revision: 0, config: null, mode: null, registration: null, versions: [] };
}

function ownerIn(tables: Tables, context: string, identity: string): number | undefined {
  return [...tables.schemas.values()].find((row) => row.context === context && row.identity === identity)?.id;
}

function orderKey(subject: SubjectName, version: number): string {
  return `${subjectText(subject)}/${version}`;
}

function copyOf(tables: Tables): Tables {
  return {
    revision: tables.revision,
    subjects: new Map(tables.subjects),
    schemas: new Map(tables.schemas),
    contexts: new Map(tables.contexts),
    associations: tables.associations,
    changes: [...tables.changes],
    plans: [...tables.plans],
    digests: new Map(tables.digests),
    terms: new Map(tables.terms),
    order: new Map(tables.order),
  };
}
