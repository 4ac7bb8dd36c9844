import { isUtf8 } from 'node:buffer';
import type { Readable } from 'node:stream';
import { AppError, measureJson, type JsonValue } from '#libs/core/kernel';
import { INFERENCE_LIMITS, jsonNode, type JsonNode } from '#libs/core/schema';

/** Bytes of all lines, and lines that hold a sample. */
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_SAMPLES = 100_000;
const { sampleLength: MAX_SAMPLE_BYTES, sampleValues: MAX_VALUES } = INFERENCE_LIMITS;
/** Levels of one sample. */
const MAX_DEPTH = 32;

const NEWLINE = 0x0a;

/** Samples as lines of JSON. They are kept as bytes and parsed each time they are gone through, so that many cost little. Empty lines are none. */
export class SampleLines implements Iterable<JsonNode> {
  private constructor(
    private readonly bytes: Buffer,
    private readonly ends: readonly number[],
  ) {}

  /**
   * @param hold counts bytes that are kept from now on; what it throws ends the reading.
   * @throws `samples-too-large` naming the limit that is exceeded.
   */
  static async read(body: Readable, hold: (bytes: number) => void): Promise<SampleLines> {
    const pieces: Buffer[] = [];
    const ends: number[] = [];
    let length = 0;
    // What is refused early is still answered: the connection is not torn down under the client.
    for await (const piece of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      for (let at = piece.indexOf(NEWLINE); at >= 0; at = piece.indexOf(NEWLINE, at + 1)) ends.push(length + at);
      length += piece.length;
      if (length > MAX_BYTES) throw tooLarge('bytes', MAX_BYTES);
      if (ends.length > MAX_SAMPLES) throw tooLarge('lines', MAX_SAMPLES);
      hold(piece.length);
      pieces.push(piece);
    }
    if (ends.at(-1) !== length - 1) ends.push(length);
    return new SampleLines(Buffer.concat(pieces, length), ends);
  }

  /** @throws `sample-invalid` with the number of the line, `samples-missing` where every line is empty. */
  *[Symbol.iterator](): Iterator<JsonNode> {
    let [start, any] = [0, false];
    for (const [index, end] of this.ends.entries()) {
      const line = this.bytes.subarray(start, end);
      start = end + 1;
      if (isBlank(line)) continue;
      any = true;
      yield jsonNode(sampleOf(line, index + 1));
    }
    if (!any) throw missing();
  }
}

function sampleOf(line: Buffer, number: number): JsonValue {
  if (line.length > MAX_SAMPLE_BYTES) throw invalid(number, `it is longer than ${MAX_SAMPLE_BYTES} bytes`);
  if (!isUtf8(line)) throw invalid(number, 'it is not UTF-8');
  const { depth, values } = measureJson(line);
  if (depth > MAX_DEPTH) throw invalid(number, `it nests deeper than ${MAX_DEPTH} levels`);
  if (values > MAX_VALUES) throw invalid(number, `it holds more than ${MAX_VALUES} values`);
  try {
    return JSON.parse(line.toString('utf8')) as JsonValue;
  } catch (cause) {
    throw invalid(number, 'it is not JSON', cause);
  }
}

/** JSON's white space only, and little of it: going through long lines of it would keep others waiting. */
function isBlank(line: Buffer): boolean {
  return line.length <= 64 && line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

function missing(): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'samples-missing',
    message: 'No line holds a sample.',
    hint: 'Send one JSON value in each line.',
  });
}

function invalid(number: number, why: string, cause?: unknown): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'sample-invalid',
    message: `Line ${number} is no sample: ${why}.`,
    hint: 'Send one JSON value in each line.',
    details: { line: number },
    cause,
  });
}

function tooLarge(limit: string, value: number): AppError {
  return new AppError({
    kind: 'too-large',
    code: 'samples-too-large',
    message: `The samples have more than ${value} ${limit}; so many are taken.`,
    hint: 'Send fewer of them: every hundredth says as much.',
    details: { limit, value },
  });
}
