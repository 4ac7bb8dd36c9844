import { AppError, impossible } from '#libs/core/kernel';
import type { TopicName, TopicNames } from './topic-names.js';

/** Where a topic is whose name stands in a log, when it is not simply there under that name. */
export type TopicPlace =
  /**
   * It moved to another log, or to another name in this one. Its readers read here up to `closedAt` and go on there at `opensAt`, per partition: they miss and repeat nothing. Empty: unknown.
   */
  | {
      readonly kind: 'moved';
      readonly logId: string;
      /** Its name there, where that is another: the name of this row is an old one, which leads there. */
      readonly topic?: string;
      readonly closedAt: readonly number[];
      readonly opensAt: readonly number[];
    }
  /** It is on its way here and lives under the other name or in the other log, until that row says that it moved here. So one row decides, in both directions. */
  | { readonly kind: 'arriving'; readonly logId: string; readonly topic?: string };

/** A log, and the name that a topic has in it. */
export interface TopicHome {
  readonly logId: string;
  readonly topic: string;
}

/** More moves than any topic has behind it at the same time: rows that point in a circle are wrong. */
const MOST_MOVES = 64;

/** The log a topic lives in and its name there, asked of a log whose name table knows it. @returns what was asked where the topic is there, or is not known to be elsewhere. */
export async function homeOf(names: TopicNames, logId: string, logical: string): Promise<TopicHome> {
  let at: TopicHome = { logId, topic: logical };
  for (let moves = 0; moves < MOST_MOVES; moves++) {
    const place = (await names.find(at.logId, at.topic))?.place ?? null;
    if (place === null) return at;
    const other: TopicHome = { logId: place.logId, topic: place.topic ?? at.topic };
    if (place.kind === 'arriving') {
      const there = (await names.find(other.logId, other.topic))?.place ?? null;
      if (there?.kind === 'moved' && isSameHome({ logId: there.logId, topic: there.topic ?? other.topic }, at))
        return at;
    }
    at = other;
  }
  return impossible('the places of a topic point in a circle', { logical, logId });
}

/** Whether two places are one. */
export function isSameHome(one: TopicHome, other: TopicHome): boolean {
  return one.logId === other.logId && one.topic === other.topic;
}

/** Whether a row is that of an old name: the topic has another one in the same log now. */
export function isOldName(row: TopicName | undefined): boolean {
  return row?.place?.kind === 'moved' && row.place.logId === row.logId;
}

/** An old name of a topic was given where only its present one will do. */
export const topicRenamed = (name: string, topic: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'topic-renamed',
    message: `'${name}' is an old name of topic '${topic}'; records are written and read under it, and nothing else is done.`,
    hint: `Use the name '${topic}', or give the old name up with DELETE /v1/topics/${name}.`,
    details: { name, topic },
  });

/** The topic is in another cluster: `cluster` by its name here, undefined where no cluster of this service is that log. */
export const topicMoved = (topic: string, from: string | undefined, cluster: string | undefined, logId: string) =>
  new AppError({
    kind: 'conflict',
    code: 'topic-moved',
    message:
      cluster === undefined
        ? `Topic '${topic}' is in another log, ${logId}, which is no cluster of this service.`
        : `Topic '${topic}' is in cluster '${cluster}'${from === undefined ? '' : `, not in '${from}'`}.`,
    hint:
      cluster === undefined
        ? 'Configure that cluster.'
        : `Name that cluster: paths below /v1/clusters/${cluster} reach the topic, and its groups and leases.`,
    details: { topic, logId, ...(cluster === undefined ? {} : { cluster }) },
  });
