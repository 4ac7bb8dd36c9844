import { describe, expect, it } from 'vitest';
import type { GroupMember, GroupPosition, GroupRefusal, JoinGroup, MemberClaim } from '../index.js';
import { ContractContext, type OpenedLog } from './contract/contract-context.js';
import { logEnginePromise } from './log-engine-contract.js';
import { MemoryLogEngine, type MemoryLogOptions } from './memory-engine.js';
import type { MemoryLogStorage } from './memory-storage.js';
import { SkippingClock } from './skipping-clock.js';

/** Takes positions from whoever once was a member. */
class BelievingMembers extends MemoryLogEngine {
  override async commitAsMember(
    group: string,
    claim: MemberClaim | undefined,
    positions: readonly GroupPosition[],
  ): Promise<GroupRefusal | undefined> {
    if (claim === undefined) return super.commitAsMember(group, claim, positions);
    for (const position of positions) this.groups.storePosition(group, position);
    return undefined;
  }
}

/** Answers before, and without, storing. */
class Forgetful extends MemoryLogEngine {
  override async commitAsMember(group: string, claim: MemberClaim | undefined): Promise<GroupRefusal | undefined> {
    return super.commitAsMember(group, claim, []);
  }
}

class TakingPositionsFromAnybody extends MemoryLogEngine {
  override async commitPositions(group: string, positions: readonly GroupPosition[]): Promise<void> {
    for (const position of positions) this.groups.storePosition(group, position);
  }
}

class NeverMissingAnybody extends MemoryLogEngine {
  override joinGroup(group: string, options: JoinGroup): Promise<GroupMember> {
    return super.joinGroup(group, { ...options, sessionTimeoutMs: 1_000_000 });
  }
}

/** Each member is a group of its own, so all read everything. */
class SharingWithNobody extends MemoryLogEngine {
  private count = 0;
  override joinGroup(group: string, options: JoinGroup): Promise<GroupMember> {
    return super.joinGroup(`${group}-${++this.count}`, options);
  }
}

class DealingAnew extends MemoryLogEngine {
  override joinGroup(group: string, options: JoinGroup): Promise<GroupMember> {
    return super.joinGroup(group, { ...options, strategies: ['roundrobin'] });
  }
}

/** Shows a member the topics of when it came. */
class LookingOnce extends MemoryLogEngine {
  override async joinGroup(group: string, options: JoinGroup): Promise<GroupMember> {
    const { topics: wanted } = options;
    if (!('matching' in wanted)) return super.joinGroup(group, options);
    const topics = (await this.listTopics()).map((one) => one.name).filter((name) => wanted.matching(name));
    return super.joinGroup(group, { ...options, topics });
  }
}

class BeginningAnywhere extends MemoryLogEngine {
  override joinGroup(group: string, options: JoinGroup): Promise<GroupMember> {
    return super.joinGroup(group, { ...options, startAt: 'earliest' });
  }
}

class WithoutInstances extends MemoryLogEngine {
  override joinGroup(group: string, { instanceId: _, ...options }: JoinGroup): Promise<GroupMember> {
    return super.joinGroup(group, options);
  }
}

interface Broken {
  readonly engine?: new (options: MemoryLogOptions) => MemoryLogEngine;
  readonly restart?: (storage: MemoryLogStorage) => void;
}

const BROKEN: readonly (Broken & { readonly what: string; readonly breaks: readonly string[] })[] = [
  {
    what: 'takes positions of members that the group went on without',
    engine: BelievingMembers,
    breaks: [
      'a member that falls silent is removed after its session timeout, and what it commits then is refused',
      'a static member comes back under its name without a rebalance, and ends the one before it',
    ],
  },
  {
    what: 'does not store what members commit',
    engine: Forgetful,
    breaks: [
      'positions of members outlive a restart, and the generation goes on rising',
      'members share the partitions, each with one of them, and who stays takes over what another leaves',
    ],
  },
  {
    what: 'takes positions from anybody while there are members',
    engine: TakingPositionsFromAnybody,
    breaks: ['while a group has members nobody else stores its positions or deletes it'],
  },
  {
    what: 'waits for silent members',
    engine: NeverMissingAnybody,
    breaks: [
      'a member that falls silent is removed after its session timeout, and what it commits then is refused',
      'a member learns what it lost while it was away',
    ],
  },
  {
    what: 'gives every member everything',
    engine: SharingWithNobody,
    breaks: [
      'members share the partitions, each with one of them, and who stays takes over what another leaves',
      'before a member gives up partitions it can commit them, and whoever gets them goes on from there',
      'a description names state, strategy and members with what they read',
      'a member that shares no strategy with the others is refused, and the group goes on',
    ],
  },
  {
    what: 'moves more than must move',
    engine: DealingAnew,
    breaks: ['cooperative members go on with what they keep, and what moves is given up before it is given away'],
  },
  {
    what: 'looks at the topics once',
    engine: LookingOnce,
    breaks: ['topics and partitions that come and go are shared out anew'],
  },
  {
    what: 'begins where it likes',
    engine: BeginningAnywhere,
    breaks: ['a member alone is assigned every partition, each where the group stands or where it said to begin'],
  },
  {
    what: 'does not know static members',
    engine: WithoutInstances,
    breaks: ['a static member comes back under its name without a rebalance, and ends the one before it'],
  },
  {
    what: 'forgets generations when it starts again',
    restart: (storage) => storage.generations.clear(),
    breaks: ['positions of members outlive a restart, and the generation goes on rising'],
  },
];

function open({ engine: Engine = MemoryLogEngine, restart }: Broken): OpenedLog {
  const clock = new SkippingClock();
  let engine = new Engine({ clock });
  return {
    engine,
    skip: (ms) => clock.skip(ms),
    async reopen() {
      await engine.close();
      restart?.(engine.storage);
      return (engine = new Engine({ clock, storage: engine.storage }));
    },
    dispose: () => engine.close(),
  };
}

async function holds(title: string, broken: Broken): Promise<void> {
  const openOne = (): Promise<OpenedLog> => Promise.resolve(open(broken));
  const context = new ContractContext(await openOne(), openOne, 1_000);
  try {
    await logEnginePromise(title).holds(context);
  } finally {
    await context.dispose();
  }
}

describe('negative controls of group members', () => {
  for (const { what, breaks, ...broken } of BROKEN) {
    for (const title of breaks) {
      it(`an engine that ${what} fails: ${title}`, async () => {
        await expect(holds(title, broken)).rejects.toThrow();
        await expect(holds(title, {}), 'the sound engine').resolves.toBeUndefined();
      });
    }
  }
});
