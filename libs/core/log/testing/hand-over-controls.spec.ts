import { describe, expect, it } from 'vitest';
import { NOBODY_RESTS, type RestingGroups } from '../index.js';
import { ContractContext, type OpenedLog } from './contract/contract-context.js';
import { logEnginePromise } from './log-engine-contract.js';
import { MemoryLogEngine, type MemoryLogOptions } from './memory-engine.js';
import { MemoryLogStorage } from './memory-storage.js';

class TakingPositionsAlways extends MemoryLogEngine {
  constructor(options: MemoryLogOptions) {
    super(options);
    this.groups.checkPosition = (_, position) => void this.storage.partition(position);
  }
}

/** Stores where groups go on, and lets their members go on as they were. */
class FencingNobody extends MemoryLogEngine {
  constructor(options: MemoryLogOptions) {
    super(options);
    const { groups } = this;
    const checked = groups.checkHandOver.bind(groups);
    groups.checkHandOver = (change) => {
      const carry = checked({ ...change, groups: [] });
      return () => {
        carry();
        for (const { group, positions } of change.groups) {
          positions.forEach((offset, partition) =>
            groups.storePosition(group, { topic: change.to, partition, offset }),
          );
        }
      };
    };
  }
}

class ForgettingProducers extends MemoryLogEngine {
  constructor(options: MemoryLogOptions) {
    super(options);
    const { groups } = this;
    const checked = groups.checkHandOver.bind(groups);
    groups.checkHandOver = (change) => {
      const before = this.storage.topic(change.to).partitions.map((one) => one.producers.all());
      const carry = checked(change);
      return () => {
        carry();
        this.storage.topic(change.to).partitions.forEach(({ producers }, i) => {
          producers.expire(Infinity);
          producers.restore(before[i]!);
        });
      };
    };
  }
}

class RestingNobody extends MemoryLogEngine {
  override restGroups(): RestingGroups {
    return NOBODY_RESTS;
  }
}

const BROKEN: readonly (readonly [
  what: string,
  engine: new (options: MemoryLogOptions) => MemoryLogEngine,
  breaks: string,
])[] = [
  [
    'takes positions of a closed topic',
    TakingPositionsAlways,
    'a topic that is closed to positions takes none, from members, writers or anybody, until it is opened or ACTIVE, also over a restart',
  ],
  [
    'fences no member of a group that is handed over',
    FencingNobody,
    'a group with live members is handed over: what they claim by then is refused, and they join anew where it goes on',
  ],
  [
    'forgets producers',
    ForgettingProducers,
    'batches of producers are recognised where their topic was handed over to, there and back, also over a restart',
  ],
  [
    'lets members read on that are to rest',
    RestingNobody,
    'members that are asked to rest may store how far they came, and read nothing before the rest is over',
  ],
];

describe('controls of handing over: the contract finds an engine that', () => {
  for (const [what, Engine, title] of BROKEN) {
    it(what, async () => {
      const open = async (): Promise<OpenedLog> => {
        const storage = new MemoryLogStorage();
        let engine = new Engine({ storage });
        return {
          engine,
          reopen: async () => {
            await engine.close();
            return (engine = new Engine({ storage }));
          },
          dispose: async () => engine.close(),
        };
      };
      const context = new ContractContext(await open(), open, 200);
      await expect(logEnginePromise(title).holds(context)).rejects.toThrow();
      await context.dispose();
    });
  }
});
