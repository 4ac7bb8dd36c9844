import { impossible } from '#libs/core/kernel';
import { type LogEngine, recordsFrom } from '#libs/core/log';
import { untilReadable } from '../partition-cursor.js';
import { type CopiedChunk, decodeChunk } from './chunk.js';

/** Where the reading of one source partition's offset map goes on. */
export interface MapCursor {
  readonly offset: number;
  readonly sequence: number;
}

export const MAP_START: MapCursor = { offset: 0, sequence: 0 };

/** How much of the map is fetched at a time. */
const FETCH_BYTES = 1024 * 1024;

/**
 * Reads the offset map of a copy: the chunks of each source partition, in order. The last chunk of a lane lies in its session's checkpoint
 * until the next commit; `lastOf` answers it.
 */
export class OffsetMap {
  constructor(
    private readonly engine: LogEngine,
    private readonly topic: string,
    private readonly lastOf: (source: number) => CopiedChunk | undefined,
  ) {}

  /**
   * The chunks from a cursor on, up to the last one committed when the call is made or later, each with the cursor behind it. The stored ones come first; a
   * chunk is never answered twice or left out, also while the copy goes on.
   */
  async *chunks(source: number, from: MapCursor = MAP_START): AsyncGenerator<readonly [CopiedChunk, MapCursor], void> {
    let { offset, sequence } = from;
    for (;;) {
      const last = this.lastOf(source);
      if (last === undefined || last.sequence < sequence) return;
      if (last.sequence === sequence) {
        yield [last, { offset, sequence: sequence + 1 }];
        sequence++;
        continue;
      }
      const [fetched] = await this.engine.fetch({
        positions: [{ topic: this.topic, partition: source, offset }],
        maxBytes: FETCH_BYTES,
      });
      if (fetched === undefined) return;
      const before = sequence;
      for (const record of recordsFrom(fetched, offset)) {
        const chunk = decodeChunk(record.value ?? new Uint8Array());
        offset = record.offset + 1;
        // Already answered from the checkpoint, before it moved here.
        if (chunk.sequence < sequence) continue;
        sequence = chunk.sequence + 1;
        yield [chunk, { offset, sequence }];
      }
      if (sequence === before && fetched.nextOffset <= offset) {
        if (await untilReadable(this.engine, this.topic, source, offset)) continue;
        impossible('the offset map ends before its last chunk', { topic: this.topic, source, sequence });
      }
      offset = Math.max(offset, fetched.nextOffset);
    }
  }
}
