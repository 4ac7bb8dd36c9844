import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { signalOf } from './request-signal.js';

/** One event of a stream. */
export interface ServerSentEvent {
  /** Sequence of the event; a client that reconnects sends it back as `Last-Event-ID`. Without line breaks. */
  readonly id?: string;
  /** `message` unless given. */
  readonly event?: string;
  /** Sent as one line of JSON. */
  readonly data: unknown;
}

/**
 * The events of a stream. `afterId` is the last one the client has seen, undefined for a client that begins. Must end, or throw the signal's reason,
 * soon after the signal aborts. The end of the events closes the stream.
 */
export type EventSource = (afterId: string | undefined, signal: AbortSignal) => AsyncIterable<ServerSentEvent>;

export interface SendEventsOptions {
  /** Time between comments that keep intermediaries from closing a quiet stream. */
  readonly heartbeatMs?: number;
  /** A client that takes nothing for this long is cut off; it can come back with `Last-Event-ID`. */
  readonly writeDeadlineMs?: number;
}

/**
 * Answers with a stream of server-sent events; resolves when it is over. Refuse before calling it: the status has been sent then. The next event is
 * taken from the source only when the socket has taken the one before, so a slow client holds back the source and costs no memory. In a controller:
 * take `@Req()` and `@Res()` and return the promise.
 */
export async function sendEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  source: EventSource,
  { heartbeatMs = 15_000, writeDeadlineMs = 10_000 }: SendEventsOptions = {},
): Promise<void> {
  const { raw } = reply;
  const signal = signalOf(request);
  const lastEventId = request.headers['last-event-id'];
  reply.hijack();
  raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  raw.write(': open\n\n');
  const heartbeat = setInterval(() => {
    if (!raw.writableNeedDrain) raw.write(': heartbeat\n\n');
  }, heartbeatMs);
  try {
    const afterId = typeof lastEventId === 'string' && lastEventId !== '' ? lastEventId : undefined;
    for await (const event of source(afterId, signal)) {
      if (signal.aborted) break;
      if (!raw.write(format(event)) && !(await drained(raw, signal, writeDeadlineMs))) break;
    }
  } catch (error) {
    // A client that left, or the service that stops, ends a stream in order. Anything else the client sees as a broken stream, and resumes.
    if (!signal.aborted) {
      request.log.error({ err: error }, 'a stream of events broke off');
      raw.destroy();
    }
  } finally {
    clearInterval(heartbeat);
    raw.end();
  }
}

function format({ id, event, data }: ServerSentEvent): string {
  return `${id === undefined ? '' : `id: ${oneLine(id)}\n`}${event === undefined ? '' : `event: ${oneLine(event)}\n`}data: ${JSON.stringify(data)}\n\n`;
}

function oneLine(text: string): string {
  return text.replace(/[\r\n\0]/g, ' ');
}

/** Whether the socket took what was written, within the deadline and before the signal aborted; when not, the connection is cut. */
function drained(raw: ServerResponse, signal: AbortSignal, deadlineMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (ok: boolean): void => {
      clearTimeout(timer);
      raw.off('drain', onDrain);
      signal.removeEventListener('abort', onAbort);
      if (!ok) raw.destroy();
      resolve(ok);
    };
    const onDrain = (): void => settle(true);
    const onAbort = (): void => settle(false);
    const timer = setTimeout(onAbort, deadlineMs);
    raw.once('drain', onDrain);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
