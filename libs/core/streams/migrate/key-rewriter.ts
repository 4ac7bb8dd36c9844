import { AppError, isAppError } from '#libs/core/kernel';
import type { LogRecord, RecordHeader } from '#libs/core/log';
import { KEY_SCHEMA_HEADER, parseExact, VALUE_DEPTH } from '#libs/core/schema';
import { type RawFormat, readRaw } from './raw-values.js';
import type { RecordValues, ValueFormat, ValueWriter } from './record-values.js';

/** How keys get another format. Plain data. */
export interface KeyRules {
  /** Keys that are any bytes, and how they are read; null: by the schema they name, otherwise as JSON text. */
  readonly raw: RawFormat | null;
  readonly format: ValueFormat;
}

/** A record's key in its new format. */
export type Rekeyed = Pick<LogRecord, 'key' | 'headers'>;

/**
 * Writes keys in another format. The same key always comes to the same bytes. What is neither of a schema nor JSON has to be declared as text or bytes: taken for what it looks like, two keys could become one.
 */
export class KeyRewriter {
  #writer: Promise<ValueWriter> | undefined;

  constructor(
    private readonly rules: KeyRules,
    private readonly values: RecordValues,
    private readonly topic: string,
  ) {}

  /** @throws `undecodable-key`, `key-does-not-fit-schema` for a key to blame; what keeps the work from being done. */
  async rewritten({ key, headers }: Rekeyed): Promise<Rekeyed> {
    if (key === null) return { key, headers };
    try {
      const { raw } = this.rules;
      const read =
        raw === null ? await this.values.read(this.topic, key, headers, 'key') : readRaw(this.topic, key, raw);
      demandJson(read.text);
      const written = await (await this.#writing()).write(read.text);
      const isNamed = read.schema?.inHeader === true;
      return { key: written.bytes, headers: isNamed ? withoutName(headers) : headers };
    } catch (error) {
      throw isAppError(error) && Object.hasOwn(BLAMED, error.code) ? blamed(error, BLAMED[error.code]!) : error;
    }
  }

  #writing(): Promise<ValueWriter> {
    this.#writer ??= this.values.writer(this.rules.format).catch((error: unknown) => {
      // One that could not be made is asked for again.
      this.#writer = undefined;
      throw error;
    });
    return this.#writer;
  }
}

/** What a key is to blame for, by what a value would be. */
const BLAMED: Readonly<Record<string, string>> = {
  'undecodable-record': 'undecodable-key',
  'value-does-not-fit-schema': 'key-does-not-fit-schema',
};

function blamed({ message }: AppError, code: string): AppError {
  return new AppError({ kind: 'unprocessable', code, message });
}

function demandJson(text: string): void {
  try {
    parseExact(text, VALUE_DEPTH);
  } catch {
    throw new AppError({
      kind: 'unprocessable',
      code: 'undecodable-record',
      message: 'The key is not JSON text; say key.source {"type": "raw", "encoding": "text"} where keys are text.',
    });
  }
}

function withoutName(headers: readonly RecordHeader[]): readonly RecordHeader[] {
  return headers.filter((one) => one.key !== KEY_SCHEMA_HEADER);
}
