import { Connection, type ConnectionOptions } from './client.js';
import { KafkaSilence } from './error-codes.js';
import type { BrokerAddress, KafkaLogOptions, KafkaLogSettings } from './options.js';

/** A protocol definition, as the client library makes them. */
export type KafkaCall<Args extends unknown[], Answer> = ((
  connection: Connection,
  ...args: [...Args, ...Partial<[callback: (error: Error | null, answer?: Answer) => void]>]
) => void) & { readonly key: number; readonly version: number };

/**
 * One connection to one broker. A broker answers the requests of a connection in order and one at a time, so what must not wait for each other
 * (long polls, writers, administration) takes links of its own. A link that broke is broken for good: whoever needs one makes another.
 */
export class BrokerLink {
  readonly #connection: Connection;
  readonly #address: BrokerAddress;
  #opening: Promise<void> | undefined;
  #broken: Error | undefined;

  constructor(address: BrokerAddress, clientId: string, options: ConnectionOptions) {
    this.#address = address;
    this.#connection = new Connection(clientId, options);
    // Without a listener an 'error' event would end the process; the calls under way are told by their callbacks.
    this.#connection.on('error', (error) => this.#break(error));
    this.#connection.on('close', () => this.#break(new Error('the connection was closed')));
  }

  get broken(): boolean {
    return this.#broken !== undefined;
  }

  /**
   * Sends one request and resolves with its answer, error codes included: those are the caller's to read.
   * @throws {KafkaSilence} when there is no answer.
   */
  async call<Args extends unknown[], Answer>(
    what: string,
    api: KafkaCall<Args, Answer>,
    ...args: Args
  ): Promise<Answer> {
    try {
      await (this.#opening ??= this.#open());
    } catch (cause) {
      throw new KafkaSilence(what, false, cause);
    }
    if (this.#broken !== undefined) throw new KafkaSilence(what, false, this.#broken);
    return await new Promise<Answer>((resolve, reject) => {
      const done = (error: Error | null, answer?: Answer): void => {
        if (error === null) return resolve(answer as Answer);
        // The definitions throw for error codes inside an answer; the answer itself says more.
        if ('response' in error && error.response !== undefined) return resolve(error.response as Answer);
        this.#break(error);
        reject(new KafkaSilence(what, true, error));
      };
      api(this.#connection, ...args, done);
    });
  }

  /** Ends the connection; calls under way fail. Harmless to repeat. */
  close(): void {
    this.#break(new Error('the connection was closed by this service'));
  }

  async #open(): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    try {
      await this.#connection.connect(this.#address.host, this.#address.port);
    } catch (error) {
      this.#break(error as Error);
      throw error;
    }
  }

  #break(error: Error): void {
    if (this.#broken !== undefined) return;
    this.#broken = error;
    this.#connection.close(() => undefined);
  }
}

/** What the client library needs to know of an engine's options. */
export function connectionOptions(options: KafkaLogOptions, settings: KafkaLogSettings): ConnectionOptions {
  const { tls, sasl } = options;
  return {
    connectTimeout: settings.connectTimeoutMs,
    requestTimeout: settings.requestTimeoutMs,
    maxInflights: 64,
    ...(tls === undefined
      ? {}
      : {
          tls: {
            ...(tls.ca === undefined ? {} : { ca: tls.ca }),
            ...(tls.cert === undefined ? {} : { cert: tls.cert }),
            ...(tls.key === undefined ? {} : { key: tls.key }),
            ...(tls.passphrase === undefined ? {} : { passphrase: tls.passphrase }),
            rejectUnauthorized: tls.rejectUnauthorized ?? true,
          },
          tlsServerName: tls.serverName ?? true,
        }),
    ...(sasl === undefined ? {} : { sasl }),
  };
}
