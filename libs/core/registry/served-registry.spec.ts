import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { AvroFormat, LocalSchemaEngine, SchemaFormats } from '#libs/core/schema';
import { parseSubject, Registry, servedFault, ServedRegistry, type RegistryChange } from './index.js';
import { MemoryRegistryStore } from './testing/index.js';

const signal = new AbortController().signal;

/** Waits end at once, but for those of an hour. */
class TickingClock extends ManualClock {
  override sleep(ms: number, given?: AbortSignal): Promise<void> {
    return ms > 0 ? super.sleep(ms, given) : Promise.resolve();
  }
}

async function open(store = new MemoryRegistryStore()) {
  const clock = new TickingClock();
  const registry = new Registry(store, new LocalSchemaEngine(new SchemaFormats([new AvroFormat()])), clock);
  const register = (subject: string, schema: string) =>
    registry.register(parseSubject(subject), { schema }, { normalize: false, force: true });
  await register('a', '"int"');
  await register('a', '"long"');
  await register('b', '"int"');
  await register(':.dev:a', '"int"');
  await registry.deleteVersion(parseSubject('a'), 1, false);
  return { store, registry, register, clock, served: new ServedRegistry(store, registry, clock) };
}

describe('what is served', () => {
  it('is what is kept: subjects, versions, deleted ones among them, and schemas of all contexts', async () => {
    const { served } = await open();
    const count = (await served.count(signal))!;
    expect(count.served).toEqual({ subjects: 3, versions: 4, schemas: 3 });
    expect([count.kept, servedFault(count), served.last]).toEqual([count.served, undefined, count]);
  });

  it('is found to be less when rows were lost, and when memory holds what is not there', async () => {
    class Losing extends MemoryRegistryStore {
      lost = 0;
      override async counts() {
        const { subjects, versions, schemas } = await super.counts();
        return { subjects, versions: versions + this.lost, schemas };
      }
    }
    const { served, store } = await open(new Losing());
    (store as Losing).lost = 2;
    expect(servedFault((await served.count(signal))!)).toBe('serves 4 versions where 6 are stored');
    class Silent extends MemoryRegistryStore {
      silent = false;
      override async touchedSince(revision: number, limit: number) {
        const touched = await super.touchedSince(revision, limit);
        return this.silent ? { ...touched, subjects: [], schemas: [], complete: true } : touched;
      }
    }
    const silent = await open(new Silent());
    await silent.registry.versions(parseSubject('b'));
    (silent.store as Silent).silent = true;
    await silent.register('b', '"string"');
    expect(servedFault((await silent.served.count(signal))!)).toContain('serves 4 versions where 5 are stored');
  });

  it('is not judged while it changes all the time', async () => {
    class Busy extends MemoryRegistryStore {
      override async counts() {
        const mode: RegistryChange['facts'] = [{ type: 'mode-set', subject: parseSubject('x'), mode: null }];
        await this.apply({ at: 1, expected: [], facts: mode });
        return { subjects: 0, versions: 0, schemas: 0 };
      }
    }
    const { served } = await open(new Busy());
    expect(await served.count(signal)).toBeUndefined();
    expect(served.last).toBeUndefined();
  });

  it('is counted at once and every hour, until it is ended', async () => {
    const { served, clock } = await open();
    const end = new AbortController();
    let counts = 0;
    let counted = (): void => undefined;
    const next = () => new Promise<void>((resolve) => (counted = resolve));
    const first = next();
    const kept = served.keep(end.signal, () => {
      counts++;
      counted();
    });
    await first;
    const second = next();
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(3_600_000);
    await second;
    end.abort(new Error('over'));
    await expect(kept).rejects.toThrow('over');
    expect(counts).toBe(2);
  });
});
