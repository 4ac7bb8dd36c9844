import { PassThrough, Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { AppError, isAppError } from '#libs/core/kernel';
import type { ByteAccount } from './bytes-in-flight.js';
import { accountOf } from './count-bytes.js';
import { signalOf } from './request-signal.js';
import { takeYourTime } from './slow-bodies.js';
import { streamTimesOf, type StreamTimes } from './stream-times.js';
import { turn } from './turn.js';

/** How long chunks are worked on before others have their turn. */
const TURN_MS = 5;

/**
 * A body that its route reads while it arrives and answers meanwhile. The next chunk is read when the route is done with the one before; what the route keeps of
 * them is counted. It ends with its client, with the service, after `http.streamTimeoutMs`, and where a piece that has begun is not whole within `http.requestTimeoutMs`.
 */
export class ArrivingBody implements AsyncIterable<Buffer> {
  readonly #given: Readable;
  readonly #body: PassThrough;
  readonly #account: ByteAccount;
  readonly #signal: AbortSignal;
  readonly #times: StreamTimes;
  readonly #open: NodeJS.Timeout;
  readonly #inTime: () => void;
  readonly #stop = (): void => this.#end(this.#signal.reason as Error);
  #piece: NodeJS.Timeout | undefined;
  #lastChunk = 0;
  #reason: Error | undefined;

  constructor(request: FastifyRequest) {
    const given = request.body instanceof Readable ? request.body : Readable.from([]);
    // Ending the request itself would end its connection, and with it the answer.
    this.#given = given;
    this.#body = given.pipe(new PassThrough());
    this.#account = accountOf(request);
    this.#signal = signalOf(request);
    this.#times = streamTimesOf(request);
    this.#inTime = takeYourTime(request);
    const { streamTimeoutMs } = this.#times;
    this.#open = setTimeout(() => this.#end(openTooLong(streamTimeoutMs)), streamTimeoutMs);
    this.#signal.addEventListener('abort', this.#stop, { once: true });
    if (this.#signal.aborted) this.#stop();
  }

  /** Whether nothing more has arrived yet. */
  get isQuiet(): boolean {
    return this.#body.readableLength === 0;
  }

  /**
   * The chunks, until the body ends.
   * @throws why it was ended: `stream-open-too-long`, `record-too-slow`, what counting refuses (the chunk was not given then), and the reason of the request's signal.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void> {
    let since = performance.now();
    try {
      for await (const chunk of this.#body as AsyncIterable<Buffer>) {
        // Chunks that are there already would follow one another with nobody else in between.
        if (performance.now() - since >= TURN_MS) {
          await turn();
          since = performance.now();
        }
        if (this.#reason !== undefined) break;
        this.#account.hold(chunk.length);
        this.#lastChunk = chunk.length;
        yield chunk;
      }
    } catch (error) {
      throw this.#reason ?? error;
    }
    if (this.#reason !== undefined) throw this.#reason;
  }

  /**
   * To be told after each chunk.
   * @param waitingBytes of pieces that are whole and wait.
   * @param begunBytes of the piece that is not whole yet.
   */
  keeps(waitingBytes: number, begunBytes: number): void {
    this.#account.keep(waitingBytes + begunBytes);
    const goesOn = begunBytes > this.#lastChunk;
    if (goesOn) return;
    clearTimeout(this.#piece);
    if (begunBytes === 0) return;
    const { requestTimeoutMs } = this.#times;
    this.#piece = setTimeout(() => this.#end(tooSlow(requestTimeoutMs)), requestTimeoutMs);
  }

  /** To be called when the route is done with it. Harmless to repeat. */
  close(): void {
    clearTimeout(this.#open);
    clearTimeout(this.#piece);
    this.#signal.removeEventListener('abort', this.#stop);
    this.#inTime();
    this.#account.close();
    // At once: what is left of the request may be read by somebody else.
    this.#given.unpipe(this.#body);
    this.#body.destroy();
  }

  #end(reason: Error): void {
    this.#reason ??= reason;
    this.#body.destroy();
  }
}

/** Whether it says why a stream was ended before its body, so that the client can be told: what was not answered until then was not done. */
export function isStreamEnd(error: unknown): error is AppError {
  return isAppError(error) && STREAM_ENDS.has(error.code);
}

const STREAM_ENDS: ReadonlySet<string> = new Set([
  'service-stopping',
  'stream-open-too-long',
  'record-too-slow',
  'too-many-bytes-in-flight',
  'connection-bytes-in-flight',
  'larger-than-a-connection',
]);

function openTooLong(value: number): AppError {
  return new AppError({
    kind: 'timeout',
    code: 'stream-open-too-long',
    message: `The stream was open for ${value} ms, which is all it may be (http.streamTimeoutMs).`,
    hint: 'Go on in another one.',
    details: { limit: 'http.streamTimeoutMs', value },
    retryable: true,
  });
}

function tooSlow(value: number): AppError {
  return new AppError({
    kind: 'timeout',
    code: 'record-too-slow',
    message: `A record was not whole ${value} ms after it had begun to arrive (http.requestTimeoutMs).`,
    details: { limit: 'http.requestTimeoutMs', value },
    retryable: true,
  });
}
