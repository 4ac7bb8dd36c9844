import { stateMoved, subjectText, type RegistryChange, type RegistryFact, type SubjectName } from '#libs/core/registry';
import { referencesWithVersions } from './registry-referrers.js';
import { list, pieces } from './statement.js';
import type { SqlSession } from './sql-store.js';

type Reading = Pick<SqlSession, 'dialect' | 'one'>;

/** Versions of one subject that a change deletes: softly, or for good. */
interface Gone {
  readonly subject: SubjectName;
  readonly deleted: number[];
  readonly purged: number[];
}

/**
 * Holds a change against what there is once its facts are true, inside its transaction: nothing that stays refers to what goes, and what is to be empty is.
 * @param breathe lets others have their turn where it is due. @throws `registry-state-moved`
 */
export async function requireVacancy(
  session: Reading,
  change: RegistryChange,
  breathe: () => Promise<void>,
): Promise<void> {
  if (change.unreferenced === true) {
    for (const gone of goneIn(change.facts)) await requireUnreferenced(session, gone, breathe);
  }
  if (change.vacates !== undefined) await requireVacant(session, change.vacates.context);
}

/** @throws `registry-state-moved` while the context, or any where none is named, holds a version. */
async function requireVacant(session: Reading, context: string | undefined): Promise<void> {
  const held =
    context === undefined
      ? await session.one('select 1 as held from registry_versions limit 1')
      : await session.one('select 1 as held from registry_versions where context = ? limit 1', [context]);
  if (held !== undefined) throw stateMoved(context === undefined ? 'The registry' : `Context '${context}'`);
}

async function requireUnreferenced(
  session: Reading,
  { subject, deleted, purged }: Gone,
  breathe: () => Promise<void>,
): Promise<void> {
  const select = `select 1 as held from ${referencesWithVersions(session.dialect)}
    where v.context = r.context and v.schema_id = r.schema_id and r.target_context = ? and r.target_subject = ? and r.target_version in`;
  const { context, name } = subject;
  for (const [versions, live] of [
    [deleted, ' and v.deleted = 0'],
    [purged, ''],
  ] as const) {
    for (const piece of pieces(versions)) {
      const held = await session.one(`${select} (${list(piece.length)})${live} limit 1`, [context, name, ...piece]);
      if (held !== undefined) throw stateMoved(`What refers to subject '${subjectText(subject)}'`);
      await breathe();
    }
  }
}

function goneIn(facts: readonly RegistryFact[]): readonly Gone[] {
  const bySubject = new Map<string, Gone>();
  for (const fact of facts) {
    if (fact.type !== 'version-soft-deleted' && fact.type !== 'version-purged') continue;
    const key = subjectText(fact.subject);
    const gone = bySubject.get(key) ?? { subject: fact.subject, deleted: [], purged: [] };
    bySubject.set(key, gone);
    (fact.type === 'version-purged' ? gone.purged : gone.deleted).push(fact.version);
  }
  return [...bySubject.values()];
}
