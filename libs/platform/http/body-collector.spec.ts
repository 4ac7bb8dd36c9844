import { PassThrough } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { describe, expect, it } from 'vitest';
import { collectBody, type CollectedBody } from './body-collector.js';
import { UnreadJson } from './body-parser.js';

const LIMIT = 1024 * 1024;

/** What a body of these pieces is collected to, where so many bytes were announced. */
function collected(pieces: readonly Buffer[], announced: number): Promise<CollectedBody> {
  const payload = new PassThrough();
  const request = { headers: { 'content-length': String(announced) } } as unknown as FastifyRequest;
  return new Promise((resolve, reject) => {
    collectBody(request, payload as unknown as IncomingMessage, LIMIT, (error, body) => {
      if (body === undefined) reject(error!);
      else resolve(body);
    });
    for (const piece of pieces) payload.write(piece);
    payload.end();
  });
}

describe('a body whose length was announced', () => {
  it('is what came in pieces, and its memory is the next body’s when it is let go of, once', async () => {
    const pieces = [Buffer.alloc(30_000, 'a'), Buffer.alloc(20_000, 'b'), Buffer.alloc(1, 'c')];
    const body = await collected(pieces, 50_001);
    expect(body.bytes.equals(Buffer.concat(pieces))).toBe(true);
    const meanwhile = await collected(pieces, 50_001);
    expect(meanwhile.bytes.buffer === body.bytes.buffer).toBe(false);
    body.letGo();
    body.letGo();
    const [next, other] = [await collected([Buffer.alloc(50_000, 'd')], 50_000), await collected(pieces, 50_001)];
    expect([next, other].filter(({ bytes }) => bytes.buffer === body.bytes.buffer)).toHaveLength(1);
    expect([next.bytes.toString(), meanwhile.bytes.length]).toEqual(['d'.repeat(50_000), 50_001]);
  });

  it('takes nothing from whoever has it too where it is short', async () => {
    const piece = Buffer.from('{"a":1}');
    const body = await collected([piece], piece.length);
    body.letGo();
    expect(piece.toString()).toBe('{"a":1}');
  });

  it.each([
    ['shorter', 20_001],
    ['longer', 19_999],
  ])('is refused where it is %s', async (_what, announced) => {
    await expect(collected([Buffer.alloc(20_000)], announced)).rejects.toMatchObject({ code: 'body-cut-short' });
  });
});

describe('a JSON body that its route goes over itself', () => {
  const LIMITS = { jsonDepth: 8, jsonValues: 100 };
  const text = JSON.stringify({ value: 'x'.repeat(40_000) });

  it('is nobody else’s until what was read of it was used', async () => {
    const bytes = Buffer.from(text);
    const unread = new UnreadJson(await collected([bytes], bytes.length), LIMITS);
    const others: CollectedBody[] = [];
    let memory: ArrayBufferLike | undefined;
    const other = async (): Promise<void> =>
      void others.push(await collected([Buffer.alloc(bytes.length)], bytes.length));
    const made = await unread.scanned(
      async (scanner) => scanner.bytes(scanner.scan()),
      async (value) => {
        memory = value.buffer;
        await other();
        return value.toString();
      },
    );
    await other();
    expect(made).toBe(text);
    expect(others.map((one) => one.bytes.buffer === memory)).toEqual([false, true]);
  });

  it.each([
    ['cannot be read', '{"value":', undefined],
    ['cannot be used', text, new Error('refused')],
  ])('is let go of where it %s', async (_what, json, refusal) => {
    const bytes = Buffer.from(json.padEnd(20_000));
    const body = await collected([bytes], bytes.length);
    const scanned = new UnreadJson(body, LIMITS).scanned(
      async (scanner) => scanner.scan(),
      () => {
        if (refusal !== undefined) throw refusal;
      },
    );
    await expect(scanned).rejects.toThrow();
    const next = await collected([Buffer.alloc(bytes.length)], bytes.length);
    expect(next.bytes.buffer === body.bytes.buffer).toBe(true);
  });
});
