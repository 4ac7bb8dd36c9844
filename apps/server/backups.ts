import { resolve } from 'node:path';
import { DiskBackups } from '#libs/adapters/backups-disk';
import { EmbeddedLog, inspectLog } from '#libs/adapters/log-embedded';
import { inspectDatabase, type SqlStore } from '#libs/adapters/store-sql';
import {
  backupErrors,
  Backups,
  topicsOf,
  type BackupContent,
  type BackupCut,
  type BackupManifest,
  type BackupState,
  type Received,
  type StoredBackup,
  type Verification,
} from '#libs/core/backups';
import type { Clock, FixedFile } from '#libs/core/kernel';
import type { Clusters } from '#libs/core/log';
import { LOCAL_CLUSTER, type Config } from '#libs/platform/config';

/** Where the configuration keeps backups. */
export function openBackups({ backups }: Config, clock: Clock, failPoint: (name: string) => void): Backups {
  if (backups.directory === undefined) return new NoBackups();
  const checks = {
    log: async (directory: string, pace: (bytes: number) => Promise<void>) =>
      (await inspectLog(directory, pace)).problems,
    metadata: inspectDatabase,
  };
  return new DiskBackups(resolve(backups.directory), clock, checks, failPoint);
}

/** What a cut is taken of. */
export interface CutParts {
  readonly store: SqlStore;
  readonly clusters: Clusters;
  readonly clock: Clock;
  readonly config: Config;
  readonly version: string;
}

/**
 * Takes cuts of everything the service holds itself. Undefined where all of it is elsewhere.
 *
 * Log and metadata are fixed in one turn of the event loop, between two groups of commits. One process writes both, and whatever it does in one because of the other it does after that was acknowledged: so
 * in a cut no record names a schema that the metadata lacks, and no metadata a place that the log lacks.
 */
export function takerOf(parts: CutParts): (() => Promise<BackupCut>) | undefined {
  const { clusters, config, store, clock, version } = parts;
  const isHeld = config.log.enabled || store.dialect === 'sqlite';
  if (!isHeld) return undefined;
  const facts = { metadata: store.dialect, leftOut: leftOutOf(config, store), madeBy: version };
  return async () => {
    const fixMetadata = () => ({ takenAtMs: clock.now(), metadata: store.cut() });
    const local = config.log.enabled ? clusters.get(LOCAL_CLUSTER) : undefined;
    if (!(local instanceof EmbeddedLog)) {
      const { takenAtMs, metadata } = fixMetadata();
      const files = below('metadata', metadata?.files);
      return { ...facts, takenAtMs, log: null, files, release: () => metadata?.release() };
    }
    const { cut, alongside } = await local.cut(fixMetadata);
    const { takenAtMs, metadata } = alongside;
    return {
      ...facts,
      takenAtMs,
      log: { logId: cut.logId, topics: topicsOf(cut.topics) },
      // The metadata first: its log cannot shrink until it is copied.
      files: [...below('metadata', metadata?.files), ...below('log', cut.files)],
      release: () => {
        metadata?.release();
        cut.release();
      },
    };
  };
}

function below(directory: string, files: readonly FixedFile[] = []): FixedFile[] {
  return files.map((file) => ({ ...file, path: `${directory}/${file.path}` }));
}

function leftOutOf(config: Config, store: SqlStore): string[] {
  return [
    ...(store.dialect === 'postgres'
      ? ['the metadata (registry, operations, names, definitions) on PostgreSQL: use pg_dump']
      : []),
    ...[...config.clusters.keys()].map((name) => `the topics of cluster '${name}' on Apache Kafka`),
    'the rows of views, which are computed anew from their topics',
  ];
}

/** Where no directory is configured: says so. */
class NoBackups extends Backups {
  async list(): Promise<readonly StoredBackup[]> {
    throw backupErrors.backupsNotConfigured();
  }

  async describe(): Promise<StoredBackup> {
    throw backupErrors.backupsNotConfigured();
  }

  async state(): Promise<BackupState> {
    throw backupErrors.backupsNotConfigured();
  }

  async begin(): Promise<void> {
    throw backupErrors.backupsNotConfigured();
  }

  async write(): Promise<BackupManifest> {
    throw backupErrors.backupsNotConfigured();
  }

  async verify(): Promise<Verification> {
    throw backupErrors.backupsNotConfigured();
  }

  async content(): Promise<BackupContent> {
    throw backupErrors.backupsNotConfigured();
  }

  async receive(): Promise<Received> {
    throw backupErrors.backupsNotConfigured();
  }

  async sweep(): Promise<void> {
    // Nothing can have arrived.
  }

  async remove(): Promise<void> {
    throw backupErrors.backupsNotConfigured();
  }
}
