import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Health } from '#libs/platform/observability';

/** Probes and the impatient; clients of the service come when it is ready. */
const MOST_CONNECTIONS = 100;
const PATIENCE_MS = 5_000;
const MOST_HEADER_BYTES = 16_384;

/**
 * Answers at the service's address while it starts, which takes as long as its log has to replay: that the process lives, what it is busy with, and to everything else that it comes later (503
 * `service-starting`). Without it a probe cannot tell a long recovery from a process that hangs. It answers from {@link Health} alone and reads no body.
 */
export class StartDoor {
  private constructor(private readonly server: Server) {}

  /**
   * Undefined where nobody could know the address (port 0), or where it cannot be listened on: that is for the service itself to tell, which may have a more telling reason not to start.
   */
  static async open(host: string, port: number, health: Health): Promise<StartDoor | undefined> {
    if (port === 0) return undefined;
    const server = createServer({ maxHeaderSize: MOST_HEADER_BYTES }, (request, response) => {
      void answer(health, request, response);
    });
    server.maxConnections = MOST_CONNECTIONS;
    server.headersTimeout = server.requestTimeout = PATIENCE_MS;
    server.setTimeout(PATIENCE_MS);
    server.listen(port, host);
    try {
      await once(server, 'listening');
    } catch {
      return undefined;
    }
    return new StartDoor(server);
  }

  /** Frees the address. Harmless to repeat. */
  async close(): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }
}

async function answer(health: Health, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url?.split('?', 1)[0];
  const probe = request.method === 'GET' || request.method === 'HEAD' ? path : undefined;
  if (probe === '/healthz') return send(response, 200, { status: 'ok' });
  if (probe === '/startupz') return send(response, 503, health.startup());
  if (probe === '/readyz') return send(response, 503, await health.readiness());
  const detail = 'The service starts; nothing of this was done.';
  const problem = { type: 'about:blank', title: 'Service Unavailable', status: 503, detail, code: 'service-starting' };
  send(response, 503, { ...problem, hint: 'Try again shortly: /startupz tells when it has started.' });
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'Content-Type': 'code' in body ? 'application/problem+json' : 'application/json',
    'Content-Length': Buffer.byteLength(text),
    Connection: 'close',
    ...(status === 503 ? { 'Retry-After': '1' } : {}),
  });
  response.end(text);
}
