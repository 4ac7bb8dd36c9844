import { AppError, impossible } from '#libs/core/kernel';
import type { TopicNames } from './topic-names.js';

/** Where a topic is whose name stands in a log, when it is not simply there. */
export type TopicPlace =
  /**
   * It moved to another log. Its readers read here up to `closedAt` and go on there at `opensAt`, per partition: they miss and repeat nothing. Empty: unknown.
   */
  | {
      readonly kind: 'moved';
      readonly logId: string;
      readonly closedAt: readonly number[];
      readonly opensAt: readonly number[];
    }
  /** It is on its way here and lives in the other log, until that one's name says that it moved here. So one row decides, in both directions. */
  | { readonly kind: 'arriving'; readonly logId: string };

/** More moves than any topic has behind it at the same time: rows that point in a circle are wrong. */
const MOST_MOVES = 64;

/** The log a topic lives in, asked of one whose name table knows it. @returns `logId` itself where the topic is there, or is not known to be elsewhere. */
export async function homeOf(names: TopicNames, logId: string, logical: string): Promise<string> {
  let at = logId;
  for (let moves = 0; moves < MOST_MOVES; moves++) {
    const place = (await names.find(at, logical))?.place ?? null;
    if (place === null) return at;
    if (place.kind === 'arriving') {
      const there = (await names.find(place.logId, logical))?.place ?? null;
      if (there?.kind === 'moved' && there.logId === at) return at;
    }
    at = place.logId;
  }
  return impossible('the places of a topic point in a circle', { logical, logId });
}

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
