import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { AppError } from '#libs/core/kernel';
import type { RequestWork } from './request-work.js';

export interface BytesInFlightLimits {
  /** Of all requests together. */
  readonly bytesInFlight: number;
  /** Of the requests of one connection. */
  readonly bytesInFlightPerConnection: number;
}

/** Whether a client can do without what is counted, since it asks for it again where it was cut off. */
export type ByteUse = 'needed' | 'spare';

/** What one connection holds. */
interface Connection {
  held: number;
  /** Of these, what may be given up. */
  spare: number;
  /** Of these, what requests hold whose work is under way: it goes on without the connection. */
  atWork: number;
  gone: boolean;
}

/** What clients may do without and ask for again takes no more than this share of all, so that it does not keep out what they may not. */
const SPARE_SHARE = 1 / 2;

/** After how long a refused request may be tried again. */
const RETRY_AFTER_MS = 1_000;

/**
 * Bytes of bodies and answers that the service holds, as they are on the wire, and of batches made of bodies: counted for all requests together and for each connection, and bounded for both.
 * What was counted is given back when the answer is closed, or the connection, whichever comes first; but not before the work on the request has come to its end.
 */
export class BytesInFlight {
  readonly #connections = new WeakMap<Socket, Connection>();
  #held = 0;
  #spare = 0;
  #refused = { total: 0, connection: 0 };

  constructor(readonly limits: BytesInFlightLimits) {}

  /** Bytes held now. */
  get held(): number {
    return this.#held;
  }

  /** Requests refused so far, by the bound they met. */
  get refused(): Readonly<Record<'total' | 'connection', number>> {
    return this.#refused;
  }

  /** Something to count on for a request, empty at first. A request may have several. @param use `spare` for what is sent in pieces that a client can ask for again. @param work that needs what is counted. */
  account(
    socket: Socket,
    response: ServerResponse | null,
    use: ByteUse = 'needed',
    work: RequestWork | null = null,
  ): ByteAccount {
    const account = new ByteAccount(this, this.#connection(socket), use, work);
    work?.covers(account);
    if (response?.destroyed === true) account.leave();
    else response?.once('close', () => account.leave());
    return account;
  }

  /** @throws `too-many-bytes-in-flight` while nothing more can be held. */
  demandRoom(): void {
    if (this.#held >= this.limits.bytesInFlight) throw this.#beyondTotal(0);
  }

  /** For accounts. @throws as {@link ByteAccount.hold}; nothing was counted then. */
  take(connection: Connection, bytes: number, own: number, use: ByteUse, atWork: boolean): void {
    const { bytesInFlight, bytesInFlightPerConnection: perConnection } = this.limits;
    if (own + bytes > perConnection) throw neverHeld(own + bytes, perConnection);
    if (connection.held + bytes > perConnection) {
      this.#refused.connection++;
      throw beyondConnection(connection.held + bytes, perConnection);
    }
    if (this.#held + bytes > bytesInFlight) throw this.#beyondTotal(bytes);
    if (use === 'spare' && this.#spare + bytes > bytesInFlight * SPARE_SHARE) throw this.#beyondShare(bytes);
    this.add(connection, bytes, use, atWork);
  }

  /** For accounts: counts, or counts back, whatever the bounds are. */
  add(connection: Connection, bytes: number, use: ByteUse, atWork: boolean): void {
    if (connection.gone && !atWork) return;
    connection.held += bytes;
    if (atWork) connection.atWork += bytes;
    this.#held += bytes;
    if (use !== 'spare') return;
    connection.spare += bytes;
    this.#spare += bytes;
  }

  #connection(socket: Socket): Connection {
    const known = this.#connections.get(socket);
    if (known !== undefined) return known;
    const connection = { held: 0, spare: 0, atWork: 0, gone: socket.destroyed };
    this.#connections.set(socket, connection);
    // Of requests that were sent one behind another, those whose turn has not come are not told that their connection is gone.
    socket.once('close', () => {
      this.#held -= connection.held - connection.atWork;
      this.#spare -= connection.spare;
      connection.held = connection.atWork;
      connection.spare = 0;
      connection.gone = true;
    });
    return connection;
  }

  #beyondTotal(bytes: number): AppError {
    return this.#beyond(
      this.#held + bytes,
      this.limits.bytesInFlight,
      'Bodies, their batches and answers',
      'limits.bytesInFlight',
    );
  }

  #beyondShare(bytes: number): AppError {
    const most = Math.floor(this.limits.bytesInFlight * SPARE_SHARE);
    return this.#beyond(this.#spare + bytes, most, 'Events that clients do not take', 'half of limits.bytesInFlight');
  }

  #beyond(measured: number, value: number, what: string, bound: string): AppError {
    this.#refused.total++;
    return new AppError({
      kind: 'unavailable',
      code: 'too-many-bytes-in-flight',
      message: `${what} of ${measured} bytes would be under way; ${bound} is ${value}. What is refused here was not begun.`,
      hint: 'Send it again after a moment.',
      details: { limit: 'limits.bytesInFlight', value, measured },
      retryable: true,
      retryAfterMs: RETRY_AFTER_MS,
    });
  }
}

/** What is counted for one request, or one side of it. */
export class ByteAccount {
  #held = 0;
  #closed = false;
  #atWork = false;
  #left = false;

  constructor(
    private readonly ledger: BytesInFlight,
    private readonly connection: Connection,
    private readonly use: ByteUse,
    private readonly work: RequestWork | null,
  ) {}

  /** Bytes counted here now. */
  get held(): number {
    return this.#held;
  }

  /**
   * Counts so many bytes more.
   * @throws `too-many-bytes-in-flight`, `connection-bytes-in-flight` (both may be tried again), `larger-than-a-connection`; nothing was counted then.
   */
  hold(bytes: number): void {
    if (this.#closed) return;
    this.ledger.take(this.connection, bytes, this.work?.held ?? this.#held, this.use, this.#atWork);
    this.#held += bytes;
  }

  /** Counts exactly so many bytes, whatever the bounds are: for what must be kept or told because something was done. Others are refused instead. */
  keep(bytes: number): void {
    if (this.#closed) return;
    this.ledger.add(this.connection, bytes - this.#held, this.use, this.#atWork);
    this.#held = bytes;
  }

  /** Counts nothing any more. Harmless to repeat. */
  close(): void {
    this.keep(0);
    this.#closed = true;
  }

  /** The answer is closed: counts nothing any more when the work is over. */
  leave(): void {
    if (this.#atWork) this.#left = true;
    else this.close();
  }

  /** The work on the request begins: what is counted is held until it is over, whoever has gone. */
  beginWork(): void {
    if (this.#closed) return;
    this.#recount(true);
  }

  /** The work is over. */
  endWork(): void {
    if (this.#closed || !this.#atWork) return;
    if (this.#left || this.connection.gone) this.close();
    else this.#recount(false);
  }

  #recount(atWork: boolean): void {
    const held = this.#held;
    this.ledger.add(this.connection, -held, this.use, this.#atWork);
    this.ledger.add(this.connection, held, this.use, atWork);
    this.#atWork = atWork;
  }
}

function beyondConnection(measured: number, value: number): AppError {
  return new AppError({
    kind: 'exhausted',
    code: 'connection-bytes-in-flight',
    message: `Bodies, their batches and answers of ${measured} bytes would be under way on one connection; limits.bytesInFlightPerConnection is ${value}. What is refused here was not begun.`,
    hint: 'Take the answers before sending more, and send it again.',
    details: { limit: 'limits.bytesInFlightPerConnection', value, measured },
    retryable: true,
    retryAfterMs: RETRY_AFTER_MS,
  });
}

function neverHeld(measured: number, value: number): AppError {
  return new AppError({
    kind: 'too-large',
    code: 'larger-than-a-connection',
    message: `${measured} bytes are more than one connection may hold; limits.bytesInFlightPerConnection is ${value}.`,
    hint: 'Send less at once, or raise the limit.',
    details: { limit: 'limits.bytesInFlightPerConnection', value, measured },
  });
}
