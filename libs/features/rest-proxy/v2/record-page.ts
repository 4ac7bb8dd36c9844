import type { Clock } from '#libs/core/kernel';
import { PageRoom, Turns } from '#libs/core/records';
import { turn } from '#libs/platform/http';
import type { Place } from './consumer-requests.js';

/** Most records, and bytes of keys and values, in one answer. */
const MOST_RECORDS = 10_000;
const MOST_BYTES = 4 * 1024 * 1024;

/** The records of one answer, as JSON text. The first is taken whatever its size. */
export class RecordPage {
  readonly #parts: string[] = [];
  readonly #room: PageRoom;
  readonly #turns: Turns;
  #ended = false;
  bytes = 0;

  readonly #maxBytes: number;

  /** @param maxBytes of keys and values; never more than an answer holds. */
  constructor(
    maxBytes: number,
    clock: Clock,
    private readonly signal: AbortSignal,
  ) {
    this.#maxBytes = Math.min(maxBytes, MOST_BYTES);
    this.#room = new PageRoom(clock);
    this.#turns = new Turns(clock, turn);
  }

  get count(): number {
    return this.#parts.length;
  }

  get isEmpty(): boolean {
    return this.#parts.length === 0;
  }

  get isFull(): boolean {
    return this.#ended || this.#parts.length >= MOST_RECORDS || (this.#room.isFull && !this.isEmpty);
  }

  get text(): string {
    return `[${this.#parts.join(',')}]`;
  }

  /** @returns whether it was taken; the page ends where not. */
  add(
    key: string,
    value: string,
    { topic, partition, offset }: Place & { readonly offset: number },
    size: number,
  ): boolean {
    if (this.isFull || (!this.isEmpty && this.bytes + size > this.#maxBytes)) {
      this.#ended = true;
      return false;
    }
    this.bytes += size;
    this.#room.take(key);
    this.#room.take(value);
    this.#parts.push(
      `{"topic":${JSON.stringify(topic)},"key":${key},"value":${value},"partition":${partition},"offset":${offset}}`,
    );
    return true;
  }

  /** Nothing more is taken. */
  end(): void {
    this.#ended = true;
  }

  /** Lets others have their turn when one is due. */
  async breath(): Promise<void> {
    if (this.#turns.due) await this.#turns.take(this.signal);
  }
}
