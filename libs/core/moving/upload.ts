import { AppError, isAppError, type JsonObject, type JsonValue } from '#libs/core/kernel';
import { createHash } from 'node:crypto';
import { demandBounded, dumpRecordFrom, type Turn } from './dump-line.js';
import { DumpReading } from './dump-reading.js';
import { damaged, EXPORT_FORMAT, ExportReader } from './export-format.js';
import type { ImportStaging, StagingChange } from './staging.js';

export interface UploadLimits {
  /** Of everything that is posted. */
  readonly totalBytes: number;
  /** Of one line. */
  readonly entryBytes: number;
  readonly entries: number;
}

/** What was posted, once it is staged. */
export interface UploadFacts {
  readonly format: 'weir-registry' | 'topic-dump';
  /** Bytes, and their SHA-256 in hexadecimal. */
  readonly bytes: number;
  readonly sha256: string;
  readonly lines: number;
  /** Records of the dump by their type; those of types that are not known here as `other`. */
  readonly records: JsonObject;
  /** Lines that could not be used: how many, and the first of them with the reason. */
  readonly invalid: { readonly count: number; readonly first: readonly string[] };
}

/** Lines staged together, and bytes of them: they are in memory until then, and written in one go. */
const BATCH = 200;
const BATCH_BYTES = 1_048_576;
/** Lines from here on take so long that others have their turn between the steps of each. */
const LONG_LINE = 262_144;
const NEWLINE = 10;
const CARRIAGE_RETURN = 13;

/**
 * Stages what is posted while it arrives: a file that Weir exported, or a dump of a registry's topic, told apart by the first line. Memory holds a line and a batch at a
 * time.
 */
export class Upload {
  readonly #hash = createHash('sha256');
  readonly #reading = new DumpReading();
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #bytes = 0;
  #lines = 0;
  #reader: ExportReader | 'dump' | undefined;
  #batch: StagingChange[] = [];
  #batchBytes = 0;

  /** @param turn lets others go on; asked between the steps of a long line. */
  constructor(
    private readonly staging: ImportStaging,
    private readonly id: string,
    private readonly limits: UploadLimits,
    private readonly turn: Turn = async () => undefined,
  ) {}

  /**
   * Reads all of it and makes it complete.
   * @throws `import-damaged`, `import-format-unknown`, `import-too-large` naming the limit; what was staged so far is worthless then.
   */
  async read(chunks: AsyncIterable<Uint8Array>): Promise<UploadFacts> {
    for await (const chunk of chunks) await this.#take(chunk);
    if (this.#pendingBytes > 0) await this.#line(this.#joined());
    this.#batch.push(...this.#reading.conclusion());
    await this.#flush();
    if (this.#reader === undefined) throw damaged('it is empty');
    if (this.#reader !== 'dump') this.#reader.finish();
    const facts: UploadFacts = {
      format: this.#reader === 'dump' ? 'topic-dump' : EXPORT_FORMAT,
      bytes: this.#bytes,
      sha256: this.#hash.digest('hex'),
      lines: this.#lines,
      ...this.#reading.facts(),
    };
    await this.staging.complete(this.id, facts as unknown as JsonObject);
    return facts;
  }

  async #take(chunk: Uint8Array): Promise<void> {
    this.#bytes += chunk.length;
    this.#hash.update(chunk);
    if (this.#bytes > this.limits.totalBytes) throw tooLarge('importBytes', this.limits.totalBytes, this.#bytes);
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#keep(chunk.subarray(start, end));
      await this.#line(this.#joined());
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
  }

  #keep(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#pending.push(part);
    this.#pendingBytes += part.length;
    const { entryBytes } = this.limits;
    if (this.#pendingBytes > entryBytes) throw tooLarge('importEntryBytes', entryBytes, this.#pendingBytes);
  }

  #joined(): Uint8Array {
    const line = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending, this.#pendingBytes);
    this.#pending = [];
    this.#pendingBytes = 0;
    return line;
  }

  async #line(bytes: Uint8Array): Promise<void> {
    this.#lines++;
    if (this.#lines > this.limits.entries) throw tooLarge('importEntries', this.limits.entries, this.#lines);
    const long = bytes.length >= LONG_LINE;
    // A long line is written by itself: rows of a batch are written without a rest.
    if (long) await this.#flush();
    const line = bytes.at(-1) === CARRIAGE_RETURN ? bytes.subarray(0, -1) : bytes;
    const rest = async (): Promise<void> => {
      if (long) await this.turn();
    };
    const text = utf8(line, this.#lines);
    await rest();
    await demandBounded(line, this.#lines, this.turn);
    await rest();
    this.#batch.push(...(await this.#changes(line, text, rest)));
    this.#batchBytes += bytes.length;
    await rest();
    if (this.#batch.length >= BATCH || this.#batchBytes >= BATCH_BYTES) await this.#flush();
  }

  async #changes(line: Uint8Array, text: string, rest: Turn): Promise<readonly StagingChange[]> {
    const json = this.#reader === 'dump' ? undefined : parsed(text);
    await rest();
    this.#reader ??= json !== undefined && ExportReader.recognises(json) ? new ExportReader() : 'dump';
    try {
      if (this.#reader === 'dump') return await this.#dumped(text);
      if (json === undefined) throw damaged(`line ${this.#lines} is not JSON`);
      const entry = this.#reader.line(line, json);
      return entry === undefined ? [] : [{ type: 'put', entry }];
    } catch (error) {
      if (!isAppError(error, 'import-entry-invalid')) throw error;
      this.#reading.invalid(error.message);
      return [];
    }
  }

  async #dumped(text: string): Promise<readonly StagingChange[]> {
    const record = await dumpRecordFrom(text, this.#lines, this.turn);
    if (record === undefined) return [];
    return this.#reading.changes(record, `line ${this.#lines}`, record.at);
  }

  async #flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    if (batch.length > 0) await this.staging.write(this.id, batch);
  }
}

const strict = new TextDecoder('utf-8', { fatal: true });

function utf8(bytes: Uint8Array, line: number): string {
  try {
    return strict.decode(bytes);
  } catch {
    throw damaged(`line ${line} is not UTF-8`);
  }
}

function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

function tooLarge(limit: string, value: number, measured: number): AppError {
  return new AppError({
    kind: 'too-large',
    code: 'import-too-large',
    message: `What is posted exceeds the limit '${limit}' of ${value}: ${measured}.`,
    hint: `Raise limits.${limit}, or import from the registry itself or its topic.`,
    details: { limit, value, measured },
  });
}
