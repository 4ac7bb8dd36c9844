import { isJsonObject, type JsonObject, type JsonValue } from '#libs/core/kernel';
import type { PlanDraft } from '#libs/core/operations';
import type { GenerationParameters } from './parameters.js';
import type { TogetherParameters } from './member-runs.js';

/** The plan of several topics that are switched in one step, put together from that of each. `alike`: their new sides must be, or it is blocked. */
export function joinPlans(topics: readonly string[], drafts: readonly PlanDraft[], alike: boolean): PlanDraft {
  const [first, ...others] = drafts as [PlanDraft, ...PlanDraft[]];
  const parameters: TogetherParameters = { topics, members: drafts.map((one) => one.parameters) };
  const named = (of: (draft: PlanDraft) => readonly string[]): string[] =>
    drafts.flatMap((draft, i) => of(draft).map((line) => `${topics[i]}: ${line}`));
  const total = (name: keyof PlanDraft['estimates']): number | null => {
    const all = drafts.map(({ estimates }) => estimates[name]);
    return all.includes(null) ? null : all.reduce<number>((sum, one) => sum + one!, 0);
  };
  return {
    subject: first.subject,
    alsoOn: others.map((one) => one.subject),
    parameters: parameters as unknown as JsonObject,
    fingerprint: Object.fromEntries(drafts.map((one, i) => [topics[i]!, one.fingerprint])),
    steps: [
      ...named(({ steps }) => steps),
      `all in one step: no writer and no reader finds one of ${topics.join(', ')} switched and another not; beyond the pause, or if one of them cannot be switched, none is, and rolling back takes all of them back`,
    ],
    impact: impactOf(topics, drafts),
    // Topics that belong together are not left behind when they come along.
    risks: named(({ risks }) =>
      risks.filter((risk) => !topics.some((one) => risk.startsWith(`co-partitioned: '${one}'`))),
    ),
    blockers: [...named(({ blockers }) => blockers), ...(alike ? unlike(topics, parameters) : [])],
    ...(first.controls && { controls: first.controls }),
    estimates: {
      etaSeconds: total('etaSeconds'),
      pauseMs: total('pauseMs'),
      records: total('records'),
      bytes: total('bytes'),
    },
  };
}

/** What keeps topics from being switched alike. */
function unlike(topics: readonly string[], { members }: TogetherParameters): string[] {
  const sides = members.map((one) => (one as unknown as GenerationParameters).target);
  const counts = new Set(sides.map((one) => one.partitions));
  const placed = new Set(sides.map((one) => JSON.stringify(one.partitioner ?? null)));
  const found: string[] = [];
  if (counts.size > 1) {
    const each = topics.map((topic, i) => `${topic} ${sides[i]!.partitions}`).join(', ');
    found.push(
      `topics that are switched together need the same number of partitions (${each}); name target.partitions`,
    );
  }
  if (placed.size > 1) {
    found.push('topics that are switched together need keys placed alike; name target.partitioner');
  }
  return found;
}

/** What the plan of one topic says, for all of them, and that of each below `members`. */
function impactOf(topics: readonly string[], drafts: readonly PlanDraft[]): JsonObject {
  const of = (name: string): JsonValue[] => drafts.flatMap(({ impact }) => (name in impact ? [impact[name]!] : []));
  const lists = (name: string, key: (one: JsonValue) => string = (one) => JSON.stringify(one)): JsonValue[] => [
    ...new Map(
      of(name)
        .flatMap((list) => list as JsonValue[])
        .map((one) => [key(one), one]),
    ).values(),
  ];
  const topicOf = (one: JsonValue): string => (isJsonObject(one) ? String(one['topic']) : '');
  const skews = of('skew') as JsonObject[];
  const worst = (name: string): number => Math.max(...skews.map((one) => Number(one[name])));
  const translation = drafts.flatMap(({ impact }, i) =>
    ((impact['translation'] ?? []) as JsonObject[]).map((one): JsonObject => ({ ...one, topic: topics[i]! })),
  );
  return {
    topics: [...topics],
    order: [...new Set(of('order'))].join('; '),
    profile: Object.fromEntries(drafts.map(({ impact }, i) => [topics[i]!, impact['profile'] ?? null])),
    ...(skews.length > 0 && {
      skew: { before: worst('before'), after: worst('after'), lowerBound: worst('lowerBound') },
      suggestion: null,
    }),
    translation,
    readers: lists('readers'),
    coPartitioned: lists('coPartitioned', topicOf).filter((one) => !topics.includes(topicOf(one))),
    rollback: [...new Set(of('rollback'))].join('; '),
    members: Object.fromEntries(drafts.map(({ impact }, i) => [topics[i]!, impact])),
  };
}
