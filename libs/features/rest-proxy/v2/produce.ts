import { Injectable } from '@nestjs/common';
import { Clock, type AppError } from '#libs/core/kernel';
import { Turns } from '#libs/core/records';
import type { MessagePart } from '#libs/core/registry';
import type { Principal } from '#libs/platform/auth';
import { turn, type BatchRoom } from '#libs/platform/http';
import { ClusterIds } from '../cluster-ids.js';
import type { EmbeddedFormat } from '../dialects.js';
import { badRequest, errorCodeOf, refusal, unhandled } from '../errors.js';
import { membersOf, type Members } from '../json-members.js';
import { plainBytes } from '../produce/data.js';
import { encodeWith } from '../produce/encode-with.js';
import { RecordsToWrite, type EncodedRecord } from '../produce/records-to-write.js';
import { ProduceSchemas, type ChosenSchema, type SchemaTypeWord } from '../produce/schemas.js';

const SCHEMA_MEMBERS = ['key_schema', 'key_schema_id', 'value_schema', 'value_schema_id'] as const;
const BODY = new Set(['records', ...SCHEMA_MEMBERS]);
const RECORD = new Set(['key', 'value', 'partition']);
const TYPES: Readonly<Partial<Record<EmbeddedFormat, SchemaTypeWord>>> = {
  avro: 'AVRO',
  jsonschema: 'JSONSCHEMA',
  protobuf: 'PROTOBUF',
};

/** What is answered (section 5.2): one entry for each record, in order. */
export interface V2Produced {
  readonly offsets: readonly {
    readonly partition: number | null;
    readonly offset: number | null;
    readonly error_code: number | null;
    readonly error: string | null;
  }[];
  readonly key_schema_id: number | null;
  readonly value_schema_id: number | null;
}

/** Producing in v2: one bad value refuses the whole request, what the broker refuses concerns one record. */
@Injectable()
export class V2Produce {
  constructor(
    private readonly clusters: ClusterIds,
    private readonly schemas: ProduceSchemas,
    private readonly writing: RecordsToWrite,
    private readonly clock: Clock,
  ) {}

  /** @param partition of the path; a record's own wins. @throws 400, 422 with the codes of section 2, what `room` refuses; nothing was written. */
  async produce(
    topic: string,
    format: EmbeddedFormat,
    body: unknown,
    options: {
      readonly partition?: number;
      readonly principal: Principal;
      readonly room: BatchRoom;
      readonly signal?: AbortSignal;
    },
  ): Promise<V2Produced> {
    if (body === undefined || body === null) throw refusal(422, 'produceJson.request must not be null (was null)');
    const members = membersOf(body, BODY);
    const given = members.list('records') ?? [];
    if (given.length === 0) throw refusal(422, 'produceJson.request.records must not be empty (was [])');
    const records = given.map((record) => membersOf(record, RECORD, 'a record'));
    const [key, value] = await this.#encoders(topic, format, members, records, options.principal);
    const turns = new Turns(this.clock, turn);
    const encoded: EncodedRecord[] = [];
    for (const record of records) {
      const partition = record.integer('partition') ?? options.partition;
      if (partition !== undefined && partition < 0) throw unhandled();
      const one = {
        key: await key.encode(record.raw('key') ?? null),
        value: await value.encode(record.raw('value') ?? null),
        headers: [],
        timestamp: undefined,
        partition,
      };
      options.room.add(one);
      encoded.push(one);
      if (turns.due) await turns.take(options.signal);
    }
    const cluster = await this.clusters.standard();
    const outcomes = await this.writing.write(cluster, topic, encoded, options.signal);
    return {
      offsets: outcomes.map((outcome) =>
        'error' in outcome
          ? { partition: null, offset: null, error_code: codeOf(outcome.error), error: outcome.error.message }
          : { partition: outcome.partition, offset: outcome.offset, error_code: null, error: null },
      ),
      key_schema_id: key.schemaId,
      value_schema_id: value.schemaId,
    };
  }

  async #encoders(
    topic: string,
    format: EmbeddedFormat,
    members: Members,
    records: readonly Members[],
    principal: Principal,
  ): Promise<readonly [PartEncoder, PartEncoder]> {
    const type = TYPES[format];
    if (type === undefined) {
      const plain = new PartEncoder(format === 'binary' ? 'BINARY' : 'JSON', undefined);
      return [plain, plain];
    }
    const choose = async (part: MessagePart, missing: number): Promise<PartEncoder> => {
      const text = members.text(`${part}_schema`);
      const id = members.integer(`${part}_schema_id`);
      if (text !== undefined && id !== undefined)
        throw badRequest(`Only one of ${part}_schema and ${part}_schema_id can be used.`);
      const used = records.some((record) => (record.raw(part) ?? null) !== null);
      if (used && text === undefined && id === undefined)
        throw refusal(missing, `Request includes ${part}s but does not include ${part} schema`);
      const under = { subject: undefined, strategy: 'TOPIC_NAME' } as const;
      if (text !== undefined)
        return new PartEncoder(
          type,
          await this.schemas.choose(topic, part, { ...under, by: 'text', type, text }, principal),
        );
      if (id === undefined) return new PartEncoder(type, undefined);
      return new PartEncoder(type, await this.schemas.choose(topic, part, { ...under, by: 'id', id }, principal));
    };
    return [await choose('key', 42_201), await choose('value', 42_202)];
  }
}

/** Encodes the keys, or the values, of a request. */
class PartEncoder {
  constructor(
    private readonly type: 'BINARY' | 'JSON' | SchemaTypeWord,
    private readonly schema: ChosenSchema | undefined,
  ) {}

  get schemaId(): number | null {
    return this.schema?.writer.schemaId ?? null;
  }

  async encode(data: unknown): Promise<Uint8Array | null> {
    if (data === null) return null;
    if (this.type === 'BINARY' || this.type === 'JSON') return plainBytes(this.type, data);
    return this.schema === undefined ? null : encodeWith(this.schema.writer, data);
  }
}

/** What may go well when it is tried again, and what will not. */
function codeOf(error: AppError): number {
  if (error.code === 'topic-not-found' || error.code === 'partition-not-found') return 50_003;
  return errorCodeOf(error) === 50_003 ? 50_003 : 50_002;
}
