import type { JsonValue } from '#libs/core/kernel';
import { generationInLog, LATE_HORIZON_MS, type DerivationStatus, type HistoryStatement } from '#libs/core/streams';
import type { DerivationView } from './derivation-schemas.js';

/** A derivation as the native API shows it. */
export function viewOf(status: DerivationStatus): DerivationView {
  const { definition, state } = status.stored;
  const { progress } = status;
  return {
    name: definition.name,
    kind: definition.kind,
    source: definition.source,
    orderBy: definition.orderBy as JsonValue,
    nullKeys: definition.nullKeys,
    onConflict: definition.onConflict,
    deletes: (definition.deletes ?? null) as JsonValue,
    late: definition.late ?? 'drop',
    lateHorizonMs: definition.lateHorizonMs ?? LATE_HORIZON_MS,
    key: (definition.key ?? null) as JsonValue,
    schemaVersion: definition.schema?.version ?? null,
    schema: definition.schema ?? null,
    merge: (definition.merge ?? null) as JsonValue,
    backfill: (definition.since ?? null) === null,
    state,
    worker: status.worker,
    problem: status.problem,
    createdAt: new Date(definition.createdAt).toISOString(),
    createdBy: definition.createdBy,
    lag: status.lag === null ? null : { records: status.lag },
    keys: status.keys,
    counts: progress === null ? null : { ...progress.counts },
    position:
      progress === null
        ? null
        : { generation: generationInLog(progress.position.generation), offsets: byPartition(progress.position.next) },
    historyStart: progress === null ? null : byPartition(progress.historyStart),
    history: progress === null ? null : historyOf(progress.history),
  };
}

function historyOf({ missing, completeSince, open }: HistoryStatement): NonNullable<DerivationView['history']> {
  const isKnown = open.length === 0;
  return {
    missing,
    complete: isKnown && completeSince === null,
    completeSince: isKnown ? isoOrNull(completeSince) : null,
  };
}

const isoOrNull = (timeMs: number | null): string | null => (timeMs === null ? null : new Date(timeMs).toISOString());

function byPartition(offsets: readonly number[]): Record<string, string> {
  return Object.fromEntries(offsets.map((offset, partition) => [String(partition), String(offset)]));
}
