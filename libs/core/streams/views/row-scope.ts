import { isAppError, type JsonValue } from '#libs/core/kernel';
import type { TopicDescription } from '#libs/core/log';
import { RequestForm } from '../request-form.js';
import { millisOf } from './column-times.js';
import { toCell, type CellValue } from './column-type.js';
import { identityOf } from './fold.js';
import { groupIdentity } from './group-changes.js';
import { fieldsOf, sourcesOf, type ViewDefinition } from './view-definition.js';

/** Most keys that are named one by one. */
export const SCOPE_KEYS = 10_000;

/** The rows that are computed anew: of keys that are named, or of those that some records are of. */
export interface RowScope {
  /** Place of the topic in `sourcesOf`. */
  readonly source: number;
  /** Identities of rows; null for those of `records`. */
  readonly keys: readonly string[] | null;
  readonly records: RecordScope | null;
}

/** Records of one generation of a topic. */
export interface RecordScope {
  readonly generation: number;
  /** From an offset on, and before another one. */
  readonly partitions: readonly { readonly partition: number; readonly from: number; readonly to: number }[];
  /** Times of records, from and before, epoch milliseconds; null for any. */
  readonly sinceMs: number | null;
  readonly untilMs: number | null;
}

/** Why there is no scope of all rows. */
const ALL_ROWS =
  'all rows are another version, which is built beside this one and compared with it (POST /v1/views/{view}/versions/plans, weir view rebuild)';
const MEMBERS = ['topic', 'keys', 'partitions', 'range'] as const;
const RANGE = ['partition', 'from', 'to', 'since', 'until'] as const;

/**
 * Reads `{"keys": […]}`, `{"partitions": […]}` or `{"range": {partition, from, to, since, until}}`, each with `topic` (a topic, or the name of a join) where the view reads several.
 * @param describe the present generation of a topic @throws `invalid-view-rebuild-request`, all problems at once.
 */
export async function parseRowScope(
  view: ViewDefinition,
  given: JsonValue | undefined,
  describe: (topic: string) => Promise<{ readonly generation: number; readonly description: TopicDescription }>,
): Promise<RowScope> {
  const form = new RequestForm('view-rebuild');
  if (given === 'all') form.problem('scope', ALL_ROWS);
  const scope = form.object(given === 'all' ? {} : (given ?? null), 'scope', MEMBERS);
  const ways = (['keys', 'partitions', 'range'] as const).filter((way) => scope[way] !== undefined);
  if (ways.length !== 1 && given !== 'all')
    form.problem('scope', `must have one of keys, partitions and range: ${ALL_ROWS}`);
  const source = sourceOf(form, view, scope['topic']);
  const keys = form.list(scope['keys'], 'scope.keys', SCOPE_KEYS);
  if (scope['keys'] !== undefined && keys.length === 0) form.problem('scope.keys', 'must name a key');
  const identities = keys.map((key, place) => keyIdentity(form, view, source, key, `scope.keys[${place}]`));
  if (ways[0] === 'keys' || ways.length !== 1) {
    form.demandSound();
    return { source, keys: [...new Set(identities)], records: null };
  }
  const { generation, description } = await describe(sourcesOf(view)[source]!);
  const range = form.object(scope['range'], 'scope.range', RANGE);
  const numbers =
    scope['partitions'] === undefined ? undefined : form.list(scope['partitions'], 'scope.partitions', 100_000);
  const single = form.integer(range['partition'], 'scope.range.partition', 0, 100_000);
  const from = offsetOf(form, range['from'], 'scope.range.from');
  const to = offsetOf(form, range['to'], 'scope.range.to');
  if ((from !== undefined || to !== undefined) && single === undefined && description.partitions.length > 1)
    form.problem('scope.range.partition', 'must say of which partition the offsets are');
  const wanted = numbers ?? (single === undefined ? description.partitions.map((one) => one.partition) : [single]);
  const partitions = wanted.flatMap((number, place) => {
    const at = description.partitions.find((one) => one.partition === number);
    if (at === undefined) {
      form.problem(
        numbers === undefined ? 'scope.range.partition' : `scope.partitions[${place}]`,
        'is no partition of the topic',
      );
      return [];
    }
    const { partition, startOffset, endOffset } = at;
    return [{ partition, from: Math.max(startOffset, from ?? 0), to: Math.min(endOffset, to ?? endOffset) }];
  });
  const sinceMs = timeOf(form, range['since'], 'scope.range.since');
  const untilMs = timeOf(form, range['until'], 'scope.range.until');
  form.demandSound();
  return { source, keys: null, records: { generation, partitions, sinceMs, untilMs } };
}

function sourceOf(form: RequestForm, view: ViewDefinition, given: JsonValue | undefined): number {
  const topics = sourcesOf(view);
  if (given === undefined) {
    if (view.sources.length > 1) form.problem('scope.topic', `must name one of ${topics.join(', ')}`);
    return 0;
  }
  const places = topics.flatMap((topic, place) => (topic === given ? [place] : []));
  const join = view.joins.findIndex((one) => one.as === given);
  // A topic that is joined several times is several tables.
  const isMain = places[0] !== undefined && places[0] < view.sources.length;
  const source = isMain || places.length === 1 ? places[0]! : join < 0 ? -1 : view.sources.length + join;
  if (source >= 0) return source;
  const names = [...new Set(topics), ...view.joins.map((one) => one.as)];
  form.problem(
    'scope.topic',
    places.length > 1
      ? `is joined several times: name the join, one of ${places.map((place) => view.joins[place - view.sources.length]!.as).join(', ')}`
      : `must be one of ${names.join(', ')}`,
  );
  return 0;
}

/** The identity that a row has in its table: of events that of the group with these values of the key columns, else that of the record's key. */
function keyIdentity(form: RequestForm, view: ViewDefinition, source: number, key: JsonValue, at: string): string {
  const isMain = source < view.sources.length;
  if (!isMain || view.mode === 'latest')
    return `${isMain && view.sources.length > 1 ? `${source}:` : ''}${identityOf(key)}`;
  const columns = fieldsOf(view);
  const values = columns.length === 1 && !Array.isArray(key) ? [key] : key;
  if (!Array.isArray(values) || values.length !== columns.length) {
    form.problem(at, `must be a list of ${columns.map((column) => column.name).join(', ')}`);
    return '';
  }
  const cells = columns.map((column, place): CellValue => {
    try {
      return toCell(column.origin, values[place]);
    } catch (error) {
      if (!isAppError(error)) throw error;
      form.problem(at, `${column.name}: ${error.message}`);
      return null;
    }
  });
  return groupIdentity(cells);
}

/** Offsets are text in JSON. */
function offsetOf(form: RequestForm, given: JsonValue | undefined, at: string): number | undefined {
  if (given === undefined || given === null) return undefined;
  const offset = typeof given === 'string' && /^\d{1,16}$/.test(given) ? Number(given) : given;
  return form.integer(offset, at, 0, Number.MAX_SAFE_INTEGER);
}

function timeOf(form: RequestForm, given: JsonValue | undefined, at: string): number | null {
  if (given === undefined || given === null) return null;
  const ms = typeof given === 'string' ? millisOf(given) : undefined;
  if (ms !== undefined) return ms;
  form.problem(at, 'must be a time such as 2026-01-31T00:00:00Z');
  return null;
}
