/** How the HTTP side of a service behaves. Times in milliseconds, sizes in bytes. */
export interface HttpSettings {
  /** Largest body of routes that do not name a limit of their own. */
  readonly maxBodyBytes: number;
  /** Levels of nesting in a JSON body. */
  readonly jsonDepth: number;
  /** Values in a JSON body, of routes that do not name a limit of their own. */
  readonly jsonValues: number;
  /** Longest a client may take to send its headers, and its whole request. */
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** Longest a route may take to begin its answer; beyond long polls and held writes, which end after 30 s. */
  readonly handlerTimeoutMs: number;
  /** A client that takes nothing of its answer for this long is cut off. */
  readonly writeTimeoutMs: number;
  /** Longest a client may go on sending a body that is answered while it arrives. */
  readonly streamTimeoutMs: number;
  /** A connection on which nothing happens is closed after this. */
  readonly idleTimeoutMs: number;
  readonly maxConnections: number;
  /** From one address; loopback is not counted. */
  readonly maxConnectionsPerAddress: number;
  /** Bytes of bodies and answers that are held, of all requests and of those of one connection. */
  readonly bytesInFlight: number;
  readonly bytesInFlightPerConnection: number;
}

export const HTTP_SETTINGS: HttpSettings = {
  maxBodyBytes: 2 * 1024 * 1024,
  jsonDepth: 32,
  jsonValues: 10_000,
  headersTimeoutMs: 15_000,
  requestTimeoutMs: 60_000,
  handlerTimeoutMs: 60_000,
  writeTimeoutMs: 10_000,
  streamTimeoutMs: 86_400_000,
  idleTimeoutMs: 600_000,
  maxConnections: 1_000,
  maxConnectionsPerAddress: 100,
  bytesInFlight: 32 * 1024 * 1024,
  bytesInFlightPerConnection: 16 * 1024 * 1024,
};
