import { isCompacted, type TopicDirectory } from '#libs/core/log';
import { sourcesOf, type ViewDefinition } from './view-definition.js';

/**
 * Topics of which not everything is there any more that rows are made of. Rows of present states are made of the last record of each key, which compaction keeps; events, histories and rows that end softly
 * are made of all records. Compaction does not move the begin of a log: what is gone from there may have been the last of its key, in a compacted topic too.
 * @param sources only these, by place in `sourcesOf`
 */
export async function lostTopics(
  directory: TopicDirectory,
  view: ViewDefinition,
  sources: readonly number[] = sourcesOf(view).map((_, source) => source),
): Promise<string[]> {
  const lost: string[] = [];
  for (const [source, topic] of sourcesOf(view).entries()) {
    if (!sources.includes(source)) continue;
    const { description } = (await directory.wherever(topic)).resolved;
    const takesAll =
      source < view.sources.length && (view.mode === 'events' || view.history || view.deletes.mode === 'soft');
    const compacted = isCompacted(description.config);
    const trimmed = description.partitions.some((one) => one.startOffset > 0);
    if (trimmed || (takesAll && compacted)) lost.push(topic);
  }
  return lost;
}
