import { stateMoved } from '../errors.js';
import type { Referrer, RegistryChange } from '../store.js';
import { sameSubject, subjectText, type SubjectName } from '../subject-name.js';
import type { Tables } from './memory-registry-tables.js';

/** Versions that refer to versions of a subject. */
export function referrersIn({ schemas, subjects }: Tables, subject: SubjectName): readonly Referrer[] {
  const found: Referrer[] = [];
  for (const { context, id, targets } of schemas.values()) {
    const versions = new Set(targets.filter((one) => sameSubject(one.subject, subject)).map((one) => one.version));
    for (const target of versions) {
      for (const state of subjects.values()) {
        if (state.subject.context !== context) continue;
        for (const { schemaId, version, deleted } of state.versions) {
          if (schemaId === id) found.push({ context, schemaId: id, target, subject: state.subject, version, deleted });
        }
      }
    }
  }
  return found.sort((a, b) => (a.context === b.context ? a.schemaId - b.schemaId : a.context < b.context ? -1 : 1));
}

/** Holds a change against the tables in which its facts are true. @throws `registry-state-moved` */
export function requireVacancy(tables: Tables, { unreferenced, vacates, facts }: RegistryChange): void {
  for (const fact of unreferenced === true ? facts : []) {
    if (fact.type !== 'version-soft-deleted' && fact.type !== 'version-purged') continue;
    const held = referrersIn(tables, fact.subject).some(
      (one) => one.target === fact.version && (fact.type === 'version-purged' || !one.deleted),
    );
    if (held) throw stateMoved(`What refers to subject '${subjectText(fact.subject)}'`);
  }
  if (vacates === undefined) return;
  const held = [...tables.subjects.values()].some(
    ({ subject, versions }) => versions.length > 0 && subject.context === (vacates.context ?? subject.context),
  );
  if (held) throw stateMoved('What is to be empty');
}
