import { AppError, isJsonObject, measureJson, type JsonValue } from '#libs/core/kernel';
import { damaged } from './export-format.js';
import { isDumpKey, type DumpRecord } from './topic-dump.js';

const MAX_DEPTH = 64;
/** As many as a registration may have in its body: what was registered with more values than that was registered elsewhere. */
const MAX_VALUES = 10_000;

/** Looks at JSON text before it is parsed, so that code may walk what it stands for, and all of it without a rest. @throws `import-damaged`, `import-too-large` */
export function demandBounded(json: Uint8Array, line: number): void {
  const { depth, values } = measureJson(json);
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
export function dumpRecordFrom(text: string, number: number): DumpRecord | undefined {
  if (text.trim() === '') return undefined;
  const json = parsed(text);
  if (isJsonObject(json) && json['key'] !== undefined) {
    const value = json['value'] === undefined ? json['payload'] : json['value'];
    const { ts } = json;
    const at = typeof ts === 'number' && Number.isSafeInteger(ts) && ts >= 0 ? { at: ts } : {};
    return { ...whole(inner(json['key'], number), inner(value, number), number), ...at };
  }
  const tab = text.indexOf('\t');
  if (tab < 0)
    throw damaged(`line ${number} is no record: neither a key and a value with a tab between nor an object of both`);
  return whole(side(text.slice(0, tab), number), side(text.slice(tab + 1), number), number);
}

function whole(key: JsonValue, value: JsonValue, number: number): DumpRecord {
  if (isDumpKey(key)) return { key, value };
  throw damaged(`the key on line ${number} is none of the registry's`);
}

/** A side of a line that is text as it stands. */
function side(text: string, number: number): JsonValue {
  const trimmed = text.trim();
  // Tools print a tombstone as one of these, or as nothing.
  if (trimmed === '' || trimmed === 'null' || trimmed === 'NULL') return null;
  return fromText(trimmed, number);
}

/** A side that is a JSON value: it, or the JSON within a text. */
function inner(value: JsonValue | undefined, number: number): JsonValue {
  return typeof value === 'string' ? fromText(value, number) : (value ?? null);
}

function fromText(text: string, number: number): JsonValue {
  const within = text.startsWith('{') || text.startsWith('"') ? text : decoded(text);
  // A text within a line, or base64, was one string when the line was looked at.
  demandBounded(Buffer.from(within), number);
  const json = parsed(within);
  if (typeof json === 'string' && json !== text) return fromText(json, number);
  if (isJsonObject(json)) return json;
  throw damaged(`a side of line ${number} is neither JSON nor base64 of it`);
}

function decoded(text: string): string {
  return /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64').toString('utf8') : '';
}

function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
