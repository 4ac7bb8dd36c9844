import type { FastifyReply, FastifyRequest } from 'fastify';
import { isAppError } from '#libs/core/kernel';
import { PacedAnswer } from './paced-answer.js';
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
 * soon after the signal aborts. The end of the events closes the stream. Bytes are events as {@link eventText} makes them, in UTF-8: of what waits for a client
 * that reads nothing they are all there is.
 */
export type EventSource = (
  afterId: string | undefined,
  signal: AbortSignal,
) => AsyncIterable<ServerSentEvent | Uint8Array>;

export interface SendEventsOptions {
  /** Time between comments that keep intermediaries from closing a quiet stream. */
  readonly heartbeatMs?: number;
}

/**
 * Answers with a stream of server-sent events; resolves when it is over. Refuse before calling it: the status has been sent then. The next event is
 * taken from the source only when the socket has taken the one before, so a slow client holds back the source and costs no memory. A client that takes nothing for
 * `http.writeTimeoutMs`, and one for whose event there is no room, is cut off and can come back with `Last-Event-ID`. In a controller: take `@Req()` and `@Res()` and return
 * the promise.
 */
export async function sendEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  source: EventSource,
  { heartbeatMs = 15_000 }: SendEventsOptions = {},
): Promise<void> {
  const signal = signalOf(request);
  const lastEventId = request.headers['last-event-id'];
  const headers = {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  };
  const answer = new PacedAnswer(request, reply, headers, 'spare');
  const { raw } = answer;
  raw.write(': open\n\n');
  const heartbeat = setInterval(() => {
    if (!answer.isWaiting) raw.write(': heartbeat\n\n');
  }, heartbeatMs);
  try {
    const afterId = typeof lastEventId === 'string' && lastEventId !== '' ? lastEventId : undefined;
    for await (const event of source(afterId, signal)) {
      if (signal.aborted) break;
      await answer.offer(event instanceof Uint8Array ? event : eventText(event));
    }
  } catch (error) {
    // A client that left, or the service that stops, ends a stream in order. Anything else the client sees as a broken stream, and resumes.
    if (!signal.aborted) {
      if (!isCut(error)) request.log.error({ err: error }, 'a stream of events broke off');
      raw.destroy();
    }
  } finally {
    clearInterval(heartbeat);
    raw.end();
  }
}

/** Whether it says that the client was cut off, which is no defect. */
function isCut(error: unknown): boolean {
  return isAppError(error) && error.kind !== 'internal' && CUTS.has(error.code);
}

const CUTS: ReadonlySet<string> = new Set([
  'client-too-slow',
  'too-many-bytes-in-flight',
  'connection-bytes-in-flight',
  'larger-than-a-connection',
]);

/** An event as it is sent. */
export function eventText({ id, event, data }: ServerSentEvent): string {
  return `${id === undefined ? '' : `id: ${oneLine(id)}\n`}${event === undefined ? '' : `event: ${oneLine(event)}\n`}data: ${JSON.stringify(data)}\n\n`;
}

function oneLine(text: string): string {
  return text.replace(/[\r\n\0]/g, ' ');
}
