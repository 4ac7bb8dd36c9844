import {
  TERM_KINDS,
  type SearchPage,
  type SearchPosition,
  type SearchTerm,
  type SubjectName,
  type TermKind,
  type UnindexedVersion,
  type VersionSearch,
} from '#libs/core/registry';
import { versionRow, type VersionRowData } from './registry-rows.js';
import type { SqlSession, SqlValue } from './sql-store.js';
import { pairs, pieces } from './statement.js';

/** Rows in one insert at most; few different statements are prepared. */
const TERMS_AT_ONCE = 40;
/** Candidates looked at in one step, growing while too few of them match, and in all for one page. */
const FIRST_STEP = 4;
const MAX_STEP = 1_000;
const MAX_SCANNED = 2_000;

/** Greater than any name: the highest code point, which names cannot begin with alone. */
const END = '\u{10ffff}';

export async function insertTerms(
  session: SqlSession,
  { context, name }: SubjectName,
  version: number,
  terms: readonly SearchTerm[],
): Promise<void> {
  for (const piece of pieces(terms, TERMS_AT_ONCE)) {
    await session.run(
      `insert into registry_terms (kind, term, context, subject, version)
       select cast(t.column1 as integer), t.column2, ?, ?, cast(? as integer) from (${pairs(piece.length)}) t`,
      [context, name, version, ...piece.flatMap(({ kind, text }) => [String(kindNumber(kind)), text])],
    );
  }
}

/** @param stored the terms as they stand with the version; null where it has none yet. */
export async function deleteTerms(
  session: SqlSession,
  { context, name }: SubjectName,
  version: number,
  stored: string | null,
): Promise<void> {
  for (const [kind, text] of JSON.parse(stored ?? '[]') as [number, string][]) {
    await session.run(
      'delete from registry_terms where kind = ? and term = ? and context = ? and subject = ? and version = ?',
      [kind, text, context, name, version],
    );
  }
}

/** Terms as they stand with their version, so that they can be taken away again. */
export function termsText(terms: readonly SearchTerm[]): string {
  return JSON.stringify(terms.map(({ kind, text }) => [kindNumber(kind), text]));
}

/** Adds terms to a version that has none and still carries the schema. */
export async function indexVersion(
  session: SqlSession,
  { subject, version, schemaId, terms }: UnindexedVersion & { readonly terms: readonly SearchTerm[] },
): Promise<void> {
  const marked = await session.run(
    `update registry_versions set terms = ? where context = ? and subject = ? and version = ? and schema_id = ? and terms is null`,
    [termsText(terms), subject.context, subject.name, version, schemaId],
  );
  if (marked > 0) await insertTerms(session, subject, version, terms);
}

/**
 * One page of a search. Candidates come from an index in the order of the answer: those of one term, or else subjects or versions by name. The other conditions
 * are put to each, so what is looked at for one page is bounded and does not grow with the registry.
 */
export async function searchVersions(
  session: SqlSession,
  question: VersionSearch,
  after: SearchPosition | undefined,
  limit: number,
): Promise<SearchPage> {
  const conditions = conditionsOf(question);
  const hits: VersionRowData[] = [];
  let from = after;
  for (let scanned = 0, step = limit * FIRST_STEP; ; step *= 2) {
    const many = Math.min(step, MAX_STEP);
    const candidates = candidatesFrom(question, from);
    hits.push(
      ...(await session.all<VersionRowData>(
        `select v.context, v.subject, v.version, v.schema_id, v.guid, v.deleted, v.registered_at
         from (${candidates.sql} limit ?) c cross join registry_versions v
         where v.context = ? and v.subject = c.subject and ${conditions.sql} order by v.subject, v.version limit ?`,
        [...candidates.values, many, question.context, ...conditions.values, limit + 1 - hits.length],
      )),
    );
    if (hits.length > limit) return { hits: hits.slice(0, limit).map(hit), next: positionOf(hits[limit - 1]!) };
    const last = await session.one<CandidateRow>(`${candidates.sql} limit 1 offset ?`, [
      ...candidates.values,
      many - 1,
    ]);
    scanned += many;
    if (last === undefined) return { hits: hits.map(hit), next: null };
    if (hits.length === limit || scanned >= MAX_SCANNED) return { hits: hits.map(hit), next: positionOf(last) };
    from = positionOf(last);
  }
}

interface CandidateRow {
  readonly subject: string;
  readonly version: number;
}

/** Part of a statement with what its placeholders stand for, in order. */
interface Fragment {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/** Candidates after a place in the order of the answer. A subject stands for its latest version, which is numbered 0 here. */
function candidatesFrom(
  { context, prefix, terms, versions }: VersionSearch,
  after: SearchPosition | undefined,
): Fragment {
  const from = after === undefined || after.name < prefix ? [prefix, -1] : [after.name, after.version];
  const place = [context, ...from, `${prefix}${END}`];
  const [first] = terms;
  if (first !== undefined) {
    return {
      sql: `select subject, version from registry_terms
            where kind = ? and term = ? and context = ? and (subject, version) > (?, ?) and subject <= ? order by subject, version`,
      values: [kindNumber(first.kind), first.text, ...place],
    };
  }
  if (versions === 'latest') {
    return {
      sql: `select name as subject, 0 as version from registry_subjects
            where context = ? and (name, 0) > (?, ?) and name <= ? order by name`,
      values: place,
    };
  }
  return {
    sql: `select subject, version from registry_versions
          where context = ? and (subject, version) > (?, ?) and subject <= ?${versions === 'deleted' ? ' and deleted = 1' : ''}
          order by subject, version`,
    values: place,
  };
}

/** Everything a candidate must be; `c` is the candidate, `v` a version of its subject. */
function conditionsOf({ terms, versions }: VersionSearch): Fragment {
  const [first, ...others] = terms;
  const conditions: string[] = [];
  const values: SqlValue[] = [];
  if (first === undefined && versions === 'latest') {
    conditions.push(
      `v.version = (select l.version from registry_versions l where l.context = v.context and l.subject = c.subject and l.deleted = 0
                    order by l.version desc limit 1)`,
    );
  } else {
    conditions.push('v.version = c.version');
    if (versions === 'deleted') conditions.push('v.deleted = 1');
    else if (versions !== 'all') conditions.push('v.deleted = 0');
    if (versions === 'latest') {
      conditions.push(
        `not exists (select 1 from registry_versions l where l.context = v.context and l.subject = v.subject
                     and l.version > v.version and l.deleted = 0)`,
      );
    }
  }
  for (const { kind, text } of others) {
    conditions.push(
      `exists (select 1 from registry_terms t where t.context = v.context and t.subject = v.subject and t.version = v.version
               and t.kind = ? and t.term = ?)`,
    );
    values.push(kindNumber(kind), text);
  }
  return { sql: conditions.join(' and '), values };
}

function hit(row: VersionRowData): SearchPage['hits'][number] {
  return { subject: { context: row.context, name: row.subject }, row: versionRow(row) };
}

function positionOf({ subject, version }: CandidateRow): SearchPosition {
  return { name: subject, version };
}

/** Kinds as numbers, since every key holds one. Part of the data: kinds are only ever added at the end. */
function kindNumber(kind: TermKind): number {
  return TERM_KINDS.indexOf(kind);
}
