import { isAppError } from '#libs/core/kernel';
import { archiveBytes, entryOf, HEADER_BYTES, MANIFEST_NAME, paddingOf } from './archive.js';
import { backupContentDamaged, backupTooLarge } from './errors.js';
import { digestOf, parseManifest, type BackedUpFile, type BackupManifest } from './manifest.js';

/** Largest manifest that is taken from outside: it is kept in memory, with 200 bytes for a file. */
const MANIFEST_BYTES = 64 * 1024 * 1024;

/** A manifest as it arrived. */
export interface ArrivedManifest {
  readonly manifest: BackupManifest;
  /** As it was written. */
  readonly text: Uint8Array;
  readonly digest: string;
}

/**
 * Reads an archive while it arrives, in order: {@link manifest}, {@link file} for each of its files, {@link end}. What arrives is held to what the manifest says, so nothing is taken in beyond it; memory holds the manifest
 * and what arrived last.
 */
export class ArchiveReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  /** Arrived, and not read yet. */
  #rest: Uint8Array = new Uint8Array(0);

  constructor(
    /** The backup that it has to be. */
    private readonly id: string,
    chunks: AsyncIterable<Uint8Array>,
    private readonly maxBytes: number,
  ) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** @throws `backup-content-damaged`, `backup-too-large`, `backup-newer`. */
  async manifest(): Promise<ArrivedManifest> {
    const bytes = await this.#header(MANIFEST_NAME);
    if (bytes > MANIFEST_BYTES) throw backupTooLarge(this.id, bytes, 'manifest', MANIFEST_BYTES);
    const text = await this.#exactly(bytes);
    await this.#padding(bytes);
    const manifest = this.#parsed(Buffer.from(text).toString());
    if (manifest.id !== this.id) throw backupContentDamaged(this.id, `it is backup '${manifest.id}'`);
    const total = archiveBytes(text.length, manifest.files);
    if (total > this.maxBytes) throw backupTooLarge(this.id, total, 'limits.backupBytes', this.maxBytes);
    return { manifest, text, digest: digestOf(Buffer.from(text).toString()) };
  }

  /** The bytes of the next file; all of them have to be read before the next. Their checksum is the caller's to compare. @throws `backup-content-damaged`. */
  async *file({ path, bytes }: BackedUpFile): AsyncGenerator<Uint8Array> {
    const found = await this.#header(path);
    if (found !== bytes) throw backupContentDamaged(this.id, `${path} has ${found} bytes instead of ${bytes}`);
    for (let left = bytes; left > 0;) {
      const chunk = await this.#some(left);
      left -= chunk.length;
      yield chunk;
    }
    await this.#padding(bytes);
  }

  /** Sees to it that nothing comes after the last file. @throws `backup-content-damaged`. */
  async end(): Promise<void> {
    this.#zeros(await this.#exactly(2 * HEADER_BYTES));
    const more = this.#rest.length > 0 || (await this.#chunks.next()).done !== true;
    if (more) throw backupContentDamaged(this.id, 'something follows its end');
  }

  #parsed(text: string): BackupManifest {
    try {
      return parseManifest(this.id, text);
    } catch (error) {
      if (!isAppError(error, 'backup-damaged')) throw error;
      const [problem] = error.details['problems'] as readonly string[];
      throw backupContentDamaged(this.id, problem!);
    }
  }

  /** @returns the bytes of the entry that follows. */
  async #header(path: string): Promise<number> {
    const entry = entryOf(await this.#exactly(HEADER_BYTES));
    if (entry?.path === path) return entry.bytes;
    throw backupContentDamaged(this.id, `${path} is not where it should be`);
  }

  async #padding(bytes: number): Promise<void> {
    this.#zeros(await this.#exactly(paddingOf(bytes)));
  }

  #zeros(bytes: Uint8Array): void {
    if (bytes.some((byte) => byte !== 0)) throw backupContentDamaged(this.id, 'there are bytes between its files');
  }

  async #exactly(bytes: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let left = bytes; left > 0;) {
      const part = await this.#some(left);
      left -= part.length;
      parts.push(part);
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts, bytes);
  }

  /** What is there, at most `most` bytes of it and at least one. */
  async #some(most: number): Promise<Uint8Array> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) throw backupContentDamaged(this.id, 'it ends early');
      this.#rest = next.value;
    }
    const some = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(some.length);
    return some;
  }
}
