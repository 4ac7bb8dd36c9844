import type { Client } from '../http/client.js';
import { unreachable } from '../http/refusal.js';

/** A connection on which this long nothing comes is dead: the service says something every 15 s. */
const SILENT_MS = 30_000;

/** An event of a stream of server-sent events. */
export interface StreamEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: unknown;
}

/** The events of a path, from after `lastId`, until the service ends the stream. @throws Failure for a refusal, and when the connection is cut. */
export async function* streamEvents(
  client: Client,
  path: string,
  lastId: string | undefined,
): AsyncGenerator<StreamEvent> {
  const response = await client.open('GET', path, {
    accept: 'text/event-stream, application/problem+json',
    silentMs: SILENT_MS,
    headers: lastId === undefined ? {} : { 'last-event-id': lastId },
  });
  if ((response.statusCode ?? 0) >= 400) {
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    throw client.refused('GET', path, {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: Buffer.concat(chunks),
    });
  }
  response.setEncoding('utf8');
  let rest = '';
  try {
    for await (const chunk of response) {
      const parts = (rest + (chunk as string)).split(/\r?\n\r?\n/);
      rest = parts.pop()!;
      for (const part of parts) {
        const event = eventOf(part);
        if (event !== undefined) yield event;
      }
    }
  } catch (cause) {
    // Cut in the middle, as by a service that dies.
    throw unreachable(client.address, cause);
  } finally {
    response.destroy();
  }
}

function eventOf(block: string): StreamEvent | undefined {
  let [id, event]: [string | undefined, string] = [undefined, 'message'];
  const data: string[] = [];
  for (const line of block.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    // A line that begins with a colon is a heartbeat.
    if (colon === 0) continue;
    const [name, value] = colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
    if (name === 'id') id = value;
    else if (name === 'event') event = value;
    else if (name === 'data') data.push(value);
  }
  return data.length === 0 ? undefined : { id, event, data: JSON.parse(data.join('\n')) as unknown };
}
