import { isJsonObject, type JsonObject } from '#libs/core/kernel';
import type { RecordHeader } from '#libs/core/log';
import { exactText, parseExact, VALUE_DEPTH } from '#libs/core/schema';
import { undecodableRecord } from '../record-decoder.js';
import type { MergeRule } from './derivation.js';

/** The value of a record, with the headers that may name its schema. */
export interface RecordValue {
  readonly value: Uint8Array;
  readonly headers: readonly RecordHeader[];
}

/** Lays values that say a part of a state over the state before. Class and injection token in one; same values in, same bytes out. */
export abstract class ValueMerging {
  /**
   * The state after a partial value, in the language and schema of the partial one.
   * @throws `undecodable-record`, `value-does-not-fit-schema` where the whole is no value of that schema.
   */
  abstract merge(topic: string, known: RecordValue, partial: RecordValue, rule: MergeRule): Promise<RecordValue>;
}

/** Merges JSON text, every digit of its numbers kept. Schemas are unknown to it. */
export class JsonValueMerging extends ValueMerging {
  merge(topic: string, known: RecordValue, partial: RecordValue, rule: MergeRule): Promise<RecordValue> {
    const whole = mergeMembers(parsed(topic, known.value), parsed(topic, partial.value), rule);
    const text = exactText(whole, VALUE_DEPTH);
    if (text === undefined) return Promise.reject(undecodableRecord(topic, 'value', 'it is nested too deeply'));
    return Promise.resolve({ value: Buffer.from(text), headers: partial.headers });
  }
}

/** Lays `partial` over `known`. Neither is changed. Members of neither are looked up in a prototype. */
export function mergeMembers(known: unknown, partial: unknown, rule: MergeRule): unknown {
  if (partial === null && rule.nulls === 'keep') return known ?? null;
  if (!isObject(partial)) return partial;
  const whole = new Map<string, unknown>(isObject(known) ? Object.entries(known) : []);
  for (const [name, value] of Object.entries(partial)) {
    if (value === null && rule.nulls === 'keep' && whole.has(name)) continue;
    whole.set(name, mergeMembers(whole.get(name), value, rule));
  }
  return Object.fromEntries(whole);
}

/** Exact numbers are objects of a class of their own, and no members. */
function isObject(value: unknown): value is JsonObject {
  return isJsonObject(value as never);
}

function parsed(topic: string, bytes: Uint8Array): unknown {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  try {
    return parseExact(text, VALUE_DEPTH);
  } catch (cause) {
    throw undecodableRecord(topic, 'value', 'it is not JSON text, whose members could be merged', cause);
  }
}
