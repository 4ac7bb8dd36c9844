import type { FileSystem } from './file-system.js';
import { flushDirectory, flushFile } from './flush.js';
import { writeAll } from './write-all.js';

/** All bytes of a file, undefined when it does not exist. */
export async function readWhole(files: FileSystem, path: string): Promise<Uint8Array | undefined> {
  if ((await files.fileSize(path)) === undefined) return undefined;
  const file = await files.open(path, 'read');
  try {
    const bytes = Buffer.allocUnsafeSlow(await file.size());
    return bytes.subarray(0, await file.read(bytes, 0));
  } finally {
    await file.close();
  }
}

/**
 * Puts a whole file in its place durably: written aside, flushed, renamed over, the directory flushed. A crash leaves the old or the new content.
 * `renamed` is called before the directory is flushed.
 */
export async function writeWhole(
  files: FileSystem,
  directory: string,
  name: string,
  content: Uint8Array,
  renamed?: () => void,
): Promise<void> {
  const aside = `${directory}/${name}.new`;
  const file = await files.open(aside, 'create');
  try {
    await file.truncate(0);
    await writeAll(file, content, 0);
    await flushFile(file);
  } finally {
    await file.close();
  }
  await files.rename(aside, `${directory}/${name}`);
  renamed?.();
  await flushDirectory(files, directory);
}
