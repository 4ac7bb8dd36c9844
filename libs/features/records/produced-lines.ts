import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AppError, Clock, isAppError } from '#libs/core/kernel';
import {
  formatPositionToken,
  type Durability,
  type PositionToken,
  type ProducedRecord,
  type ProduceOutcome,
} from '#libs/core/log';
import { Turns } from '#libs/core/records';
import { isStreamEnd, JsonParser, turn, type BatchRoom } from '#libs/platform/http';
import { MAX_LINE_BYTES, type Line } from './line-splitter.js';
import { parseProduceRequest, type GivenRecord, type ProduceQuery, type ProduceRequest } from './produce-request.js';
import { readRecordText } from './produce-text.js';
import { errorOf, resultOf } from './produced-view.js';
import type { ProducedView } from './record-shapes.js';
import { RecordsService } from './records.service.js';

/** Lines that are written at once, at most, and bytes of them. With an idempotency key as many exactly, so that a repetition is cut alike. */
const BATCH_LINES = 500;
const BATCH_BYTES = 1024 * 1024;
/** Values in one line, and levels of nesting. */
const LINE_LIMITS = { jsonValues: 150_000, jsonDepth: 32 };

export type LineResult = ProducedView['results'][number];

/** The last line of an answer. */
export interface LinesEnd {
  readonly end: {
    readonly records: number;
    readonly failed: number;
    /** How many were there before, by the idempotency key. */
    readonly replayed: number;
    readonly durability: Durability | null;
    readonly token: string | null;
    /** Why the rest of the lines was not read. */
    readonly error?: ReturnType<typeof errorOf>;
  };
}

/** Begins requests whose records are lines. */
@Injectable()
export class ProducedLines {
  constructor(
    private readonly records: RecordsService,
    private readonly clock: Clock,
  ) {}

  /** @throws `topic-not-found`, `topic-is-derived`, `invalid-request`. */
  async begin(
    cluster: string | undefined,
    topic: string,
    query: ProduceQuery,
    of: Pick<LinesRequest, 'key' | 'signal' | 'room'>,
  ): Promise<LinesWriting> {
    if (query.partition !== undefined) throw partitionIsOfALine();
    const { keyFormat, valueFormat, keySchemaId, valueSchemaId, keyMessage, valueMessage, schemaIn } = query;
    const formats = { keyFormat, valueFormat, keySchemaId, valueSchemaId, keyMessage, valueMessage, schemaIn };
    const none = parseProduceRequest({ ...formats, records: [{ value: null }] });
    await this.records.demandWritable(cluster, topic);
    const { durability } = query;
    return new LinesWriting(this.records, this.clock, { ...of, cluster, topic, durability, formats: none });
  }
}

interface LinesRequest {
  readonly cluster: string | undefined;
  readonly topic: string;
  readonly key: string | undefined;
  /** At least this level. */
  readonly durability: Durability | undefined;
  readonly signal: AbortSignal;
  /** For each batch of lines in its turn. */
  readonly room: BatchRoom;
  readonly formats: ProduceRequest;
}

/** One request: lines in, results out, in order. What cannot be read or encoded is refused by itself; what cannot be written at all ends it, so that order is kept. */
export class LinesWriting {
  readonly #parser = new JsonParser(LINE_LIMITS, 'exact');
  #waiting: Line[] = [];
  #bytes = 0;
  #batches = 0;
  #told = { records: 0, failed: 0, replayed: 0 };
  #durability: Durability | null = null;
  #token: PositionToken | undefined;
  #stopped: AppError | undefined;

  constructor(
    private readonly records: RecordsService,
    private readonly clock: Clock,
    private readonly request: LinesRequest,
  ) {}

  /** Whether no more lines are to be given. */
  get stopped(): boolean {
    return this.#stopped !== undefined;
  }

  /** Bytes of lines that wait to be written. */
  get waitingBytes(): number {
    return this.#bytes;
  }

  add(lines: readonly Line[]): void {
    for (const line of lines) {
      this.#waiting.push(line);
      this.#bytes += line.length;
    }
  }

  /** Writes what makes a batch; with `idle`, what is there. With an idempotency key only whole batches. */
  async write(idle: boolean): Promise<LineResult[]> {
    const results: LineResult[] = [];
    for (;;) {
      const keyed = this.request.key !== undefined;
      const count = this.#countOfBatch();
      if (this.stopped || count === 0 || (count === this.#waiting.length && !this.#isFull(count) && (keyed || !idle)))
        return results;
      const lines = this.#waiting.splice(0, count);
      for (const line of lines) this.#bytes -= line.length;
      results.push(...(await this.#batch(lines)));
    }
  }

  /** Writes the rest. */
  async finish(): Promise<LineResult[]> {
    const results = await this.write(true);
    if (this.stopped || this.#waiting.length === 0) return results;
    this.#bytes = 0;
    return [...results, ...(await this.#batch(this.#waiting.splice(0)))];
  }

  end(error = this.#stopped): LinesEnd {
    return {
      end: {
        ...this.#told,
        durability: this.#durability,
        token: this.#token === undefined ? null : formatPositionToken(this.#token),
        ...(error === undefined ? {} : { error: errorOf(error) }),
      },
    };
  }

  /** Lines of the next batch: as far as they fit, one at least. The cut depends on the lines alone, and not on how they arrived. */
  #countOfBatch(): number {
    let bytes = 0;
    for (const [at, line] of this.#waiting.entries()) {
      bytes += line.length;
      if (at === BATCH_LINES || (at > 0 && bytes > BATCH_BYTES)) return at;
    }
    return this.#waiting.length;
  }

  #isFull(count: number): boolean {
    return count === BATCH_LINES || this.#bytes > BATCH_BYTES;
  }

  async #batch(lines: readonly Line[]): Promise<LineResult[]> {
    const outcomes = new Array<ProduceOutcome>(lines.length);
    const given: GivenRecord[] = [];
    let places: number[] = [];
    const turns = new Turns(this.clock, turn);
    for (const [at, line] of lines.entries()) {
      const read = await this.#read(line);
      if (read instanceof AppError) outcomes[at] = { error: read };
      else {
        given.push(read);
        places.push(at);
      }
      if (turns.due) await turns.take(this.request.signal);
    }
    const encoded = await this.#encoded(given);
    const records = encoded.filter((one): one is ProducedRecord => !(one instanceof AppError));
    for (const [at, one] of encoded.entries()) if (one instanceof AppError) outcomes[places[at]!] = { error: one };
    places = places.filter((_, at) => !(encoded[at] instanceof AppError));
    const refused = records.length < lines.length;
    const number = this.#batches++;
    try {
      // Lines that cannot be sent again alike are not written under the key.
      if (this.request.key !== undefined && refused) throw lineRefused();
      if (records.length > 0) await this.#write(lines, number, records, places, outcomes);
    } catch (error) {
      if (!isAppError(error) || this.request.signal.aborted) throw error;
      this.#stopped = error;
      for (const at of places) outcomes[at] = { error };
    }
    this.request.room.clear();
    if (lines.includes('too-long')) this.#stopped ??= lineTooLong();
    this.#told.records += lines.length;
    this.#told.failed += outcomes.filter((outcome) => 'error' in outcome).length;
    return outcomes.map(resultOf);
  }

  async #write(
    lines: readonly Line[],
    number: number,
    records: readonly ProducedRecord[],
    places: readonly number[],
    outcomes: ProduceOutcome[],
  ): Promise<void> {
    const { cluster, topic, key, durability, signal } = this.request;
    const idempotency = key === undefined ? undefined : { key: `${key}\n${number}`, requestHash: hashOf(lines) };
    const produced = await this.records.write(cluster, topic, records, { idempotency, durability, signal });
    for (const [at, outcome] of produced.outcomes.entries()) outcomes[places[at]!] = outcome;
    if (produced.repeated) this.#told.replayed += records.length;
    this.#durability = produced.durability ?? this.#durability;
    const { token } = produced;
    if (token === undefined) return;
    const earlier = this.#token?.generation === token.generation ? this.#token.positions : [];
    this.#token = { ...token, positions: new Map([...earlier, ...token.positions]) };
  }

  /** The record of a line, or why it is none. */
  async #read(line: Line): Promise<GivenRecord | AppError> {
    if (line === 'too-long') return lineTooLong();
    try {
      const record = await this.#parser.scanned(line, readRecordText);
      return parseProduceRequest({ records: [record] }).records[0]!;
    } catch (error) {
      return refusalOf(error);
    }
  }

  /** All together, which is quicker; each by itself where one cannot be encoded. */
  async #encoded(given: readonly GivenRecord[]): Promise<readonly (ProducedRecord | AppError)[]> {
    const { topic, formats, room, signal } = this.request;
    if (given.length === 0) return [];
    try {
      return await this.records.encode(topic, { ...formats, records: given }, room, signal);
    } catch (error) {
      const refusal = refusalOf(error);
      if (given.length === 1) return [refusal];
      room.clear();
    }
    const encoded: (ProducedRecord | AppError)[] = [];
    for (const one of given) encoded.push(...(await this.#encoded([one])));
    return encoded;
  }
}

/** Why a line was refused. @throws what has nothing to do with it. */
function refusalOf(error: unknown): AppError {
  if (!isAppError(error) || error.kind === 'internal' || error.kind === 'unavailable' || isStreamEnd(error))
    throw error;
  return inOneSentence(error);
}

/** A result has a message alone: what is wrong stands in it. */
function inOneSentence(error: AppError): AppError {
  if (error.items.length === 0) return error;
  const items = error.items.map(({ path, message }) => `${path.replace('/records/0', '')} ${message}`.trim());
  return new AppError({ kind: error.kind, code: error.code, message: `${items.join('; ')}.`, cause: error });
}

function hashOf(lines: readonly Line[]): string {
  const hash = createHash('sha256');
  for (const line of lines) hash.update(line).update('\n');
  return hash.digest('base64url');
}

function lineTooLong(): AppError {
  return new AppError({
    kind: 'too-large',
    code: 'line-too-long',
    message: `A line is longer than ${MAX_LINE_BYTES} bytes.`,
    details: { limit: 'lineBytes', value: MAX_LINE_BYTES },
  });
}

function lineRefused(): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'line-refused',
    message:
      'Another line that would be written with this one was refused; with an idempotency key lines are written together.',
    hint: 'Mend the line and send all of them again with the same key: what was written is not written again.',
  });
}

function partitionIsOfALine(): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-request',
    message: 'Each line says its own partition; in the query it is for record batches as bytes.',
  });
}
