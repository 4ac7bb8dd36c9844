import { REGISTRY_EVENTS, type EventPosition, type EventsPage } from '#libs/core/registry';
import { registryEvent, type EventRow } from './registry-rows.js';
import { list } from './statement.js';
import type { SqlSession } from './sql-store.js';

/** Characters of values in one page. Settings may be as long as a request may, and all of a page is parsed before anything else happens. */
const MAX_CHARACTERS = 2 * 1024 * 1024;

type MeasuredRow = Omit<EventRow, 'value'> & { readonly characters: number };
type ValueRow = Pick<EventRow, 'revision' | 'ordinal' | 'value'>;

/** Events after a place, in their order: as many as are asked for, or as many as are not too long together, one at least. */
export async function readEvents(
  session: Pick<SqlSession, 'all'>,
  from: EventPosition,
  limit: number,
): Promise<Pick<EventsPage, 'events' | 'characters' | 'caughtUp'>> {
  // What the feed does not tell stands between what it does, so kinds are chosen and places are compared in one go.
  const measured = await session.all<MeasuredRow>(
    `select c.revision, c.ordinal, c.at, c.kind, c.context, c.subject, c.version, c.schema_id, coalesce(length(c.value), 0) as characters,
       s.guid, s.schema_type
     from registry_changes c left join registry_schemas s on s.context = c.context and s.id = c.schema_id
     where (c.revision, c.ordinal) > (?, ?) and c.kind in (${list(REGISTRY_EVENTS.length)})
     order by c.revision, c.ordinal limit ?`,
    [from.revision, from.ordinal, ...REGISTRY_EVENTS, limit + 1],
  );
  let characters = 0;
  const beyond = measured.findIndex((row, i) => {
    characters += row.characters;
    return i > 0 && (i === limit || characters > MAX_CHARACTERS);
  });
  const page = beyond < 0 ? measured : measured.slice(0, beyond);
  const values = await valuesIn(session, page);
  return {
    events: page.map((row) => registryEvent({ ...row, value: values.get(placeOf(row)) ?? null })),
    characters: page.reduce((sum, row) => sum + row.characters, 0),
    caughtUp: beyond < 0,
  };
}

/** By place. The events stand in one stretch, and what the feed does not tell has no value. */
async function valuesIn(
  session: Pick<SqlSession, 'all'>,
  page: readonly MeasuredRow[],
): Promise<ReadonlyMap<string, string | null>> {
  const first = page.find((row) => row.characters > 0);
  const last = page.findLast((row) => row.characters > 0);
  if (first === undefined || last === undefined) return new Map();
  const rows = await session.all<ValueRow>(
    `select revision, ordinal, value from registry_changes
     where (revision, ordinal) >= (?, ?) and (revision, ordinal) <= (?, ?) and value is not null`,
    [first.revision, first.ordinal, last.revision, last.ordinal],
  );
  return new Map(rows.map((row) => [placeOf(row), row.value]));
}

function placeOf({ revision, ordinal }: EventPosition): string {
  return `${revision}.${ordinal}`;
}
