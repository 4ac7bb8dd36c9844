import { describe, expect, it } from 'vitest';
import { AppError } from '#libs/core/kernel';
import { ManualClock } from '#libs/core/kernel/testing';
import { Clusters, type LogEngine } from './engine.js';
import { clusterNotFound } from './errors.js';
import { MemoryLogEngine, MemoryTopicNames } from './testing/index.js';
import { TopicDirectories } from './topic-directories.js';

describe('directories of clusters', () => {
  class Two extends Clusters {
    readonly defaultName = 'local';
    private readonly engines = new Map<string, LogEngine>([
      ['local', new MemoryLogEngine()],
      ['far', new MemoryLogEngine()],
    ]);

    get(name: string): LogEngine {
      const engine = this.engines.get(name);
      if (engine === undefined) throw clusterNotFound(name, this.names());
      return engine;
    }

    names(): readonly string[] {
      return [...this.engines.keys()];
    }
  }

  it('a cluster stands for the log it is, and for no other; one that is not configured for none', () => {
    const clusters = new Two();
    const { logId } = clusters.get('far');
    expect(['far', 'local', 'near'].map((name) => clusters.standsFor(name, logId))).toEqual([true, false, false]);
  });

  it('of one that is away nothing is said: not that it is no log, nor that it is one; those that are present are found', async () => {
    class Away extends Two {
      isAway = true;
      override get(name: string): LogEngine {
        if (this.isAway && name === 'far') {
          throw new AppError({ kind: 'unavailable', code: 'cluster-unavailable', message: 'It is away.' });
        }
        return super.get(name);
      }
      override present(): readonly string[] {
        return this.isAway ? ['local'] : this.names();
      }
    }
    const clusters = new Away();
    const directories = new TopicDirectories(clusters, new MemoryTopicNames(), new ManualClock());
    const local = directories.of('local');
    const unavailable = expect.objectContaining({ code: 'cluster-unavailable' }) as Error;
    expect(clusters.standsFor('far', 'some log')).toBe(false);
    expect(directories.all()).toEqual([local]);
    expect(directories.clusterOf(local.engine.logId)).toBe('local');
    expect(local.inLog(local.engine.logId)).toBe(local);
    for (const asked of [
      () => directories.of('far'),
      () => directories.clusterOf('another log'),
      () => local.inLog('another log'),
      () => local.demandAllLogs(),
    ]) {
      expect(asked).toThrow(unavailable);
    }
    await expect(local.there('another log', 'orders')).rejects.toThrow(unavailable);
    clusters.isAway = false;
    expect(directories.clusterOf(clusters.get('far').logId)).toBe('far');
    expect(local.inLog(clusters.get('far').logId)).toBe(directories.of('far'));
    expect(directories.clusterOf('another log')).toBeUndefined();
    expect(local.inLog('another log')).toBeUndefined();
  });

  it('each cluster has one directory, the default one where none is named', () => {
    const clusters = new Two();
    const directories = new TopicDirectories(clusters, new MemoryTopicNames(), new ManualClock());
    expect(directories.of()).toBe(directories.of('local'));
    expect(directories.of('far').engine).toBe(clusters.get('far'));
    expect(() => directories.of('near')).toThrow(expect.objectContaining({ code: 'cluster-not-found' }));
  });
});
