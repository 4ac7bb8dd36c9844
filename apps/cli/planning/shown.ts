import { placeText, type CheckFinding } from '../check/finding.js';
import type { Outcome, Table } from '../outcome.js';
import type { PlannedChange, Refusal } from '../project/plan-file.js';
import { topicChangeText, type PlannedTopic } from '../project/topics.js';
import type { MadePlan } from './make-plan.js';

const NOTHING = 'Nothing to do: the service is what the project says.';

/** A plan for people and programs. @param pendingCode whether pending changes have an exit code of their own. */
export function planOutcome(made: MadePlan, pendingCode: boolean): Outcome {
  const { plan, topicsPlan, client, findings, blockers } = made;
  const changes = plan.changes.filter(({ outcome }) => outcome !== 'unchanged');
  const topics = topicsPlan.topics.filter(({ outcome }) => outcome !== 'unchanged');
  const pending = changes.length + topics.length;
  const blocked = blockers.length > 0;
  return {
    kind: 'Plan',
    data: {
      server: client.address,
      hash: plan.hash,
      verdict: blocked ? 'blocked' : 'ok',
      pending,
      blockers,
      changes: plan.changes.map(shownChange),
      topics: topicsPlan.topics,
      findings,
      request: null,
      requests: client.requests,
    },
    text: `${findingsText(findings)}${pending === 0 && !blocked ? NOTHING : countText(plan.changes, topicsPlan.topics)}`,
    ...(pending === 0 ? {} : { table: changesTable(changes, topics) }),
    names: [...changes.map(nameOf), ...topics.map(({ topic }) => topic)],
    exit: blocked ? 'no' : pendingCode && pending > 0 ? 'pending' : 'done',
    ...(blocked
      ? {
          error: {
            code: 'plan-blocked',
            message: `The plan cannot be applied: ${blockers[0]}`,
            hint: 'Nothing was changed. Remove what blocks it and plan again.',
          },
        }
      : {}),
  };
}

/** What an apply came to. */
export function appliedOutcome(
  server: string,
  changes: readonly PlannedChange[],
  topics: readonly PlannedTopic[],
  warnings: readonly string[] = [],
): Outcome {
  const done = changes.filter(({ outcome }) => outcome !== 'unchanged');
  const made = topics.filter(({ outcome }) => outcome !== 'unchanged');
  return {
    kind: 'AppliedPlan',
    data: { server, changes: changes.map(shownChange), topics },
    ...(done.length + made.length === 0 ? { text: NOTHING } : { table: changesTable(changes, topics) }),
    names: [
      ...done.map(nameOf),
      ...made.filter(({ outcome }) => outcome === 'new' || outcome === 'set').map(({ topic }) => topic),
    ],
    warnings,
  };
}

/** A line for each change, for who is asked. */
export function changeLines(changes: readonly PlannedChange[], topics: readonly PlannedTopic[]): readonly string[] {
  return [
    ...changes
      .filter(({ outcome }) => outcome !== 'unchanged')
      .map((change) => `  ${change.outcome.padEnd(8)} ${nameOf(change)}`),
    ...topics
      .filter(({ outcome }) => outcome !== 'unchanged')
      .map((one) => `  ${one.outcome.padEnd(8)} topic ${one.topic}: ${topicChangeText(one)}`),
  ];
}

export function countText(changes: readonly PlannedChange[], topics: readonly PlannedTopic[]): string {
  const count = (outcome: PlannedChange['outcome']): number => changes.filter((one) => one.outcome === outcome).length;
  const ofTopics = (outcome: PlannedTopic['outcome']): number => topics.filter((one) => one.outcome === outcome).length;
  const parts = [
    [count('new'), 'to register'],
    [count('set'), 'settings to change'],
    [count('deleted'), 'to delete'],
    [ofTopics('new'), 'topics to create'],
    [ofTopics('set'), 'topics to change'],
    [count('refused') + ofTopics('refused'), 'refused'],
    [count('unchanged') + ofTopics('unchanged'), 'unchanged'],
  ] as const;
  return parts
    .filter(([number]) => number > 0)
    .map(([number, what]) => `${number} ${what}`)
    .join(', ');
}

function shownChange({ index: _index, ...change }: PlannedChange): object {
  return change;
}

function nameOf({ subject, version }: PlannedChange): string {
  return version === null ? subject : `${subject}@${version}`;
}

const TOPIC_WORDS: Readonly<Record<PlannedTopic['outcome'], string>> = {
  new: 'create topic',
  set: 'set topic',
  unchanged: 'unchanged',
  refused: 'topic refused',
  failed: 'topic failed',
  'not-tried': 'topic not tried',
};

function changesTable(changes: readonly PlannedChange[], topics: readonly PlannedTopic[]): Table {
  return {
    columns: [
      { title: 'change' },
      { title: 'name' },
      { title: 'version', right: true },
      { title: 'id', right: true },
      { title: 'what' },
    ],
    rows: [
      ...changes.map(({ kind, outcome, subject, version, id, refusal, deletedVersions }) => [
        kind === 'register' ? outcome : `${kind} ${outcome === 'set' || outcome === 'deleted' ? '' : outcome}`.trim(),
        subject,
        version ?? (deletedVersions.length > 0 ? deletedVersions.join(',') : null),
        id,
        refusal === null ? '' : refusalText(refusal),
      ]),
      ...topics.map((one) => [
        TOPIC_WORDS[one.outcome],
        one.topic,
        null,
        null,
        one.refusal === null ? topicChangeText(one) : one.refusal.message,
      ]),
    ],
  };
}

/** In a cell of a table: findings are told before it, each at its place. */
function refusalText({ message, findings }: Refusal): string {
  if (findings.length === 0) return message;
  return findings.length === 1 ? 'one finding, above' : `${findings.length} findings, above`;
}

function findingsText(findings: readonly CheckFinding[]): string {
  return findings
    .map(({ location, level, ruleId, direction, message, before, after, help, waiver }) =>
      [
        `${placeText(location)}: ${level}${waiver === null ? '' : ' (waived)'} ${ruleId}${direction === null ? '' : ` (${direction})`}`,
        `  ${message}`,
        ...(before === null ? [] : [`  - ${before}`]),
        ...(after === null ? [] : [`  + ${after}`]),
        ...(help === null ? [] : [`  → ${help}`]),
        '',
      ].join('\n'),
    )
    .join('\n');
}
