import { generationInLog, sourcesOf, type ViewPositions, type ViewStatus } from '#libs/core/streams';
import type { ViewView } from './view-schemas.js';

/** A view as the native API shows it. */
export function viewOf(status: ViewStatus): ViewView {
  const { stored, definition, positions } = status;
  return {
    name: stored.name,
    cluster: stored.cluster,
    target: definition.target,
    version: stored.version,
    role: stored.role,
    state: stored.state,
    worker: status.worker,
    problem: status.problem,
    createdAt: new Date(stored.createdAtMs).toISOString(),
    columns: definition.columns.map((column) => ({ name: column.name, type: column.type })),
    revision: stored.evolution.revision,
    sources: sourcesOf(definition).map((topic, index) => {
      const at = positions?.sources[index];
      return {
        topic,
        generation: at === undefined ? null : generationInLog(at.generation),
        positions: Object.fromEntries((at?.next ?? []).map((next, partition) => [String(partition), String(next)])),
      };
    }),
    commit: positions?.commit ?? null,
    lag: status.lag,
    staleMs: status.staleMs === null ? null : Math.round(status.staleMs),
    refusedRecords: positions?.refused ?? null,
    declaration: stored.declaration,
  };
}

/** The position rows reflect, as an opaque token: version of the view and number of the commit. */
export function positionText(version: number, positions: ViewPositions): string {
  return `${version}.${positions.commit}`;
}
