import type { KeptSchema, RegistrySnapshot } from '../store.js';
import { associationsIn, stateIn, takenId, type Tables } from './memory-registry-tables.js';

/** The port's snapshot over tables that nobody changes any more. */
export function snapshotOf(tables: Tables): RegistrySnapshot {
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
