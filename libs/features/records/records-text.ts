import type { ReadRecord, Turns } from '#libs/core/records';
import { placeToCut, roughLength, valueTextInTurns } from '#libs/core/schema';

/** Characters of a record that is written as text in one go. */
const AT_ONCE = 32 * 1024;

/** Characters that are encoded in one go. */
const ENCODED_AT_ONCE = 256 * 1024;

/** What a read answers. */
export interface RecordsAnswer {
  readonly records: readonly ReadRecord[];
  /** Cursor of the next page. */
  readonly next: string;
  readonly atEnd: boolean;
}

/**
 * The answer of a read as JSON text in UTF-8, the same that `JSON.stringify` gives, while others have their turn: a page of two million characters in small values takes
 * 30 ms and more in one go, and bytes are sent as they are, where a text is encoded by whoever sends it.
 * @throws the signal's reason.
 */
export async function recordsText(
  { records, next, atEnd }: RecordsAnswer,
  turns: Turns,
  signal?: AbortSignal,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let texts: string[] = [];
  let characters = 0;
  for (const [index, record] of records.entries()) {
    const large = roughLength(record, AT_ONCE) > AT_ONCE;
    const text = large ? await valueTextInTurns(record, () => turns.take(signal)) : JSON.stringify(record);
    texts.push(index === 0 ? text : `,${text}`);
    characters += text.length;
    if (characters > AT_ONCE) {
      await addBytes(parts, texts.join(''), turns, signal);
      [texts, characters] = [[], 0];
    }
    if (turns.due) await turns.take(signal);
  }
  const end = `],"next":${JSON.stringify(next)},"atEnd":${atEnd}}`;
  return Buffer.concat([Buffer.from('{"records":['), ...parts, Buffer.from(`${texts.join('')}${end}`)]);
}

/** @param text without halves of pairs. */
async function addBytes(parts: Buffer[], text: string, turns: Turns, signal?: AbortSignal): Promise<void> {
  for (let at = 0; at < text.length;) {
    const to = placeToCut(text, at + ENCODED_AT_ONCE);
    parts.push(Buffer.from(text.slice(at, to)));
    at = to;
    if (turns.due) await turns.take(signal);
  }
}
