import type { JsonScanner } from '#libs/core/kernel';
import { WrittenJson, type Turn } from '#libs/core/records';
import { turn } from '#libs/platform/http';

/** Bytes of a request that are gone over before others may have their turn. */
const PIECE = 64 * 1024;

/** A member that takes long to be parsed, and where its value belongs. */
interface LongMember {
  readonly object: Record<string, unknown>;
  readonly name: string;
  readonly written: WrittenJson;
}

/**
 * The body of a request as `parseExact` gives it, but for the values of records: those are {@link WrittenJson}. Not yet known to be a request.
 * @throws SyntaxError, `json-too-deep`, `json-name-too-long`.
 */
export async function readProduceText(text: JsonScanner, turnWhenDue: Turn): Promise<unknown> {
  const long: LongMember[] = [];
  const holder: { body?: unknown } = {};
  if (text.next() !== OPEN_BRACE) readMember(text, holder, 'body', long);
  else {
    const body: Record<string, unknown> = (holder.body = {});
    text.enter();
    for (let name = text.nextMember(); name !== undefined; name = text.nextMember()) {
      if (name !== 'records' || text.next() !== OPEN_BRACKET) readMember(text, body, name, long);
      else body[name] = await readRecords(text, long, turnWhenDue);
    }
  }
  await parseLong(long, turnWhenDue);
  return holder.body;
}

/** One record, its value a {@link WrittenJson}. @throws as {@link readProduceText}. */
export async function readRecordText(text: JsonScanner): Promise<unknown> {
  const long: LongMember[] = [];
  const record = readRecord(text, long);
  await parseLong(long, turn);
  return record;
}

async function readRecords(
  text: JsonScanner,
  long: LongMember[],
  turnWhenDue: () => Promise<void>,
): Promise<readonly unknown[]> {
  const records: unknown[] = [];
  let since = text.at;
  text.enter();
  while (text.nextItem()) {
    records.push(readRecord(text, long));
    if (text.at - since < PIECE) continue;
    await turnWhenDue();
    since = text.at;
  }
  return records;
}

function readRecord(text: JsonScanner, long: LongMember[]): unknown {
  if (text.next() !== OPEN_BRACE) {
    // It is none; what it is does not matter.
    text.scan();
    return null;
  }
  const record: Record<string, unknown> = {};
  text.enter();
  for (let name = text.nextMember(); name !== undefined; name = text.nextMember()) {
    if (name === 'value') record[name] = WrittenJson.next(text);
    else readMember(text, record, name, long);
  }
  return record;
}

/** Adds the member whose value begins here. Every name is a member like any other. */
function readMember(text: JsonScanner, object: Record<string, unknown>, name: string, long: LongMember[]): void {
  const written = WrittenJson.next(text);
  if (written?.isLong === true) long.push({ object, name, written });
  const value = written === null || written.isLong ? null : written.valueNow();
  if (name === '__proto__') {
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  } else object[name] = value;
}

async function parseLong(long: readonly LongMember[], turn: Turn): Promise<void> {
  for (const { object, name, written } of long) {
    const value = await written.value(turn);
    // One of the same name may have come after it.
    if (object[name] === null) Object.defineProperty(object, name, { value });
  }
}

const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
