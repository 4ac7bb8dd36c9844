import { referenceDeleted, subjectNotFound, versionNotFound } from './errors.js';
import type { RegistryMode, SubjectState, VersionRow } from './model.js';
import { requireWritable } from './modes.js';
import type { ReferenceTarget, RegistryFact } from './store.js';
import { sameSubject, subjectText } from './subject-name.js';

export interface RestorationQuestion {
  readonly state: SubjectState;
  readonly mode: RegistryMode;
  /** Undefined: every version that is softly deleted. */
  readonly versions: readonly number[] | undefined;
  /** What the version's schema refers to directly, and whether that is deleted now. */
  readonly references: (row: VersionRow) => Promise<readonly RestoredReference[]>;
}

export interface RestoredReference extends ReferenceTarget {
  readonly deleted: boolean;
}

/**
 * Takes back a soft deletion: the versions are live again, under their numbers and ids. Nothing is checked for compatibility: they were there before, and records
 * may have been written with them. Versions that are live already are left as they are.
 * @returns the versions that come back, ascending.
 * @throws `subject-not-found`, `version-not-found`, `operation-not-permitted`; `reference-deleted`, since a live version never refers to a deleted one.
 */
export async function decideRestoration(
  question: RestorationQuestion,
): Promise<{ readonly versions: readonly number[]; readonly facts: readonly RegistryFact[] }> {
  const { subject, versions: rows } = question.state;
  const name = subjectText(subject);
  if (rows.length === 0) throw subjectNotFound(name);
  const there = new Set(rows.map((row) => row.version));
  const unknown = question.versions?.find((version) => !there.has(version));
  if (unknown !== undefined) throw versionNotFound(name, unknown);
  const named = question.versions && new Set(question.versions);
  const back = rows.filter((row) => row.deleted && (named?.has(row.version) ?? true));
  const numbers = new Set(back.map((row) => row.version));
  if (back.length > 0) requireWritable(question.mode, subject);
  const comesBack = (target: ReferenceTarget) => sameSubject(target.subject, subject) && numbers.has(target.version);
  for (const row of back) {
    const missing = (await question.references(row)).find((target) => target.deleted && !comesBack(target));
    if (missing !== undefined) throw referenceDeleted(name, row.version, subjectText(missing.subject), missing.version);
  }
  return {
    versions: back.map((row) => row.version),
    facts: back.map(({ version }): RegistryFact => ({ type: 'version-restored', subject, version })),
  };
}
