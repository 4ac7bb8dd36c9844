import { isJsonObject, type JsonObject, type JsonValue } from '#libs/core/kernel';
import type { AddressedPart, ResolvedReference, SchemaSource } from '#libs/core/schema';
import { scanInvalid } from '../errors.js';

/** Where reading begins or ends: an offset of each partition, or the first record not older than a time (epoch ms). */
export type ReplayBound = { readonly offset: number } | { readonly timestampMs: number };

/** What somebody wants tried, with every default filled in. */
export interface ReplayRequest {
  readonly cluster: string | undefined;
  /** Logical. */
  readonly topic: string;
  readonly part: AddressedPart;
  readonly schemaType: string;
  readonly schema: string;
  readonly references: readonly { readonly name: string; readonly subject: string; readonly version: number }[];
  /** All of them when undefined. */
  readonly partitions: readonly number[] | undefined;
  readonly from: ReplayBound | undefined;
  readonly to: ReplayBound | undefined;
  /** Records before the end of each partition. */
  readonly last: number | undefined;
  /** Offsets looked at in all, the newest of each partition. */
  readonly records: number | undefined;
  /** Bytes of the part that are tried before the scan ends. */
  readonly bytes: number | undefined;
  /** Failures listed for each partition. */
  readonly failures: number;
}

/** Failures that are listed unless a request says otherwise. */
const FAILURES = 20;

/** @throws `scan-invalid`. */
export function replayRequest(json: JsonObject): ReplayRequest {
  const { cluster, topic, schema, schemaType, partitions, references } = json;
  if (typeof topic !== 'string' || topic === '') throw scanInvalid('topic is no name');
  if (typeof schema !== 'string' || schema === '') throw scanInvalid('schema is no text');
  if (json['last'] !== undefined && json['from'] !== undefined) {
    throw scanInvalid('last and from both say where reading begins', 'Give one of them.');
  }
  return {
    cluster: typeof cluster === 'string' ? cluster : undefined,
    topic,
    part: json['part'] === 'key' ? 'key' : 'value',
    schemaType: typeof schemaType === 'string' ? schemaType : 'AVRO',
    schema,
    references: (references ?? []) as unknown as ReplayRequest['references'],
    partitions: Array.isArray(partitions) ? [...new Set(partitions.map((one) => whole(one, 'partitions')))] : undefined,
    from: boundOf(json['from']),
    to: boundOf(json['to']),
    last: wholeIn(json, 'last'),
    records: wholeIn(json, 'records'),
    bytes: wholeIn(json, 'bytes'),
    failures: wholeIn(json, 'failures') ?? FAILURES,
  };
}

/** What a plan keeps of a candidate. What it refers to is kept too: numbers of versions can come to mean other schemas. */
export function candidateToJson({ schemaType, text, references, referencesKey }: SchemaSource): JsonObject {
  return { schemaType, text, references: references as unknown as JsonValue, referencesKey };
}

export function candidateOf(parameters: JsonObject): SchemaSource {
  const { schemaType, text, references, referencesKey } = parameters['candidate'] as {
    schemaType: string;
    text: string;
    references: unknown;
    referencesKey: string;
  };
  return { schemaType, text, references: references as readonly ResolvedReference[], referencesKey };
}

function boundOf(value: JsonValue | undefined): ReplayBound | undefined {
  if (!isJsonObject(value)) return undefined;
  const [offset, timestampMs] = [wholeIn(value, 'offset'), wholeIn(value, 'timestampMs')];
  if (offset !== undefined && timestampMs === undefined) return { offset };
  if (timestampMs !== undefined && offset === undefined) return { timestampMs };
  throw scanInvalid('a bound names no place, or two', 'Give {"offset": …} or {"timestampMs": …}.');
}

function wholeIn(json: JsonObject, member: string): number | undefined {
  return json[member] === undefined ? undefined : whole(json[member], member);
}

function whole(value: JsonValue, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw scanInvalid(`${what} is no whole number from 0`);
}
