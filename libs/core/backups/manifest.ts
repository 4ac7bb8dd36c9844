import { createHash } from 'node:crypto';
import type { TopicDescription } from '#libs/core/log';
import { backupDamaged, backupNewer } from './errors.js';

/** Of everything in a backup. Rises when an older release could misread what this one writes; a newer one is refused untouched. */
export const BACKUP_FORMAT = 1;

/** A file of a backup. */
export interface BackedUpFile {
  /** Below the backup's directory: `log/…` or `metadata/…`. */
  readonly path: string;
  readonly bytes: number;
  /** In hex. */
  readonly sha256: string;
  /** See `FixedFile`: a later backup of the same log takes over a file of the same seal. */
  readonly seal?: string;
}

export interface BackedUpPartition {
  readonly partition: number;
  readonly startOffset: number;
  readonly endOffset: number;
  readonly health: 'ok' | 'degraded';
}

export interface BackedUpTopic {
  /** Physical: a generation of a logical topic. */
  readonly name: string;
  readonly id: string;
  readonly state: string;
  readonly partitions: readonly BackedUpPartition[];
}

/** What a backup is, and the position that everything in it stands at. */
export interface BackupManifest {
  readonly format: number;
  readonly id: string;
  /** When everything was as it is here, epoch ms. */
  readonly takenAtMs: number;
  /** Release that made it. */
  readonly madeBy: string;
  /** The embedded log: each partition from its start offset up to its end offset. Null where there is none. */
  readonly log: { readonly logId: string; readonly topics: readonly BackedUpTopic[] } | null;
  /** `sqlite`: as of the same moment. `postgres`: not in the backup. */
  readonly metadata: 'sqlite' | 'postgres';
  /** What is not in it, in words. */
  readonly leftOut: readonly string[];
  readonly files: readonly BackedUpFile[];
}

/** Files that a backup may have at most. */
const MOST_FILES = 2_000_000;
const PATH = /^(?:log|metadata)(?:\/[a-zA-Z0-9][a-zA-Z0-9._-]*)+$/;

/** The text of a manifest, with its own checksum. */
export function manifestText(manifest: BackupManifest): string {
  const text = JSON.stringify(manifest);
  return `{"sha256":"${sha256Of(text)}","manifest":${text}}\n`;
}

/**
 * Reads a manifest. Whatever it says, its paths lead nowhere but into the backup.
 * @throws `backup-newer`, `backup-damaged`.
 */
export function parseManifest(id: string, text: string): BackupManifest {
  const [, checksum, body] = /^\{"sha256":"([0-9a-f]{64})","manifest":(.*)\}\n$/s.exec(text) ?? [];
  if (body === undefined) throw backupDamaged(id, ['its manifest cannot be read']);
  const format = /^\{"format":(\d{1,9}),/.exec(body)?.[1];
  if (format !== undefined && Number(format) > BACKUP_FORMAT) throw backupNewer(id, format, BACKUP_FORMAT);
  if (sha256Of(body) !== checksum) throw backupDamaged(id, ['the checksum of its manifest is wrong']);
  const manifest = JSON.parse(body) as BackupManifest;
  const { files } = manifest;
  if (files.length > MOST_FILES) throw backupDamaged(id, [`it has ${files.length} files, more than ${MOST_FILES}`]);
  const strange = files.find(({ path }) => !PATH.test(path) || path.split('/').includes('..'));
  if (strange !== undefined) throw backupDamaged(id, ['its manifest names a file that no backup has']);
  return manifest;
}

/** Topics as a manifest keeps them. */
export function topicsOf(topics: readonly TopicDescription[]): BackedUpTopic[] {
  return topics.map(({ name, id, state, partitions }) => ({
    name,
    id,
    state,
    partitions: partitions.map(({ partition, startOffset, endOffset, health }) => ({
      partition,
      startOffset,
      endOffset,
      health,
    })),
  }));
}

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
