import type { Association, SchemaRecord, SubjectState } from '../model.js';
import type { RegistryEvent, RegistryEventType } from '../registry-event.js';
import type { AppliedPlan, AssociationQuery, ReferenceTarget, ResourceAssociations, TakenId } from '../store.js';
import type { SearchTerm } from '../search-terms.js';
import { sameSubject, subjectText, type SubjectName } from '../subject-name.js';

/** What the memory store holds, and the questions that several of its parts ask. */

/** A content under an id. `identity` is null where new versions with the content get another id. */
export interface SchemaRow {
  readonly context: string;
  readonly id: number;
  readonly content: SchemaRecord;
  readonly targets: readonly ReferenceTarget[];
  readonly identity: string | null;
  readonly purged: boolean;
}

/** A line of the change log. Without a type it only says what caches must forget. */
export interface LoggedChange {
  readonly revision: number;
  readonly ordinal: number;
  readonly at: number;
  readonly type: RegistryEventType | undefined;
  readonly subject: SubjectName;
  readonly version: number | null;
  readonly schemaId: number | null;
  readonly value: RegistryEvent['value'];
}

/** The state of a registry, all of it. */
export interface Tables {
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

/** The state of a registry that nobody has used. */
export function emptyTables(): Tables {
  return {
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
}

/** A copy that facts can go to without being seen. */
export function copyOf(tables: Tables): Tables {
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

/** The state of a subject or scope; that of an unknown one is empty. */
export function stateIn(tables: Tables, subject: SubjectName): SubjectState {
  const state = tables.subjects.get(subjectText(subject));
  return state ?? { subject, revision: 0, config: null, mode: null, registration: null, versions: [] };
}

/** The id that new versions with the content share. */
export function ownerIn(tables: Tables, context: string, identity: string): number | undefined {
  return [...tables.schemas.values()].find((row) => row.context === context && row.identity === identity)?.id;
}

/** The key of a version. */
export function orderKey(subject: SubjectName, version: number): string {
  return `${subjectText(subject)}/${version}`;
}

/** The row as the port tells it to whoever asks for ids. */
export function takenId({ id, content: { guid, schemaType }, purged }: SchemaRow): TakenId {
  return { id, guid, schemaType, purged };
}

/** Associations that a question asks for, in order. */
export function associationsIn(tables: Tables, query: AssociationQuery): readonly Association[] {
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

/** Associations of one resource, in order. */
export function ofResource(tables: Tables, resourceId: string): ResourceAssociations {
  const rows = tables.associations.filter((row) => row.association.resourceId === resourceId);
  return {
    resourceId,
    revision: Math.max(0, ...rows.map((row) => row.revision)),
    associations: rows.map((row) => row.association).sort(inOrder),
  };
}

/** By name of the resource, kind and subject: two that are equal here are of one name with one subject. */
export function inOrder(a: Association, b: Association): number {
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
