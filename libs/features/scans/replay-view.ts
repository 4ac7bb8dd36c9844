import type { ReplayedPartition, ReplayResult } from '#libs/core/scans';
import type { ReplayView } from './replay-shapes.js';

export function replayViewOf(operation: string, result: ReplayResult): ReplayView {
  const { parameters, complete, over, partitions, writers, failures } = result;
  const shown = partitions.map(partitionView);
  const sum = (of: (one: ReplayedPartition) => number | undefined): number =>
    partitions.reduce((total, one) => total + (of(one) ?? 0), 0);
  const totals = {
    read: totalOf(shown, 'read'),
    failed: totalOf(shown, 'failed'),
    undecodable: totalOf(shown, 'undecodable'),
    absent: sum(({ summary }) => summary?.absent),
    unnamed: sum(({ summary }) => summary?.unnamed),
    unknown: sum(({ summary }) => summary?.unknown),
  };
  return {
    operation,
    cluster: parameters['cluster'] as string,
    topic: parameters['topic'] as string,
    generation: parameters['generation'] as number,
    part: parameters['part'] as ReplayView['part'],
    over,
    complete,
    verdict: verdictOf(totals, complete),
    ...totals,
    writers: [...writers].map(([schemaId, count]) => ({ schemaId, ...count })),
    partitions: shown,
    failures: failures.map(({ offset, ...one }) => ({ ...one, offset: String(offset) })),
  };
}

function verdictOf(
  { failed, undecodable, unknown, unnamed }: Pick<ReplayView, 'failed' | 'undecodable' | 'unknown' | 'unnamed'>,
  complete: boolean,
): ReplayView['verdict'] {
  if (failed > 0) return 'fails';
  return complete && undecodable + unknown + unnamed === 0 ? 'reads-all' : 'unknown';
}

function partitionView({
  range,
  position,
  gone,
  trouble,
  summary,
}: ReplayedPartition): ReplayView['partitions'][number] {
  const counts = [...(summary?.writers.values() ?? [])];
  return {
    partition: range.partition,
    from: String(range.from),
    position: String(position),
    to: String(range.to),
    records: summary?.records ?? 0,
    read: totalOf(counts, 'read'),
    failed: totalOf(counts, 'failed'),
    undecodable: totalOf(counts, 'undecodable'),
    gone,
    trouble: trouble?.message ?? null,
  };
}

type Count = 'read' | 'failed' | 'undecodable';

function totalOf(counts: readonly Readonly<Record<Count, number>>[], member: Count): number {
  return counts.reduce((sum, one) => sum + one[member], 0);
}
