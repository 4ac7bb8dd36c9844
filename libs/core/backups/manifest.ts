import { createHash } from 'node:crypto';
import type { JsonValue } from '#libs/core/kernel';
import type { TopicDescription } from '#libs/core/log';
import { backupDamaged, backupNewer } from './errors.js';
import { shapeProblem } from './manifest-shape.js';

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

/** A manifest as it is written. */
const WRAPPED = /^\{"sha256":"([0-9a-f]{64})","manifest":(.*)\}\n$/s;

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
  const [, checksum, body] = WRAPPED.exec(text) ?? [];
  if (body === undefined) throw backupDamaged(id, ['its manifest cannot be read']);
  const format = /^\{"format":(\d{1,9}),/.exec(body)?.[1];
  if (format !== undefined && Number(format) > BACKUP_FORMAT) throw backupNewer(id, format, BACKUP_FORMAT);
  if (sha256Of(body) !== checksum) throw backupDamaged(id, ['the checksum of its manifest is wrong']);
  const manifest = parsed(body);
  const problem = manifest === undefined ? 'its manifest is not JSON' : shapeProblem(manifest);
  if (problem !== undefined) throw backupDamaged(id, [problem]);
  return manifest as unknown as BackupManifest;
}

/**
 * What two copies of a backup are compared by, in hex: the checksum of its manifest, which has those of all files.
 * @param text that {@link parseManifest} has read.
 */
export function digestOf(text: string): string {
  return WRAPPED.exec(text)?.[1] ?? '';
}

function parsed(body: string): JsonValue | undefined {
  try {
    return JSON.parse(body) as JsonValue;
  } catch {
    return undefined;
  }
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
      // Its own log is one broker, which leads.
      health: health === 'degraded' ? health : 'ok',
    })),
  }));
}

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
