import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { readConfig } from '#libs/platform/config';
import { createLogger, SystemClock } from '#libs/platform/observability';
import { startService, type Service } from '../service.js';

/** A data directory that a release has written, and what its users saw. */
export interface GoldenDirectory {
  /** Release, and the format of its log. */
  readonly madeBy: string;
  readonly logFormat: number;
  /** By path below the data directory, in base64. */
  readonly data: Readonly<Record<string, string>>;
  /** A backup of the same service by path below its directory, under its id; null where the release took none. */
  readonly backup: { readonly id: string; readonly files: Readonly<Record<string, string>> } | null;
  /** See {@link seenBy}. */
  readonly seen: unknown;
}

const SCHEMA = '{"type":"record","name":"Order","fields":[{"name":"cents","type":"int"}]}';
/** What a process leaves that says nothing of its data. */
const PASSING = /(?:^|\/)(?:lock|\.lock|ballast)|\.lock$|-shm$/;

/** Starts a service of the present release, fills it, takes a backup, and packs what lies on the disk after its stop. Deterministic but for ids and times. */
export async function makeGoldenDirectory(version: string): Promise<GoldenDirectory> {
  const cwd = await mkdtemp(join(tmpdir(), 'weir-golden-'));
  const service = await serviceOn(cwd, version);
  await fill(service.url);
  const seen = await seenBy(service.url);
  const id = await takenBackup(service.url);
  await service.stop();
  const data = await packed(join(cwd, 'data'));
  const marker = JSON.parse(Buffer.from(data['log/weir-log.json']!, 'base64').toString()) as { format: number };
  const backup = id === null ? null : { id, files: await packed(join(cwd, 'backups', id)) };
  await rm(cwd, { recursive: true });
  return { madeBy: version, logFormat: marker.format, data, backup, seen };
}

/** Starts the service of this tree on `data` and `backups` below a directory. @throws what keeps it from starting. */
export async function serviceOn(cwd: string, version: string): Promise<Service> {
  const config = readConfig({
    env: {
      WEIR_HTTP_PORT: '0',
      WEIR_DATA_DIR: join(cwd, 'data'),
      WEIR_BACKUPS_DIRECTORY: join(cwd, 'backups'),
      WEIR_STORAGE_BALLAST_BYTES: '0',
    },
    cwd,
  });
  const logger = createLogger({ level: 'silent', format: 'json' });
  return await startService({ config, clock: new SystemClock(), logger, version });
}

/** Writes files of a {@link GoldenDirectory} below a directory. */
export async function unpack(files: Readonly<Record<string, string>>, directory: string): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), Buffer.from(text, 'base64'));
  }
}

/** A golden directory as the repository keeps it: JSON, compressed. */
export function textOfGolden(golden: GoldenDirectory): Uint8Array {
  return gzipSync(JSON.stringify(golden), { level: 9 });
}

export function goldenFrom(bytes: Uint8Array): GoldenDirectory {
  return JSON.parse(gunzipSync(bytes).toString()) as GoldenDirectory;
}

/** What a release promises to find again, by what every release has shown: ids, offsets, records, positions, verdicts. */
export async function seenBy(url: string): Promise<unknown> {
  const get = async (path: string): Promise<Shown> => (await (await fetch(`${url}${path}`)).json()) as Shown;
  const names = (await get('/v1/topics')).items!.map(({ name }) => name).sort();
  const topics: unknown[] = [];
  for (const name of names) {
    const { partitions } = await get(`/v1/topics/${name}`);
    const { records } = await get(`/v1/topics/${name}/records?from=start&limit=1000`);
    topics.push([
      name,
      partitions!.map(({ partition, startOffset, endOffset }) => [partition, startOffset, endOffset]),
      records!.map(({ partition, offset, key, value, timestamp }) => [partition, offset, key, value, timestamp]),
    ]);
  }
  const { positions } = await get('/v1/groups/billing');
  const narrower = await fetch(`${url}/compatibility/subjects/orders-value/versions/latest`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ schema: SCHEMA.replace('"int"', '"string"') }),
  });
  return {
    topics,
    deleted: (await get('/v1/topics?deleted=true')).items!.map(({ name }) => name),
    positions: positions!.map(({ topic, partition, offset }) => [topic, partition, offset]),
    subjects: await get('/subjects'),
    version: await get('/subjects/orders-value/versions/1'),
    schema: await get('/schemas/ids/1'),
    verdict: ((await narrower.json()) as { is_compatible: boolean }).is_compatible,
  };
}

interface Shown {
  readonly id?: string;
  readonly operation?: string;
  readonly state?: string;
  readonly items?: readonly { readonly name: string }[];
  readonly partitions?: readonly {
    readonly partition: number;
    readonly startOffset: string;
    readonly endOffset: string;
  }[];
  readonly records?: readonly Readonly<Record<'partition' | 'offset' | 'key' | 'value' | 'timestamp', unknown>>[];
  readonly positions?: readonly Readonly<Record<'topic' | 'partition' | 'offset', unknown>>[];
}

async function fill(url: string): Promise<void> {
  const send = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${url}${path}`, {
      method,
      ...(body === undefined ? {} : { headers, body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${await response.text()}`);
    return response.status === 204 ? undefined : await response.json();
  };
  await send('POST', '/v1/topics', { name: 'orders', partitions: 2 });
  await send('POST', '/v1/topics', { name: 'prices', partitions: 1, config: { 'cleanup.policy': 'compact' } });
  await send('POST', '/v1/topics', { name: 'gone', partitions: 1 });
  await send('POST', '/subjects/orders-value/versions', { schema: SCHEMA });
  for (let n = 0; n < 5; n++) {
    const records = Array.from({ length: 8 }, (_, i) => ({ key: `k${i}`, value: { cents: n * 8 + i } }));
    await send('POST', '/v1/topics/orders/records', { records });
    await send('POST', '/v1/topics/prices/records', {
      records: [
        { key: 'p', value: n },
        { key: `q${n}`, value: null },
      ],
    });
  }
  await send('PUT', '/v1/groups/billing/positions', { positions: [{ topic: 'orders', partition: 1, offset: '3' }] });
  // A group that was leased and is deleted: its writer is forgotten.
  const asked = { topics: ['orders'], startAt: 'earliest' };
  const { lease } = (await send('POST', '/v1/groups/passing/leases', asked)) as { lease: { id: string } };
  await send('POST', `/v1/leases/${lease.id}:release`);
  await send('DELETE', '/v1/groups/passing');
  await send('POST', '/v1/topics/gone/records', { records: [{ key: 'a', value: 1 }] });
  await send('DELETE', '/v1/topics/gone');
}

/** @returns the id of a backup, null where the service takes none. */
async function takenBackup(url: string): Promise<string | null> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/v1/backups`, { method: 'POST', headers, body: '{}' });
  if (!response.ok) return null;
  const { id, operation } = (await response.json()) as Shown;
  for (;;) {
    const { state } = (await (await fetch(`${url}/v1/operations/${operation}`)).json()) as Shown;
    if (state === 'FINISHED') return id!;
    if (state === 'FAILED') return null;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function packed(directory: string): Promise<Record<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .filter((path) => !PASSING.test(path))
    .sort();
  const files: Record<string, string> = {};
  for (const path of paths) files[path] = (await readFile(join(directory, path))).toString('base64');
  return files;
}
