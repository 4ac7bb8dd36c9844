import { Injectable } from '@nestjs/common';
import { Clock, isAppError, type AppError } from '#libs/core/kernel';
import { Turns } from '#libs/core/records';
import type { MessagePart } from '#libs/core/registry';
import type { Principal } from '#libs/platform/auth';
import { turn, type BatchRoom } from '#libs/platform/http';
import type { NamedCluster } from '../cluster-ids.js';
import { errorCodeOf, messageOf, refusal } from '../errors.js';
import { plainBytes } from '../produce/data.js';
import { encodeWith } from '../produce/encode-with.js';
import { RecordsToWrite, type EncodedRecord } from '../produce/records-to-write.js';
import { ProduceSchemas, type ChosenSchema, type SchemaChoice } from '../produce/schemas.js';
import { instantText, type GivenData, type GivenRecord } from './record-request.js';

/** What is answered about a record that was written; members in the order of the reference, which clients compare as text. */
export interface WrittenRecord {
  readonly cluster_id: string;
  readonly topic_name: string;
  readonly partition_id: number;
  readonly offset: number;
  readonly timestamp: string;
  readonly key?: PartFacts;
  readonly value?: PartFacts;
}

/** What is answered about a key or value that was given. */
export interface PartFacts {
  readonly type: string;
  readonly subject?: string;
  readonly schema_id?: number;
  readonly schema_version?: number;
  /** Bytes; −1 for null. */
  readonly size: number;
}

/** What is answered about a record that was not. */
export interface RefusedRecord {
  readonly error_code: number;
  readonly message: string;
}

export type RecordAnswer = WrittenRecord | RefusedRecord;

interface Encoded {
  readonly record: EncodedRecord;
  readonly facts: { readonly key?: PartFacts; readonly value?: PartFacts };
}

/** Records of v3, some at a time: each has its own answer (section 4). */
@Injectable()
export class V3Records {
  constructor(
    private readonly schemas: ProduceSchemas,
    private readonly writing: RecordsToWrite,
    private readonly clock: Clock,
  ) {}

  /**
   * @param records given, or why one cannot be read.
   * @returns one answer for each, in their order.
   * @throws what `room` refuses: none was written then.
   */
  async produce(
    cluster: NamedCluster,
    topic: string,
    records: readonly (GivenRecord | { readonly unread: AppError })[],
    principal: Principal,
    { room, signal }: { readonly room: BatchRoom; readonly signal?: AbortSignal },
  ): Promise<readonly RecordAnswer[]> {
    const encoder = new RecordEncoder(this.schemas, topic, principal);
    const turns = new Turns(this.clock, turn);
    const answers = new Array<RecordAnswer | undefined>(records.length);
    const ready: (Encoded & { readonly index: number })[] = [];
    for (const [index, given] of records.entries()) {
      if ('unread' in given) answers[index] = refused(given.unread);
      else {
        const encoded = await encoder.encode(given).catch(orThrow);
        if (isAppError(encoded)) answers[index] = refused(encoded);
        else {
          room.add(encoded.record);
          ready.push({ ...encoded, index });
        }
      }
      if (turns.due) await turns.take(signal);
    }
    const outcomes = await this.writing.write(
      cluster,
      topic,
      ready.map(({ record }) => record),
      signal,
    );
    room.clear();
    for (const [i, outcome] of outcomes.entries()) {
      const { index, facts } = ready[i]!;
      answers[index] =
        'error' in outcome
          ? refusedByBroker(topic, outcome.error)
          : {
              cluster_id: cluster.id,
              topic_name: topic,
              partition_id: outcome.partition,
              offset: outcome.offset,
              timestamp: instantText(outcome.timestamp),
              ...facts,
            };
    }
    return answers as RecordAnswer[];
  }
}

/** Encodes records one after another; what a schema choice stands for is looked up once for all of them. */
class RecordEncoder {
  readonly #chosen = new Map<string, Promise<ChosenSchema>>();

  constructor(
    private readonly schemas: ProduceSchemas,
    private readonly topic: string,
    private readonly principal: Principal,
  ) {}

  async encode({ key, value, headers, partition, timestamp }: GivenRecord): Promise<Encoded> {
    const encodedKey = key && (await this.#part('key', key));
    const encodedValue = value && (await this.#part('value', value));
    return {
      record: {
        key: encodedKey?.bytes ?? null,
        value: encodedValue?.bytes ?? null,
        headers,
        partition,
        timestamp,
      },
      facts: {
        ...(encodedKey && { key: encodedKey.facts }),
        ...(encodedValue && { value: encodedValue.facts }),
      },
    };
  }

  async #part(
    part: MessagePart,
    given: GivenData,
  ): Promise<{ readonly bytes: Uint8Array | null; readonly facts: PartFacts }> {
    if ('type' in given) {
      const bytes = plainBytes(given.type, given.data);
      return { bytes, facts: { type: given.type, size: bytes?.length ?? -1 } };
    }
    const { type, subject, version, writer } = await this.#schema(part, given.schema);
    const bytes = await encodeWith(writer, given.data);
    return {
      bytes,
      facts: { type, subject, schema_id: writer.schemaId, schema_version: version, size: bytes.length },
    };
  }

  #schema(part: MessagePart, choice: SchemaChoice): Promise<ChosenSchema> {
    const key = JSON.stringify([part, choice]);
    let chosen = this.#chosen.get(key);
    if (chosen === undefined) {
      chosen = this.schemas.choose(this.topic, part, choice, this.principal);
      this.#chosen.set(key, chosen);
    }
    return chosen;
  }
}

function orThrow(error: unknown): AppError {
  if (isAppError(error)) return error;
  throw error;
}

/** In a stream codes of 422 are that number alone, with the code in the text. */
export function refused(error: AppError): RefusedRecord {
  const code = errorCodeOf(error);
  const message = messageOf(error);
  if (code === 400 || code === 422) return { error_code: 400, message: `Bad Request: ${message}` };
  if (Math.floor(code / 100) === 422) return { error_code: 422, message: `Error: ${code} : ${message}` };
  return { error_code: code, message };
}

/** Errors of the broker have codes of their own here: a topic that is not there, one that takes no records from anybody. */
function refusedByBroker(topic: string, error: AppError): RefusedRecord {
  switch (error.code) {
    case 'topic-not-found':
      return refused(refusal(40_401, `Topic ${topic} not present in metadata.`));
    case 'partition-not-found':
      return refused(
        refusal(
          40_401,
          `Partition ${String(error.details['partition'])} of topic ${topic} with partition count ${String(error.details['partitions'])} is not present in metadata.`,
        ),
      );
    case 'batch-too-large':
      return refused(refusal(413, error.message));
    case 'topic-is-derived':
    case 'topic-frozen':
      return refused(refusal(40_301, error.message));
    default:
      return refused(error);
  }
}
