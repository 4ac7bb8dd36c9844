import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '#libs/core/kernel';
import type { ByteAccount, ByteUse } from './bytes-in-flight.js';
import { accountOf } from './count-bytes.js';
import { signalOf } from './request-signal.js';
import { streamTimesOf } from './stream-times.js';

/**
 * An answer that is written piece by piece. Little waits for a client that does not take it, what waits is counted, and a client that takes nothing for
 * `http.writeTimeoutMs` is told apart from one that is slow.
 */
export class PacedAnswer {
  readonly raw: ServerResponse;
  readonly #account: ByteAccount;
  readonly #signal: AbortSignal;
  readonly #timeoutMs: number;
  /** Also when what was written is taken, which may be long after. */
  readonly #count = (): void => this.#account.keep(this.raw.writableLength);

  /** Begins the answer: status and headers are sent, and it can only be ended from now on. Take the answer of a client that went away for sent. @param use `spare` where its client goes on where it was cut off. */
  constructor(
    request: FastifyRequest,
    reply: FastifyReply,
    headers: Readonly<Record<string, string>>,
    use: ByteUse = 'needed',
  ) {
    this.#account = accountOf(request, use);
    this.#signal = signalOf(request);
    this.#timeoutMs = streamTimesOf(request).writeTimeoutMs;
    this.raw = reply.raw;
    reply.hijack();
    this.raw.writeHead(200, { ...(reply.getHeaders() as Record<string, string>), ...headers });
    this.raw.flushHeaders();
  }

  /** Whether the client has not taken what was written before. */
  get isWaiting(): boolean {
    return this.raw.writableNeedDrain;
  }

  /**
   * Writes what need not be told now, as {@link write} does.
   * @throws also what counting refuses; nothing was written then.
   */
  async offer(text: string | Uint8Array): Promise<void> {
    this.#account.hold(Buffer.byteLength(text));
    await this.write(text);
  }

  /**
   * Writes; resolves when the client may be given more. @param most bytes that may wait for it meanwhile; what the socket takes unless given.
   * @throws `client-too-slow`, and the reason why the request has ended.
   */
  async write(text: string | Uint8Array, most = 0): Promise<void> {
    const taken = this.raw.write(text, this.#count);
    this.#count();
    if (taken || this.raw.writableLength <= most) return;
    await this.#drained();
  }

  #drained(): Promise<void> {
    const [raw, signal] = [this.raw, this.#signal];
    return new Promise((resolve, reject) => {
      const settle = (error?: unknown): void => {
        clearTimeout(timer);
        raw.off('drain', onDrain);
        signal.removeEventListener('abort', onAbort);
        if (error === undefined) resolve();
        else reject(error as Error);
      };
      const onDrain = (): void => settle();
      const onAbort = (): void => settle(signal.reason);
      const timer = setTimeout(() => settle(clientTooSlow(this.#timeoutMs)), this.#timeoutMs);
      raw.once('drain', onDrain);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
  }
}

/** Nobody reads it but the log: the client is cut off. */
function clientTooSlow(value: number): AppError {
  return new AppError({
    kind: 'timeout',
    code: 'client-too-slow',
    message: `The client took nothing of its answer for ${value} ms.`,
    details: { limit: 'http.writeTimeoutMs', value },
  });
}
