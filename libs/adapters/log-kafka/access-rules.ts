import {
  type AccessRule,
  type AccessRuleFilter,
  ACL_OPERATIONS,
  ACL_PATTERN_TYPES,
  ACL_PERMISSIONS,
  ACL_RESOURCE_TYPES,
  logErrors,
  type NewAccessRule,
} from '#libs/core/log';
import * as api from './client.js';
import { CODE, expectNone } from './error-codes.js';
import type { KafkaCluster } from './kafka-cluster.js';

/** How long the brokers may take to show what the controller has stored. */
const FOLLOW_FOR_MS = 10_000;

/** The access rules of the brokers' authorizer, as the brokers tell and take them. */
export class AccessRuleAdmin {
  readonly #cluster: KafkaCluster;

  constructor(cluster: KafkaCluster) {
    this.#cluster = cluster;
  }

  async list(filter: AccessRuleFilter): Promise<readonly AccessRule[]> {
    return await this.#cluster.persist(async () =>
      this.#rulesIn(await this.#cluster.callAny('DescribeAcls', api.describeAcls, asked(filter))),
    );
  }

  async create(rules: readonly NewAccessRule[]): Promise<void> {
    if (rules.length === 0) return;
    const creations = rules.map((rule) => ({
      ...asked({ ...rule }),
      resourceName: rule.resourceName,
      principal: rule.principal,
      host: rule.host,
    }));
    await this.#cluster.persist(async () => {
      const { results } = await this.#cluster.callAny('CreateAcls', api.createAcls, creations);
      for (const { errorCode, errorMessage } of results) expectKept('CreateAcls', errorCode, errorMessage);
    });
    await this.#untilEveryBroker(rules, (found) => rules.every((rule) => found.has(textOf(rule))));
  }

  async delete(filter: AccessRuleFilter): Promise<readonly AccessRule[]> {
    // Looked at first, so that what an attempt without an answer deletes can still be told.
    const before = await this.list(filter);
    const deleted = await this.#cluster.persist(async () => {
      const { filterResults } = await this.#cluster.callAny('DeleteAcls', api.deleteAcls, [asked(filter)]);
      return filterResults.flatMap(({ errorCode, errorMessage, matchingAcls }) => {
        expectKept('DeleteAcls', errorCode, errorMessage);
        return matchingAcls.map((one) => {
          expectNone('DeleteAcls', one.errorCode, one.errorMessage);
          return ruleOf(one);
        });
      });
    });
    const gone = new Map([...before, ...deleted].map((rule) => [textOf(rule), rule]));
    await this.#untilEveryBroker([...gone.values()], (found) => ![...gone.keys()].some((text) => found.has(text)));
    return inOrder([...gone.values()]);
  }

  /** Brokers follow the controller a moment later. Not for ever: somebody else may have changed the same rules again. */
  async #untilEveryBroker(rules: readonly unknown[], isSo: (found: ReadonlySet<string>) => boolean): Promise<void> {
    if (rules.length === 0) return;
    const { clock } = this.#cluster;
    const until = clock.monotonic() + FOLLOW_FOR_MS;
    for (const node of this.#cluster.nodes()) {
      for (; clock.monotonic() < until; await this.#cluster.pause(10)) {
        const found = await this.#cluster.persist(async () =>
          this.#rulesIn(await this.#cluster.call(node, 'admin', 'DescribeAcls', api.describeAcls, asked({}))),
        );
        if (isSo(new Set(found.map(textOf)))) break;
      }
    }
  }

  #rulesIn({ errorCode, errorMessage, resources }: DescribedRules): readonly AccessRule[] {
    expectKept('DescribeAcls', errorCode, errorMessage);
    return inOrder(
      resources.flatMap(({ resourceType, resourceName, resourcePatternType, acls }) =>
        acls.map((one) => ruleOf({ ...one, resourceType, resourceName, resourcePatternType })),
      ),
    );
  }
}

type DescribedRules = Awaited<ReturnType<typeof api.describeAcls.async>>;

/** A rule with the protocol's numbers. */
interface NumberedRule {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly resourcePatternType: number;
  readonly principal: string;
  readonly host: string;
  readonly operation: number;
  readonly permissionType: number;
}

/** @throws `access-rules-not-kept`, `invalid-access-rule`. */
function expectKept(what: string, code: number, detail?: string | null): void {
  if (code === CODE.SECURITY_DISABLED) throw logErrors.accessRulesNotKept('its brokers have no authorizer');
  if (code === CODE.INVALID_REQUEST) throw logErrors.invalidAccessRule(detail ?? 'the brokers give no reason');
  expectNone(what, code, detail);
}

/** A filter with the protocol's numbers; a rule to make is written the same way. */
function asked(filter: AccessRuleFilter) {
  return {
    resourceType: RESOURCE_TYPES.number(filter.resourceType) as 1,
    resourceName: filter.resourceName ?? null,
    resourcePatternType: PATTERN_TYPES.number(filter.patternType) as 1,
    principal: filter.principal ?? null,
    host: filter.host ?? null,
    operation: OPERATIONS.number(filter.operation) as 1,
    permissionType: PERMISSIONS.number(filter.permission) as 1,
  };
}

function ruleOf(one: NumberedRule): AccessRule {
  return {
    resourceType: RESOURCE_TYPES.word(one.resourceType),
    resourceName: one.resourceName,
    patternType: PATTERN_TYPES.word(one.resourcePatternType),
    principal: one.principal,
    host: one.host,
    operation: OPERATIONS.word(one.operation),
    permission: PERMISSIONS.word(one.permissionType),
  };
}

/** The same text for the same rule. */
function textOf(rule: AccessRule): string {
  const { resourceType, resourceName, patternType, principal, host, operation, permission } = rule;
  return JSON.stringify([resourceType, resourceName, patternType, principal, host, operation, permission]);
}

function inOrder(rules: readonly AccessRule[]): readonly AccessRule[] {
  const ordered = rules.map((rule) => [textOf(rule), rule] as const);
  return ordered.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, rule]) => rule);
}

/** What the protocol's filters call "any". */
const ANY = 1;

/** The numbers the protocol has for words. */
class Words<Word extends string> {
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #words: ReadonlyMap<number, Word>;

  constructor(words: readonly Word[], numbers: readonly number[]) {
    this.#numbers = new Map(words.map((word, i) => [word, numbers[i]!]));
    this.#words = new Map(words.map((word, i) => [numbers[i]!, word]));
  }

  number(word: string | undefined): number {
    return word === undefined ? ANY : (this.#numbers.get(word) ?? ANY);
  }

  word(number: number): Word | 'UNKNOWN' {
    return this.#words.get(number) ?? 'UNKNOWN';
  }
}

const RESOURCE_TYPES = new Words(ACL_RESOURCE_TYPES, [2, 3, 4, 5, 6, 7]);
const PATTERN_TYPES = new Words([...ACL_PATTERN_TYPES, 'MATCH'], [3, 4, 2]) as Words<
  (typeof ACL_PATTERN_TYPES)[number]
>;
const OPERATIONS = new Words(ACL_OPERATIONS, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
const PERMISSIONS = new Words(ACL_PERMISSIONS, [3, 2]);
