import { AppError, isJsonObject, measureJsonInTurns, type JsonValue } from '#libs/core/kernel';
import { damaged } from './export-format.js';
import { isDumpKey, type DumpRecord } from './topic-dump.js';

const MAX_DEPTH = 64;
/** As many as a registration may have in its body: what was registered with more values than that was registered elsewhere. */
const MAX_VALUES = 10_000;
/** Bytes looked at without a rest. */
const MEASURED = 1_048_576;

/** Bytes from here on take so long that others have their turn between the steps of what is done with them. */
const LONG = 262_144;

/** Lets others go on between the steps of something long. */
export type Turn = () => Promise<void>;

/** Looks at JSON text before it is parsed, so that code may walk what it stands for, and all of it without a rest. @throws `import-damaged`, `import-too-large` */
export async function demandBounded(json: Uint8Array, line: number, turn: Turn): Promise<void> {
  const { depth, values } = await measureJsonInTurns(json, turn, MEASURED);
  if (depth > MAX_DEPTH) throw damaged(`line ${line} nests deeper than ${MAX_DEPTH} levels`);
  if (values <= MAX_VALUES) return;
  throw new AppError({
    kind: 'too-large',
    code: 'import-too-large',
    message: `Line ${line} holds ${values} JSON values; a line may hold ${MAX_VALUES}.`,
    hint: 'Leave the line out, or take out of it what no schema needs.',
    details: { limit: 'values of a line', value: MAX_VALUES, measured: values },
  });
}

/**
 * One line of a dump, as the usual tools print records: key and value separated by a tab (`kafka-console-consumer --property print.key=true`, `kcat -K '\t'`), or an object
 * with members `key` and `value` or `payload` (`kcat -J`, which tells the time of the record as `ts`). Either side is JSON, JSON within a text, or base64 of it; a value can be null.
 * @returns undefined for a blank line. @throws `import-damaged`, quoting nothing.
 */
export async function dumpRecordFrom(text: string, number: number, turn: Turn): Promise<DumpRecord | undefined> {
  if (text.trim() === '') return undefined;
  const json = parsed(text);
  if (isJsonObject(json) && json['key'] !== undefined) {
    const value = json['value'] === undefined ? json['payload'] : json['value'];
    const { ts } = json;
    const at = typeof ts === 'number' && Number.isSafeInteger(ts) && ts >= 0 ? { at: ts } : {};
    await restAfter(text, turn);
    return { ...whole(await inner(json['key'], number, turn), await inner(value, number, turn), number), ...at };
  }
  const tab = text.indexOf('\t');
  if (tab < 0)
    throw damaged(`line ${number} is no record: neither a key and a value with a tab between nor an object of both`);
  await restAfter(text, turn);
  return whole(await side(text.slice(0, tab), number, turn), await side(text.slice(tab + 1), number, turn), number);
}

function whole(key: JsonValue, value: JsonValue, number: number): DumpRecord {
  if (isDumpKey(key)) return { key, value };
  throw damaged(`the key on line ${number} is none of the registry's`);
}

/** A side of a line that is text as it stands. */
async function side(text: string, number: number, turn: Turn): Promise<JsonValue> {
  const trimmed = text.trim();
  // Tools print a tombstone as one of these, or as nothing.
  if (trimmed === '' || trimmed === 'null' || trimmed === 'NULL') return null;
  return fromText(trimmed, number, turn);
}

/** A side that is a JSON value: it, or the JSON within a text. */
async function inner(value: JsonValue | undefined, number: number, turn: Turn): Promise<JsonValue> {
  return typeof value === 'string' ? fromText(value, number, turn) : (value ?? null);
}

async function fromText(text: string, number: number, turn: Turn): Promise<JsonValue> {
  const within = text.startsWith('{') || text.startsWith('"') ? text : decoded(text);
  await restAfter(within, turn);
  // A text within a line, or base64, was one string when the line was looked at.
  await demandBounded(Buffer.from(within), number, turn);
  await restAfter(within, turn);
  const json = parsed(within);
  await restAfter(within, turn);
  if (typeof json === 'string' && json !== text) return fromText(json, number, turn);
  if (isJsonObject(json)) return json;
  throw damaged(`a side of line ${number} is neither JSON nor base64 of it`);
}

function decoded(text: string): string {
  return /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64').toString('utf8') : '';
}

async function restAfter(text: string, turn: Turn): Promise<void> {
  if (text.length >= LONG) await turn();
}

function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
