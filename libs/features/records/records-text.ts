import type { ReadRecord, Turns } from '#libs/core/records';
import { roughLength, valueTextInTurns } from '#libs/core/schema';

/** Characters of a record that is written as text in one go. */
const AT_ONCE = 32 * 1024;

/** What a read answers. */
export interface RecordsAnswer {
  readonly records: readonly ReadRecord[];
  /** Cursor of the next page. */
  readonly next: string;
  readonly atEnd: boolean;
}

/**
 * The answer of a read as JSON text, the same that `JSON.stringify` gives, while others have their turn: a page of two million characters in small values takes 30 ms and more
 * in one go.
 * @throws the signal's reason.
 */
export async function recordsText(
  { records, next, atEnd }: RecordsAnswer,
  turns: Turns,
  signal?: AbortSignal,
): Promise<string> {
  const texts: string[] = [];
  for (const record of records) {
    const large = roughLength(record, AT_ONCE) > AT_ONCE;
    texts.push(large ? await valueTextInTurns(record, () => turns.take(signal)) : JSON.stringify(record));
    if (turns.due) await turns.take(signal);
  }
  return `{"records":[${texts.join(',')}],"next":${JSON.stringify(next)},"atEnd":${atEnd}}`;
}
