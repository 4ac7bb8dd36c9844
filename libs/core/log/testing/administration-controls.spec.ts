import { describe, expect, it } from 'vitest';
import {
  type AccessRule,
  type AccessRuleFilter,
  type AlterConfigOptions,
  type ClusterAdministration,
  type ConfigDescription,
  type ConfigResource,
  logErrors,
  type NewAccessRule,
  type PartitionOutcome,
  type PartitionReplicas,
  type ReassignmentTarget,
  SingleBrokerAdministration,
  type TopicDescription,
  type TopicSpec,
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

/** Keeps rules as an authorizer does, as far as the promises look. */
class KeepingRules extends SingleBrokerAdministration {
  protected rules: readonly NewAccessRule[] = [];

  override async listAccessRules(filter: AccessRuleFilter = {}): Promise<readonly AccessRule[]> {
    return this.matching(filter);
  }

  override async createAccessRules(rules: readonly NewAccessRule[] = []): Promise<void> {
    if (rules.some((rule) => !rule.principal.includes(':'))) throw logErrors.invalidAccessRule('whose is it?');
    const told = new Set(this.rules.map((rule) => JSON.stringify(rule)));
    this.rules = [...this.rules, ...rules.filter((rule) => !told.has(JSON.stringify(rule)))];
  }

  override async deleteAccessRules(filter: AccessRuleFilter = {}): Promise<readonly AccessRule[]> {
    const gone = this.matching(filter);
    this.rules = this.rules.filter((rule) => !gone.includes(rule));
    return gone;
  }

  protected matching(filter: AccessRuleFilter): readonly NewAccessRule[] {
    return this.rules.filter((rule) =>
      Object.entries(filter).every(([name, value]) => rule[name as keyof NewAccessRule] === value),
    );
  }
}

class DeletingMore extends KeepingRules {
  override deleteAccessRules({ principal }: AccessRuleFilter = {}): Promise<readonly AccessRule[]> {
    return super.deleteAccessRules({ ...(principal && { principal }) });
  }
}

class DeletingSilently extends KeepingRules {
  override async deleteAccessRules(filter: AccessRuleFilter = {}): Promise<readonly AccessRule[]> {
    await super.deleteAccessRules(filter);
    return [];
  }
}

class CollectingRules extends KeepingRules {
  override async createAccessRules(rules: readonly NewAccessRule[] = []): Promise<void> {
    await super.createAccessRules(rules.slice(0, 0));
    this.rules = [...this.rules, ...rules];
  }
}

const RULES_ARE_KEPT =
  'access rules that are stored are listed, a second time too, and gone once they are deleted, which answers them';

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
  { what: 'deletes more rules than it was asked to', administration: DeletingMore, breaks: RULES_ARE_KEPT },
  { what: 'does not say which rules it deleted', administration: DeletingSilently, breaks: RULES_ARE_KEPT },
  { what: 'keeps a rule twice, and any rule', administration: CollectingRules, breaks: RULES_ARE_KEPT },
];

/** An engine with this administration. */
async function contextWith(administration: (typeof BROKEN)[number]['administration']): Promise<ContractContext> {
  const open = async () => {
    const engine = new MemoryLogEngine();
    Object.defineProperty(engine, 'administration', { value: new administration(engine, FACTS) });
    return { engine, reopen: () => Promise.resolve(engine), dispose: () => engine.close() };
  };
  return new ContractContext(await open(), open, 300);
}

describe('negative controls of the administration', () => {
  for (const { what, administration: Administration, breaks } of BROKEN) {
    it(`an administration that ${what} fails: ${breaks}`, async () => {
      const context = await contextWith(Administration);
      await expect(logEnginePromise(breaks).holds(context)).rejects.toThrow();
      await context.dispose();
    });
  }

  it('an administration that keeps rules as promised passes', async () => {
    const context = await contextWith(KeepingRules);
    await logEnginePromise(RULES_ARE_KEPT).holds(context);
    await context.dispose();
  });

  it('an engine that takes topics without looking at where their copies are to be fails', async () => {
    class CarelessWithCopies extends MemoryLogEngine {
      override createTopic({ name, partitions, config }: TopicSpec): Promise<TopicDescription> {
        return super.createTopic({ name, partitions, ...(config && { config }) });
      }
    }
    const engine = new CarelessWithCopies();
    const open = async () => ({ engine, reopen: () => Promise.resolve(engine), dispose: () => engine.close() });
    const context = new ContractContext(await open(), open, 300);
    const title =
      'copies are where they were asked to be, as many as were asked for, or the topic is refused and not there';
    await expect(logEnginePromise(title).holds(context)).rejects.toThrow("'invalid-replication'");
    await context.dispose();
  });
});
