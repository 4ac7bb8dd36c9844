import { describe, expect, it } from 'vitest';
import {
  type AlterConfigOptions,
  type ClusterAdministration,
  type ConfigDescription,
  type ConfigResource,
  type PartitionOutcome,
  type PartitionReplicas,
  type ReassignmentTarget,
  SingleBrokerAdministration,
} from '../index.js';
import { ContractContext } from './contract/contract-context.js';
import { logEnginePromise } from './log-engine-contract.js';
import { MemoryLogEngine } from './memory-engine.js';

const FACTS = { path: 'memory', checkOpen: () => undefined };

class Leaderless extends SingleBrokerAdministration {
  override async describeReplicas(topics?: readonly string[]): Promise<readonly PartitionReplicas[]> {
    return (await super.describeReplicas(topics)).map((one) => ({ ...one, inSync: [] }));
  }
}

class ValidatingByDoing extends SingleBrokerAdministration {
  override alterConfig(
    resource: ConfigResource,
    changes: Readonly<Record<string, string | null>>,
    options: AlterConfigOptions = {},
  ): Promise<void> {
    return super.alterConfig(resource, changes, { ...options, validateOnly: false });
  }
}

class WithoutOrigins extends SingleBrokerAdministration {
  override async describeConfigs(resources: readonly ConfigResource[]): Promise<readonly ConfigDescription[]> {
    return (await super.describeConfigs(resources)).map((one) => ({
      ...one,
      entries: one.entries.map((entry) => ({ ...entry, source: 'DEFAULT_CONFIG' as const, isDefault: true })),
    }));
  }
}

class TakingAnyPlan extends SingleBrokerAdministration {
  override async reassign(targets: readonly ReassignmentTarget[]): Promise<readonly PartitionOutcome[]> {
    return targets.map(({ topic, partition }) => ({ topic, partition }));
  }
}

class GuessingTopics extends SingleBrokerAdministration {
  override async describeReplicas(topics?: readonly string[]): Promise<readonly PartitionReplicas[]> {
    return await super.describeReplicas(topics).catch(() => []);
  }
}

/** An administration made to break promises, and one that must not hold with it. */
const BROKEN: readonly {
  readonly what: string;
  readonly administration: new (
    ...args: ConstructorParameters<typeof SingleBrokerAdministration>
  ) => ClusterAdministration;
  readonly breaks: string;
}[] = [
  {
    what: 'loses leaders from those in sync',
    administration: Leaderless,
    breaks: 'every partition has a leader among its copies, which is in sync, and copies are on brokers of the cluster',
  },
  {
    what: 'makes a change to validate it',
    administration: ValidatingByDoing,
    breaks: 'a change of settings that is only to be validated is judged and changes nothing; made, it is seen at once',
  },
  {
    what: 'does not say where a value comes from',
    administration: WithoutOrigins,
    breaks: 'settings of a topic are described by name: value, default, where it comes from, and what it means',
  },
  {
    what: 'takes any plan',
    administration: TakingAnyPlan,
    breaks: 'a plan that moves copies where they are changes nothing, and one that cannot be is refused as a whole',
  },
  {
    what: 'knows every topic',
    administration: GuessingTopics,
    breaks: 'every verb of the administration says which topic or broker does not exist',
  },
];

describe('negative controls of the administration', () => {
  for (const { what, administration: Administration, breaks } of BROKEN) {
    it(`an administration that ${what} fails: ${breaks}`, async () => {
      const open = async () => {
        const engine = new MemoryLogEngine();
        Object.defineProperty(engine, 'administration', { value: new Administration(engine, FACTS) });
        return { engine, reopen: () => Promise.resolve(engine), dispose: () => engine.close() };
      };
      const context = new ContractContext(await open(), open, 300);
      await expect(logEnginePromise(breaks).holds(context)).rejects.toThrow();
      await context.dispose();
    });
  }
});
