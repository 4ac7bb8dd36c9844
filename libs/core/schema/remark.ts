import type { Direction, SchemaSpot } from './format.js';
import type { SourcePosition } from './lossless-json.js';

/** What is told people of one place in two versions of a schema. Part of the wire shapes of the native API. */
export interface Remark {
  readonly ruleId: string;
  readonly direction: Direction;
  /** The earlier version it concerns; null for one that has no number. */
  readonly version: number | null;
  /** In the reader schema, in the reference's notation. */
  readonly path: string;
  /** The same place in names. */
  readonly place: string;
  /** What stood there in the earlier version, and what stands there in the new one. */
  readonly before: string | null;
  readonly after: string | null;
  readonly what: string;
  readonly breaks: string;
  /** Who runs into it. */
  readonly whom: string;
  readonly fix: string;
  /** Place in the text of the new schema, where it is there. */
  readonly position: SourcePosition | null;
}

/** The place in the earlier and in the new schema, which of reader and writer these are depending on the direction. */
export function sidesOf(
  { reader, writer }: { readonly reader: SchemaSpot | null; readonly writer: SchemaSpot | null },
  direction: Direction,
): Pick<Remark, 'before' | 'after' | 'position'> {
  const [before, after] = direction === 'new-reads-old' ? [writer, reader] : [reader, writer];
  return { before: before?.text || null, after: after?.text || null, position: after?.position ?? null };
}

/** Who reads in a direction, and what: the subject and the object of a sentence. */
export function readersOf(direction: Direction, version: number | null): readonly [consumers: string, records: string] {
  const old = version === null ? 'the earlier version' : `version ${version}`;
  return direction === 'new-reads-old'
    ? ['Consumers with the new schema', `records written with ${old}`]
    : [`Consumers still on ${old}`, 'records written with the new schema'];
}
