import type { TopicState } from '#libs/core/log';
import type { SegmentState } from './segment.js';

/** A position of a group as it is stored: bound to the topic's number, so that a topic created again under the name does not inherit it. */
export interface StoredPosition {
  readonly topic: number;
  readonly partition: number;
  readonly offset: number;
  readonly metadata?: string;
}

/**
 * What a journal entry changes besides appending batches. Commands are facts that were decided before they were written: applying one never
 * fails and never looks at a clock, so that replay gives the state that was. Their JSON is part of the on-disk format. A replay passes over kinds it does not know, so a
 * kind that came after a release raises `LOG_FORMAT`: an older version must refuse a log whose facts it would lose.
 */
export type Command =
  | {
      readonly kind: 'topic-created';
      readonly number: number;
      readonly id: string;
      readonly name: string;
      readonly partitions: number;
      readonly config: readonly (readonly [string, string])[];
      readonly state: TopicState;
      readonly createdAtMs: number;
    }
  | {
      readonly kind: 'topic-configured';
      readonly topic: number;
      readonly changes: readonly (readonly [string, string | null])[];
    }
  | { readonly kind: 'partitions-added'; readonly topic: number; readonly partitions: number }
  | { readonly kind: 'topic-moved'; readonly topic: number; readonly state: TopicState }
  /** Whether positions may be stored in a topic. One that becomes ACTIVE takes them. */
  | { readonly kind: 'positions-opened'; readonly topic: number; readonly open: boolean }
  /** What partitions of one topic know of producers is known in those of another, and nothing else. */
  | { readonly kind: 'producers-carried'; readonly from: number; readonly to: number }
  | { readonly kind: 'topic-deleted'; readonly topic: number }
  | { readonly kind: 'positions-set'; readonly group: string; readonly positions: readonly StoredPosition[] }
  | { readonly kind: 'group-deleted'; readonly group: string }
  /** Members of a group agreed on a generation. */
  | { readonly kind: 'generation-raised'; readonly group: string; readonly generation: number }
  /** A group has no members any more; its generation is forgotten unless it has positions. */
  | { readonly kind: 'group-released'; readonly group: string }
  | { readonly kind: 'writer-opened'; readonly writer: string; readonly epoch: number }
  /** The writer's checkpoints are gone, and nothing of it is kept but that epochs rise. */
  | { readonly kind: 'writer-forgotten'; readonly writer: string }
  | {
      readonly kind: 'checkpoints-set';
      readonly writer: string;
      /** Values in base64; null removes the key. */
      readonly entries: readonly (readonly [string, string | null])[];
    }
  /** Producer ids below this may be given out. */
  | { readonly kind: 'producers-reserved'; readonly upTo: number }
  | {
      readonly kind: 'producer-named';
      readonly name: string;
      readonly producerId: number;
      readonly epoch: number;
      readonly openedAtMs: number;
    }
  | {
      /** What lies before the offset is gone: by retention, or on request. */
      readonly kind: 'start-moved';
      readonly topic: number;
      readonly partition: number;
      readonly offset: number;
    }
  | {
      /** Compaction put a segment in the place of others, which begin at these offsets and follow each other; or null where nothing of them stayed. */
      readonly kind: 'segments-compacted';
      readonly topic: number;
      readonly partition: number;
      readonly replaced: readonly number[];
      readonly by: SegmentState | null;
      /** Each key stands once at most before this offset. */
      readonly cleanUpTo: number;
    }
  | {
      readonly kind: 'retention-held';
      readonly hold: string;
      /** null: the hold is released. */
      readonly positions: readonly StoredPosition[] | null;
    }
  | {
      readonly kind: 'partition-degraded';
      readonly topic: number;
      readonly partition: number;
      readonly offset: number;
    };

const NOTHING = new Uint8Array();

export function encodeCommands(commands: readonly Command[]): Uint8Array {
  return commands.length === 0 ? NOTHING : Buffer.from(JSON.stringify(commands), 'utf8');
}

/** The text comes from under a checksum, so it is what `encodeCommands` made. */
export function decodeCommands(text: Uint8Array): readonly Command[] {
  if (text.length === 0) return [];
  return JSON.parse(Buffer.from(text.buffer, text.byteOffset, text.length).toString('utf8')) as Command[];
}
