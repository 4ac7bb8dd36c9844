import { isJsonObject, type JsonObject, type JsonValue } from '#libs/core/kernel';

/** Files that a backup may have at most. */
const MOST_FILES = 2_000_000;
const PATH = /^(?:log|metadata)(?:\/[a-zA-Z0-9][a-zA-Z0-9._-]*)+$/;
/** What an archive can carry. */
const LONGEST_PATH = 255;
const SHA256 = /^[0-9a-f]{64}$/;
const ID = /^[a-z0-9-]{1,64}$/;
const LONGEST_TEXT = 1_000;

/**
 * Says what is wrong with the shape of a manifest, in words that repeat nothing of it; undefined when it can be relied on: members are what `BackupManifest` says, and paths lead nowhere but into the backup and are
 * all different.
 */
export function shapeProblem(manifest: JsonValue): string | undefined {
  if (!isJsonObject(manifest)) return 'its manifest is no object';
  const { id, takenAtMs, madeBy, log, metadata, leftOut, files } = manifest;
  if (typeof id !== 'string' || !ID.test(id)) return 'its manifest has no id';
  if (!isCount(takenAtMs) || takenAtMs > 8.64e15) return 'its manifest names no moment';
  if (!isShort(madeBy)) return 'its manifest names no release';
  if (metadata !== 'sqlite' && metadata !== 'postgres') return 'its manifest does not say where its metadata is';
  if (!Array.isArray(leftOut) || !leftOut.every(isShort)) return 'its manifest does not say what was left out';
  if (!Array.isArray(files)) return 'its manifest names no files';
  if (files.length > MOST_FILES) return `it has ${files.length} files, more than ${MOST_FILES}`;
  return filesProblem(files) ?? (log === null ? undefined : logProblem(log));
}

function filesProblem(files: readonly JsonValue[]): string | undefined {
  const paths = new Set<string>();
  const directories = new Set<string>();
  for (const file of files) {
    if (!isJsonObject(file)) return 'its manifest has a file without members';
    const { path, bytes, sha256, seal } = file;
    if (typeof path !== 'string' || path.length > LONGEST_PATH || !PATH.test(path) || path.split('/').includes('..'))
      return 'its manifest names a file that no backup has';
    if (!isCount(bytes) || typeof sha256 !== 'string' || !SHA256.test(sha256))
      return 'its manifest has a file without a checksum';
    if (seal !== undefined && !isShort(seal)) return 'its manifest has a file with a strange seal';
    if (paths.has(path)) return 'its manifest names a file twice';
    paths.add(path);
    for (let cut = path.indexOf('/'); cut >= 0; cut = path.indexOf('/', cut + 1)) directories.add(path.slice(0, cut));
  }
  for (const path of paths) if (directories.has(path)) return 'its manifest names a file that is a directory, too';
  return undefined;
}

function logProblem(log: JsonValue | undefined): string | undefined {
  const strange = 'its manifest does not say what log it holds';
  if (!isJsonObject(log) || !isShort(log['logId']) || !Array.isArray(log['topics'])) return strange;
  return log['topics'].every(isTopic) ? undefined : strange;
}

function isTopic(topic: JsonValue): boolean {
  if (!isJsonObject(topic)) return false;
  const { name, id, state, partitions } = topic;
  return isShort(name) && isShort(id) && isShort(state) && Array.isArray(partitions) && partitions.every(isPartition);
}

function isPartition(partition: JsonValue): boolean {
  if (!isJsonObject(partition)) return false;
  const { startOffset, endOffset, health }: JsonObject = partition;
  const isHealth = health === 'ok' || health === 'degraded';
  return isCount(partition['partition']) && isCount(startOffset) && isCount(endOffset) && isHealth;
}

function isCount(value: JsonValue | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isShort(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && value.length <= LONGEST_TEXT;
}
