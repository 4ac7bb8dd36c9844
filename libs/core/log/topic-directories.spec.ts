import { describe, expect, it } from 'vitest';
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

  it('each cluster has one directory, the default one where none is named', () => {
    const clusters = new Two();
    const directories = new TopicDirectories(clusters, new MemoryTopicNames(), new ManualClock());
    expect(directories.of()).toBe(directories.of('local'));
    expect(directories.of('far').engine).toBe(clusters.get('far'));
    expect(() => directories.of('near')).toThrow(expect.objectContaining({ code: 'cluster-not-found' }));
  });
});
