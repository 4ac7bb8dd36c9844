import { isLive, type Association, type RegistryMode, type SubjectState, type VersionRow } from './model.js';
import { isReadOnly } from './modes.js';
import type { Referrer, RegistryFact } from './store.js';
import { subjectText, type SubjectName } from './subject-name.js';

/** A subject with what is to go of it. */
export interface DoomedSubject {
  readonly state: SubjectState;
  readonly mode: RegistryMode;
  /** Numbers asked for, whether they are there or not; undefined: every version that can go. */
  readonly versions: readonly number[] | undefined;
  readonly referrers: readonly Referrer[];
  readonly associations: readonly Association[];
}

/** Why something cannot go. */
export interface DeletionBlock {
  readonly code:
    | 'subject-not-found'
    | 'version-not-found'
    | 'version-not-soft-deleted'
    | 'operation-not-permitted'
    | 'schema-referenced'
    | 'association-exists'
    | 'nothing-to-delete';
  readonly version: number | null;
  /** Who refers to the version and does not go with it. */
  readonly referrers: readonly { readonly subject: SubjectName; readonly version: number }[];
}

/** What would become of a subject. */
export interface DoomedVersions {
  readonly subject: SubjectName;
  /** What would go, ascending. */
  readonly versions: readonly number[];
  /** What would stay, ascending: live versions where only deleted ones go for good, deleted ones where live ones are deleted. */
  readonly kept: readonly number[];
  readonly blocks: readonly DeletionBlock[];
}

/**
 * What goes of many subjects at once, softly or for good. For good goes only what is softly deleted; what others refer to goes only together with them.
 * @returns one entry per subject, in their order; the facts only mean something where nothing is blocked.
 */
export function decideBulkDeletion(
  subjects: readonly DoomedSubject[],
  permanent: boolean,
): { readonly doomed: readonly DoomedVersions[]; readonly facts: readonly RegistryFact[] } {
  const chosen = subjects.map((one) => chosenRows(one, permanent));
  const goes = new Set(
    subjects.flatMap(({ state }, i) => chosen[i]!.map((row) => `${subjectText(state.subject)}/${row.version}`)),
  );
  const doomed = subjects.map((one, i) => doomedOf(one, chosen[i]!, permanent, goes));
  const facts = subjects.flatMap(({ state }, i) => factsOf(state, chosen[i]!, permanent));
  return { doomed, facts };
}

function chosenRows({ state, versions }: DoomedSubject, permanent: boolean): readonly VersionRow[] {
  const named = versions && new Set(versions);
  return state.versions.filter((row) => row.deleted === permanent && (named?.has(row.version) ?? true));
}

function doomedOf(
  { state, mode, versions, referrers, associations }: DoomedSubject,
  rows: readonly VersionRow[],
  permanent: boolean,
  goes: ReadonlySet<string>,
): DoomedVersions {
  const { subject } = state;
  const blocks: DeletionBlock[] = [];
  const block = (code: DeletionBlock['code'], version: number | null = null, by: readonly Referrer[] = []) =>
    blocks.push({ code, version, referrers: by.map((one) => ({ subject: one.subject, version: one.version })) });
  if (state.versions.length === 0) block('subject-not-found');
  else if (isReadOnly(mode)) block('operation-not-permitted');
  else if (rows.length === 0 && versions === undefined) block('nothing-to-delete');
  const byNumber = new Map(state.versions.map((row) => [row.version, row]));
  for (const version of state.versions.length === 0 ? [] : (versions ?? [])) {
    const row = byNumber.get(version);
    if (row === undefined) block('version-not-found', version);
    else if (permanent && !row.deleted) block('version-not-soft-deleted', version);
  }
  const holding = new Map<number, Referrer[]>();
  for (const one of referrers) {
    if ((!permanent && one.deleted) || goes.has(`${subjectText(one.subject)}/${one.version}`)) continue;
    const known = holding.get(one.target);
    if (known === undefined) holding.set(one.target, [one]);
    else known.push(one);
  }
  for (const { version } of rows) {
    const by = holding.get(version);
    if (by !== undefined) block('schema-referenced', version, by);
  }
  const going = new Set(rows);
  const leavesNone = !state.versions.some((row) => isLive(row) && !going.has(row));
  if (rows.length > 0 && associations.length > 0 && (permanent || leavesNone)) block('association-exists');
  return {
    subject,
    versions: rows.map((row) => row.version),
    kept: state.versions.filter((row) => !going.has(row)).map((row) => row.version),
    blocks,
  };
}

/** Settings end with the last version, as they do when a subject is deleted alone. */
function factsOf(
  { subject, versions, config, mode }: SubjectState,
  rows: readonly VersionRow[],
  permanent: boolean,
): readonly RegistryFact[] {
  const facts = rows.map(({ version }): RegistryFact => ({
    type: permanent ? 'version-purged' : 'version-soft-deleted',
    subject,
    version,
  }));
  if (!permanent || rows.length < versions.length || subject.name === '') return facts;
  if (config !== null) facts.push({ type: 'config-set', subject, config: null });
  if (mode !== null) facts.push({ type: 'mode-set', subject, mode: null });
  return facts;
}
