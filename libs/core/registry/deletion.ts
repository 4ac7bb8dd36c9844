import { associationForSubjectExists } from './association-errors.js';
import {
  noActiveVersion,
  schemaReferenced,
  subjectNotFound,
  subjectNotSoftDeleted,
  subjectSoftDeleted,
  versionNotFound,
  versionNotSoftDeleted,
  versionSoftDeleted,
} from './errors.js';
import {
  isLive,
  latestLive,
  type Association,
  type RegistryMode,
  type SubjectState,
  type VersionRow,
} from './model.js';
import { requireWritable } from './modes.js';
import type { Referrer, RegistryFact } from './store.js';
import { sameSubject, subjectText } from './subject-name.js';

export interface DeletionQuestion {
  readonly state: SubjectState;
  readonly mode: RegistryMode;
  /** Remove for good what has been softly deleted before. */
  readonly permanent: boolean;
  readonly referrers: readonly Referrer[];
  /** Of the subject. */
  readonly associations: readonly Association[];
}

/**
 * Deletes a subject (contract, endpoint 16). Soft deletion heeds live schemas of other subjects that refer to it, permanent deletion deleted ones too.
 * @returns the versions affected, ascending.
 */
export function decideSubjectDeletion(question: DeletionQuestion): {
  readonly versions: readonly number[];
  readonly facts: readonly RegistryFact[];
} {
  const { state, permanent } = question;
  const { subject, versions } = state;
  const name = subjectText(subject);
  if (versions.length === 0) throw subjectNotFound(name);
  if (!permanent && !versions.some(isLive)) throw subjectSoftDeleted(name);
  requireWritable(question.mode, subject);
  if (question.associations.length > 0) throw associationForSubjectExists(name);
  const affected = permanent ? versions : versions.filter(isLive);
  requireUnreferenced(question, affected, 'outside');
  if (permanent && versions.some(isLive)) throw subjectNotSoftDeleted(name);
  const facts = permanent
    ? removalOf(state)
    : affected.map(({ version }): RegistryFact => ({ type: 'version-soft-deleted', subject, version }));
  return { versions: affected.map((row) => row.version), facts };
}

/**
 * Removes a subject for good, live versions and all: what becomes of one that belongs to a resource when the resource goes.
 * @throws `schema-referenced` when a schema of another subject, deleted or not, refers to it.
 */
export function decideSubjectRemoval(question: Omit<DeletionQuestion, 'permanent'>): readonly RegistryFact[] {
  const { state } = question;
  requireUnreferenced({ ...question, permanent: true }, state.versions, 'outside');
  return removalOf(state);
}

function removalOf(state: SubjectState): readonly RegistryFact[] {
  const { subject, versions } = state;
  return [
    ...versions.map(({ version }): RegistryFact => ({ type: 'version-purged', subject, version })),
    ...settingsOf(state),
  ];
}

/** Soft deletion heeds live schemas that refer to one of the versions, permanent deletion deleted ones too. @throws `schema-referenced` naming the first that is held. */
function requireUnreferenced(
  { state: { subject }, permanent, referrers }: DeletionQuestion,
  rows: readonly VersionRow[],
  by: 'anybody' | 'outside',
): void {
  const held = new Set<number>();
  for (const one of referrers) {
    if ((permanent || !one.deleted) && (by === 'anybody' || !sameSubject(one.subject, subject))) held.add(one.target);
  }
  const found = rows.find(({ version }) => held.has(version));
  if (found !== undefined) throw schemaReferenced(subjectText(subject), found.version);
}

/** Deletes one version (contract, endpoint 23). @param asked the number, or `latest`. @returns the number. */
export function decideVersionDeletion(
  question: DeletionQuestion,
  asked: number | 'latest',
): { readonly version: number; readonly facts: readonly RegistryFact[] } {
  const { state, permanent } = question;
  const { subject, versions } = state;
  const name = subjectText(subject);
  const row = asked === 'latest' ? latestLive(state) : versions.find((one) => one.version === asked);
  if (row?.deleted && !permanent) throw versionSoftDeleted(name, row.version);
  if (versions.length === 0) throw subjectNotFound(name);
  if (row === undefined) throw versionNotFound(name, asked === 'latest' ? -1 : asked);
  requireWritable(question.mode, subject);
  const { version } = row;
  if (question.associations.length > 0) {
    if (permanent) throw associationForSubjectExists(name);
    if (!versions.some((one) => isLive(one) && one !== row)) throw noActiveVersion(name);
  }
  requireUnreferenced(question, [row], 'anybody');
  if (permanent && !row.deleted) throw versionNotSoftDeleted(name, version);
  return {
    version,
    facts: [
      { type: permanent ? 'version-purged' : 'version-soft-deleted', subject, version },
      ...(permanent && versions.length === 1 ? settingsOf(state) : []),
    ],
  };
}

/** Settings end with the last version. A context's own settings, stored under the empty name, do not belong to a subject. */
function settingsOf({ subject, config, mode }: SubjectState): readonly RegistryFact[] {
  if (subject.name === '') return [];
  return [
    ...(config === null ? [] : [{ type: 'config-set' as const, subject, config: null }]),
    ...(mode === null ? [] : [{ type: 'mode-set' as const, subject, mode: null }]),
  ];
}
