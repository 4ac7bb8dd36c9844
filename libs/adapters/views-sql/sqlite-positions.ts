import type Database from 'better-sqlite3';
import {
  sourcesOf,
  viewNotFound,
  type SourcePosition,
  type ViewDefinition,
  type ViewPositions,
} from '#libs/core/streams';

/** What has to be known of a view to tell where it stands. */
export interface PlacedView {
  readonly name: string;
  /** How many topics it reads. */
  readonly sources: number;
  /** Of its definition. */
  readonly revision: number;
}

export const placed = (view: ViewDefinition): PlacedView => ({
  name: view.name,
  sources: sourcesOf(view).length,
  revision: view.evolution.revision,
});

/** @throws `view-not-found` */
export function positionsIn(database: Database.Database, id: string, view: PlacedView): ViewPositions {
  const stands = database.prepare('select commits, epoch from weir_views where id = ?').raw().get(id);
  if (stands === undefined) throw viewNotFound(view.name);
  const [commits, epoch] = stands as [number, number];
  const sources = Array.from({ length: view.sources }, (): SourcePosition | undefined => undefined);
  const rows = database
    .prepare('select source, generation, next from weir_positions where view = ? order by source, partition')
    .all(id);
  for (const row of rows as { source: number; generation: number; next: number }[]) {
    const source = Number(row.source);
    const known = sources[source];
    sources[source] = { generation: Number(row.generation), next: [...(known?.next ?? []), Number(row.next)] };
  }
  const refused = database.prepare('select count(*) from weir_refused where view = ?').pluck().get(id);
  return { epoch: Number(epoch), commit: Number(commits), sources, refused: Number(refused) };
}
