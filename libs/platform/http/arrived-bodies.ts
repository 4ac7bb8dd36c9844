import type { IncomingMessage } from 'node:http';

/** A body that was read before its request went to a route: its bytes, or that it broke off. */
export type Arrived = { readonly bytes: Buffer } | { readonly cutShort: true };

const arrived = new WeakMap<IncomingMessage, Arrived>();

/**
 * Reads the body of a request that no route has been given yet, and keeps it for whoever reads the request afterwards ({@link arrivedBody}). For bodies whose length was announced, and counted.
 * Calls back once.
 */
export function arriveUnread(request: IncomingMessage, done: (body: Arrived) => void): void {
  const chunks: Buffer[] = [];
  const end = (body: Arrived): void => {
    request.off('data', onData).off('end', onEnd).off('error', onError);
    arrived.set(request, body);
    done(body);
  };
  const onData = (chunk: Buffer): void => void chunks.push(chunk);
  const onEnd = (): void => end({ bytes: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks) });
  const onError = (): void => end({ cutShort: true });
  request.on('data', onData).on('end', onEnd).on('error', onError);
}

/** The body of a request whose stream has ended before its route ran; undefined where it is still to be read. */
export function arrivedBody(request: IncomingMessage): Arrived | undefined {
  return arrived.get(request);
}
