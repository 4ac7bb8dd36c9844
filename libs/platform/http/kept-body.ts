import type { Readable } from 'node:stream';

/**
 * The chunks of a body that does not end when its reader stops reading: ending it would leave its connection with bytes that nobody reads, so that the client's next request is never seen. What is left of a body that is refused is passed over
 * (`end-answer.ts`).
 */
export function keptBody(body: Readable): AsyncIterable<Buffer> {
  return { [Symbol.asyncIterator]: () => body.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer> };
}
