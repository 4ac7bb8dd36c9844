import type { FastifyRequest } from 'fastify';
import { AppError, isAppError } from '#libs/core/kernel';
import { accountOf, turn } from '#libs/platform/http';
import type { Wire } from './wire.js';

/** Characters put together before others have their turn: a fraction of a millisecond. */
const AT_ONCE = 256 * 1024;
/** What an entry counts for besides its characters: short ones are many. */
const ENTRY = 250;

/**
 * The entries of a list as JSON text, put together one by one. Each may be as long as a schema may, so they are counted as they come, as the answer itself will be: a list that is
 * too long to be sent is refused before it is all in memory.
 */
export class ListedAnswer {
  readonly #pieces: string[] = [];
  #sinceTurn = 0;
  /** Counted of the next entry already. */
  #expected = 0;
  #refusal: Error | undefined;

  private constructor(private readonly hold: (bytes: number) => void) {}

  /**
   * The text of what `list` adds.
   * @throws `answer-too-long`, and what `list` throws.
   */
  static async of(request: FastifyRequest, list: (answer: ListedAnswer) => Promise<void>): Promise<string> {
    const account = accountOf(request);
    try {
      const answer = new ListedAnswer((bytes) => account.hold(bytes));
      await list(answer);
      const text = `[${answer.#pieces.join(',')}]`;
      // What is done to send a long one comes in turns of its own.
      if (text.length >= AT_ONCE) await turn();
      return text;
    } catch (error) {
      throw isAppError(error, 'larger-than-a-connection') ? tooLong(error) : error;
    } finally {
      // Counted again as it is sent.
      account.close();
    }
  }

  get length(): number {
    return this.#pieces.length;
  }

  /** Counts a text of the next entry before that is whole: where one entry has many. What it throws, {@link add} throws again: it is not the entry that fails. */
  expect(text: string): void {
    const bytes = Buffer.byteLength(text);
    try {
      this.hold(bytes);
    } catch (error) {
      this.#refusal ??= error as Error;
      throw error;
    }
    this.#expected += bytes;
  }

  async add(entry: Wire | string): Promise<void> {
    if (this.#refusal !== undefined) throw this.#refusal;
    const text = JSON.stringify(entry);
    this.hold(Math.max(0, Buffer.byteLength(text) - this.#expected));
    this.#expected = 0;
    this.#pieces.push(text);
    this.#sinceTurn += text.length + ENTRY;
    if (this.#sinceTurn < AT_ONCE) return;
    this.#sinceTurn = 0;
    await turn();
  }
}

function tooLong(cause: AppError): AppError {
  const { value } = cause.details;
  return new AppError({
    kind: 'too-large',
    code: 'answer-too-long',
    message: `The answer is longer than one connection may hold (limits.bytesInFlightPerConnection, ${String(value)} bytes). Ask for less at once, with a smaller limit or fewer entries.`,
    details: cause.details,
    cause,
  });
}
