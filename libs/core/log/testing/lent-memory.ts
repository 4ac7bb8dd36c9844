import type { FetchedPartition } from '../engine.js';
import type { FetchMemory } from '../fetch-memory.js';

/** What stands in memory whose answer has ended: no batch begins like that, and no checksum fits. */
const SPOILED = 0xdd;

/**
 * Answers in the memory that readers lend, and spoils every answer when the next fetch begins, so that a reader which keeps records longer than it may is found out by
 * any test that looks at them.
 */
export class LentMemory {
  readonly #answers = new WeakMap<FetchMemory, Uint8Array>();

  /** A fetch begins. */
  begin(memory: FetchMemory | undefined): void {
    if (memory === undefined) return;
    this.#answers.get(memory)?.fill(SPOILED);
    this.#answers.delete(memory);
    memory.begin();
  }

  /** The answer, in the memory that was lent. */
  answered(fetched: readonly FetchedPartition[], memory: FetchMemory | undefined): readonly FetchedPartition[] {
    if (memory === undefined) return fetched;
    const bytes = fetched.reduce((sum, { batches }) => batches.reduce((all, batch) => all + batch.length, sum), 0);
    if (bytes === 0) return fetched;
    const piece = memory.take(bytes);
    memory.answer(piece);
    let at = 0;
    const lent = (batch: Uint8Array): Uint8Array => {
      piece.set(batch, at);
      at += batch.length;
      return piece.subarray(at - batch.length, at);
    };
    const answer = fetched.map((part) => ({ ...part, batches: part.batches.map(lent) }));
    this.#answers.set(memory, piece.subarray(0, bytes));
    return answer;
  }
}
