import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { archiveBytes, archiveParts, entryOf } from './archive.js';
import { ArchiveReader } from './archive-reader.js';
import { BACKUP_FORMAT, digestOf, manifestText, type BackedUpFile, type BackupManifest } from './manifest.js';

const CONTENTS: ReadonlyMap<string, Buffer> = new Map([
  ['metadata/metadata.sqlite', Buffer.alloc(512, 1)],
  ['log/state', Buffer.from('state')],
  [`log/${'long-directory-name/'.repeat(6)}00000000000000000000.log`, Buffer.alloc(700, 7)],
  ['log/empty', Buffer.alloc(0)],
]);

function manifestOf(files: readonly BackedUpFile[], more: Partial<BackupManifest> = {}): BackupManifest {
  const facts = { takenAtMs: 1_700_000_000_000, madeBy: 'test', log: null, metadata: 'sqlite', leftOut: [] } as const;
  return { format: BACKUP_FORMAT, id: 'one', ...facts, files, ...more };
}

function sample(): BackupManifest {
  return manifestOf([...CONTENTS].map(([path, bytes]) => ({ path, bytes: bytes.length, sha256: sha256(bytes) })));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function archiveOf(manifest: BackupManifest): Buffer {
  const text = Buffer.from(manifestText(manifest));
  const parts = [...archiveParts(text, manifest)].map((part) =>
    'memory' in part ? part.memory : CONTENTS.get(part.file.path)!,
  );
  return Buffer.concat(parts);
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** What a receiver does, without a disk. @returns what it has read, or why it refused. */
async function read(bytes: Uint8Array, { piece = 333, most = 1e9 } = {}): Promise<Map<string, Buffer> | string> {
  try {
    const reader = new ArchiveReader('one', inPieces(bytes, piece), most);
    const { manifest } = await reader.manifest();
    const found = new Map<string, Buffer>();
    for (const file of manifest.files) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of reader.file(file)) chunks.push(chunk);
      const content = Buffer.concat(chunks);
      if (sha256(content) !== file.sha256) return 'another checksum';
      found.set(file.path, content);
    }
    await reader.end();
    return found;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

describe('a backup as one file', () => {
  it('is as long as was said, and gives back manifest and files however it arrives', async () => {
    const manifest = sample();
    const bytes = archiveOf(manifest);
    expect(bytes.length).toBe(archiveBytes(Buffer.byteLength(manifestText(manifest)), manifest.files));
    for (const piece of [1, 511, 512, 513, 1e6]) expect(await read(bytes, { piece })).toEqual(CONTENTS);
    expect(archiveOf(manifest)).toEqual(bytes);
    const { digest } = await new ArchiveReader('one', inPieces(bytes, 100), 1e9).manifest();
    expect(digest).toBe(digestOf(manifestText(manifest)));
  });

  it('is refused with any bit flipped, cut anywhere, or with anything behind it', async () => {
    const bytes = archiveOf(sample());
    for (let at = 0; at < bytes.length; at++) {
      const harmed = Buffer.from(bytes);
      harmed[at]! ^= 1 << (at % 8);
      expect(typeof (await read(harmed)), `bit at ${at}`).toBe('string');
    }
    for (let length = 0; length < bytes.length; length += 7)
      expect(await read(bytes.subarray(0, length)), `cut at ${length}`).toBe('backup-content-damaged');
    expect(await read(Buffer.concat([bytes, Buffer.alloc(1)]))).toBe('backup-content-damaged');
  });

  it('negative control: a reader that trusts names and sizes takes a flipped bit for the content', async () => {
    const bytes = archiveOf(sample());
    const harmed = Buffer.from(bytes);
    harmed[harmed.lastIndexOf('state')]! ^= 1;
    // All of the reader but the comparison of checksums.
    const reader = new ArchiveReader('one', inPieces(harmed, 100), 1e9);
    const { manifest } = await reader.manifest();
    for (const file of manifest.files)
      for await (const chunk of reader.file(file)) expect(chunk.length).toBeGreaterThan(0);
    await reader.end();
    expect(await read(harmed)).toBe('another checksum');
  });

  it('is refused before a file is read when it is larger than the limit, or of another backup', async () => {
    const bytes = archiveOf(sample());
    expect(await read(bytes, { most: bytes.length })).toEqual(CONTENTS);
    expect(await read(bytes, { most: bytes.length - 1 })).toBe('backup-too-large');
    expect(await read(archiveOf({ ...sample(), id: 'two' }))).toBe('backup-content-damaged');
    expect(await read(archiveOf({ ...sample(), format: BACKUP_FORMAT + 1 }))).toBe('backup-newer');
  });

  it('whose manifest has the right checksum and the wrong shape is refused', async () => {
    const [file] = sample().files;
    const strange: Partial<Record<keyof BackupManifest, unknown>>[] = [
      { files: {} },
      { files: [null] },
      { files: [{ ...file, path: 'log/../../etc/passwd' }] },
      { files: [{ ...file, path: '/etc/passwd' }] },
      { files: [{ ...file, path: 'log/..' }] },
      { files: [{ ...file, path: 'manifest.json' }] },
      { files: [{ ...file, path: `log/${'x'.repeat(300)}` }] },
      { files: [file, file] },
      { files: [file, { ...file, path: `${file!.path}/below` }] },
      { files: [{ ...file, bytes: -1 }] },
      { files: [{ ...file, bytes: 1.5 }] },
      { files: [{ ...file, sha256: 'x' }] },
      { files: [{ ...file, seal: 1 }] },
      { takenAtMs: 'now' },
      { takenAtMs: 1e300 },
      { madeBy: 7 },
      { metadata: 'elsewhere' },
      { leftOut: 'nothing' },
      { log: 'none' },
      { log: { logId: 'l', topics: [{ name: 't', id: 'i', state: 'ACTIVE', partitions: [{ partition: 0 }] }] } },
    ];
    for (const more of strange) {
      const manifest = { ...sample(), ...more } as unknown as BackupManifest;
      const text = Buffer.from(manifestText(manifest));
      const bytes = Buffer.concat(
        [...archiveParts(text, sample())].slice(0, 3).map((part) => ('memory' in part ? part.memory : Buffer.alloc(0))),
      );
      expect(await read(bytes), JSON.stringify(more)).toBe('backup-content-damaged');
    }
  });

  it('names sizes beyond eight gibibytes, as tar does', () => {
    const bytes = 3 * 8 ** 12 + 5;
    const parts = [
      ...archiveParts(Buffer.from('x'), manifestOf([{ path: 'log/large', bytes, sha256: sha256(Buffer.from('')) }])),
    ];
    const header = parts[3]!;
    expect('memory' in header && entryOf(header.memory)).toEqual({ path: 'log/large', bytes });
  });
});
