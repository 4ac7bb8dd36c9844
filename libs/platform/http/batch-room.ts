import type { FastifyRequest } from 'fastify';
import type { ByteAccount } from './bytes-in-flight.js';
import { accountOf } from './count-bytes.js';

/** What a record takes in a batch besides its bytes, and a header of it: about what the JSON around them takes, so that a body that was counted is not refused for what it is wrapped in. */
const RECORD = 12;
const HEADER = 4;

/** What of a record is counted. */
interface Sized {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array | null }[];
}

/**
 * Counts the batches that a route makes of its body (`ApiDoc.batched`). Most are no longer than the body, and so much was counted with it; what goes beyond is counted record by record as it is made, since defaults of
 * a schema make megabytes of a few characters.
 */
export class BatchRoom {
  readonly #account: ByteAccount;
  readonly #counted: number;
  #made = 0;

  constructor(request: FastifyRequest) {
    this.#account = accountOf(request);
    this.#counted = request.batchBytes;
  }

  /**
   * One more record will be in a batch.
   * @throws what counting refuses: nothing of the batch is to be written then.
   */
  add({ key, value, headers }: Sized): void {
    this.#made += RECORD + (key?.length ?? 0) + (value?.length ?? 0);
    for (const header of headers) this.#made += HEADER + header.key.length + (header.value?.length ?? 0);
    const more = this.#made - this.#counted - this.#account.held;
    if (more > 0) this.#account.hold(more);
  }

  /** What was made is written, or given up. */
  clear(): void {
    this.#made = 0;
    this.#account.keep(0);
  }
}
