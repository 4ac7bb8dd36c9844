import { join, resolve } from 'node:path';
import { decideRestore, forgetRestore, stageRestore } from '#libs/adapters/backups-disk';
import type { SqlStore } from '#libs/adapters/store-sql';
import { backupErrors, type Backups, type BackupWork, Restores } from '#libs/core/backups';
import { type Clusters, isInternalTopic } from '#libs/core/log';
import { LOCAL_CLUSTER } from '#libs/platform/config';
import type { ServiceParts } from './service.js';

interface RestoreParts extends Pick<ServiceParts, 'config' | 'logger' | 'failPoints' | 'onRestored'> {
  readonly backups: Backups;
  readonly store: SqlStore;
  readonly clusters: Clusters;
  /** The data directory. */
  readonly directory: string;
}

/** Names shown of what a service holds. */
const SHOWN = 5;

/**
 * Restores over this service, as long as it holds nothing. What was staged is decided when the service closes: no request is served any more then, and the log can still be asked whether anything came meanwhile.
 */
export class ServiceRestores extends Restores {
  #isStaged = false;

  constructor(private readonly parts: RestoreParts) {
    super();
  }

  async check(id: string): Promise<void> {
    const { backups, store, config } = this.parts;
    const { manifest } = await backups.describe(id);
    if (store.dialect !== 'sqlite') throw backupErrors.restoreNotPossible('its metadata is on PostgreSQL');
    if (manifest.metadata !== 'sqlite') throw backupErrors.restoreNotPossible('the backup holds no metadata');
    if (manifest.log !== null && !config.log.enabled)
      throw backupErrors.restoreNotPossible('log.enabled is false, and the backup holds a log');
    const holds = await this.#holds();
    if (holds.length > 0) throw backupErrors.serviceNotEmpty(holds);
  }

  async stage(id: string, work: BackupWork): Promise<void> {
    await this.check(id);
    const { config, directory, failPoints } = this.parts;
    const from = join(resolve(config.backups.directory ?? ''), id);
    await stageRestore({ from, to: directory, signal: work.signal, pace: work.pace, failPoint: failPoints.pass });
    this.#isStaged = true;
  }

  proceed(): void {
    // After the operation has come to its end: closing waits for it.
    setImmediate(this.parts.onRestored);
  }

  async forget(): Promise<void> {
    this.#isStaged = false;
    await forgetRestore(this.parts.directory);
  }

  /** When the service closes: what was staged takes its place, unless something came into it meanwhile. */
  async decide(): Promise<void> {
    if (!this.#isStaged) return;
    const { logger, directory, failPoints } = this.parts;
    const holds = await this.#holds();
    if (holds.length > 0) {
      logger.error({ holds }, 'nothing was restored: something was written to the service meanwhile');
      return await this.forget();
    }
    failPoints.pass('restore:closing');
    await decideRestore(directory);
    failPoints.pass('restore:decided');
  }

  /** What would be lost, in words. */
  async #holds(): Promise<string[]> {
    const { clusters, config, store } = this.parts;
    const topics = config.log.enabled ? await clusters.get(LOCAL_CLUSTER).listTopics() : [];
    const found = topics.filter(({ name }) => !isInternalTopic(name)).map(({ name }) => `topic '${name}'`);
    const subjects = await store.all<{ name: string }>(
      'select distinct name from registry_subjects order by name limit 5',
    );
    return [...found, ...subjects.map(({ name }) => `subject '${name}'`)].slice(0, SHOWN);
  }
}
