import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { BackedUpService } from './backed-up-service.js';

/** Many starts, each of which a busy machine may hold up. */
const LONG_MS = 300_000;

describe('a backup that one service took, for another', { timeout: LONG_MS }, () => {
  let directory: TemporaryDirectory;
  let here: BackedUpService;
  let there: BackedUpService;
  let before: string;
  let id: string;
  let content: Buffer;

  beforeEach(async () => {
    directory = await temporaryDirectory();
    here = new BackedUpService(directory.path, 'backups-here');
    there = new BackedUpService(directory.path, 'backups-there');
    await here.start('here');
    await here.fill();
    before = await here.world();
    id = await here.take();
    content = await download();
  });
  afterEach(async () => {
    await here.kill();
    await there.kill();
    await directory.remove();
  });

  const path = (): string => `/v1/backups/${id}/content`;

  async function download(headers: Record<string, string> = {}): Promise<Buffer> {
    const response = await fetch(`${here.server.url}${path()}`, { headers });
    expect(response.status).toBe('range' in headers ? 206 : 200);
    return Buffer.from(await response.arrayBuffer());
  }

  const upload = (body: Uint8Array): Promise<Response> =>
    fetch(`${there.server.url}${path()}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/x-tar' },
      body: Buffer.from(body),
    });

  it('is downloaded, uploaded, and restored there: both are equal', async () => {
    await there.start('there');
    const response = await upload(content);
    expect(response.status).toBe(201);
    const { digest } = await here.done('GET', `/v1/backups/${id}`);
    expect(await response.json()).toMatchObject({ id, digest });
    expect((await upload(content)).status).toBe(200);
    expect((await there.call('POST', `/v1/backups/${id}:restore`)).status).toBe(202);
    await there.untilRestored();
    expect(await there.world()).toBe(before);
  });

  it('is downloaded in stretches, each of the same state', async () => {
    const head = await fetch(`${here.server.url}${path()}`, { method: 'HEAD' });
    expect(Number(head.headers.get('content-length'))).toBe(content.length);
    const tag = head.headers.get('etag')!;
    const first = content.subarray(0, 1_000_000);
    const rest = await download({ range: `bytes=${first.length}-`, 'if-range': tag });
    expect(sha256(Buffer.concat([first, rest]))).toBe(sha256(content));
    const other = await fetch(`${here.server.url}${path()}`, { headers: { range: 'bytes=5-', 'if-range': '"other"' } });
    expect([other.status, (await other.arrayBuffer()).byteLength]).toEqual([200, content.length]);
    const behind = await fetch(`${here.server.url}${path()}`, { headers: { range: `bytes=${content.length}-` } });
    expect([behind.status, behind.headers.get('content-range')]).toEqual([416, `bytes */${content.length}`]);
  });

  it('with a flipped byte, or cut, is refused in words, and nothing of it is left', async () => {
    await there.start('there');
    const harmed = Buffer.from(content);
    harmed[content.length >> 1]! ^= 1;
    for (const body of [harmed, content.subarray(0, content.length - 600), Buffer.from('no archive')]) {
      const response = await upload(body);
      expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([
        422,
        'backup-content-damaged',
      ]);
    }
    expect(await readdir(join(directory.path, 'backups-there'))).toEqual([]);
    expect((await there.done('GET', '/v1/backups')).items).toEqual([]);
    // Control: the service takes the same bytes without the harm.
    expect((await upload(content)).status).toBe(201);
  });

  it('of which half arrived when the client left, or the service was killed at any step, is not there', async () => {
    await there.start('there');
    const leaving = new AbortController();
    const half = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(content.subarray(0, content.length >> 1)),
    });
    const sent = fetch(`${there.server.url}${path()}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/x-tar' },
      body: half,
      duplex: 'half',
      signal: leaving.signal,
    } as RequestInit);
    await until(async () => (await names()).includes(`${id}.arriving`));
    leaving.abort();
    await expect(sent).rejects.toThrow();
    await until(async () => (await names()).length === 0);
    await there.server.stop();
    for (const step of ['file-written:3', 'arrived', 'flushed', 'named']) {
      await there.start('there', { env: { WEIR_FAIL_POINT: `backup-upload:${step}` } });
      await upload(content).catch(() => undefined);
      expect(await there.server.exited, step).toMatchObject({ signal: 'SIGKILL' });
      await there.start('there');
      expect(await names(), step).toEqual(step === 'named' ? [id] : []);
      await there.server.stop();
    }
  });

  const names = (): Promise<string[]> => readdir(join(directory.path, 'backups-there')).catch(() => []);

  async function until(holds: () => Promise<boolean>): Promise<void> {
    while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
