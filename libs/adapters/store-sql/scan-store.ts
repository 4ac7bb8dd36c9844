import type { JsonObject } from '#libs/core/kernel';
import { ScanStore, type ScanPart, type ScanTrouble } from '#libs/core/scans';
import type { SqlStore } from './sql-store.js';

/** Parts saved, or dropped, in one transaction; other writes wait meanwhile. */
const PIECE = 200;

interface PartDocument {
  readonly gone: number;
  readonly trouble: ScanTrouble | null;
  readonly summary: JsonObject;
}

/** What scans have found, in the table of migration 0017. */
export class SqlScanStore extends ScanStore {
  constructor(private readonly store: SqlStore) {
    super();
  }

  async save(scan: string, parts: readonly ScanPart[]): Promise<void> {
    for (let at = 0; at < parts.length; at += PIECE) {
      const piece = parts.slice(at, at + PIECE).map(({ index, position, ...rest }) => {
        const document: PartDocument = rest;
        return [scan, index, position, JSON.stringify(document)] as const;
      });
      await this.store.write(async (session) => {
        for (const values of piece) {
          await session.run(
            `insert into scan_parts (operation_id, part, position, document) values (?, ?, ?, ?)
             on conflict (operation_id, part) do update set position = excluded.position, document = excluded.document
             where scan_parts.position <= excluded.position`,
            values,
          );
        }
      });
    }
  }

  async parts(scan: string, after: number, limit: number): Promise<readonly ScanPart[]> {
    const rows = await this.store.all<{ part: number; position: number; document: string }>(
      'select part, position, document from scan_parts where operation_id = ? and part > ? order by part limit ?',
      [scan, after, limit],
    );
    return rows.map(({ part: index, position, document }) => {
      const { gone, trouble, summary } = JSON.parse(document) as PartDocument;
      return { index, position, gone, trouble, summary };
    });
  }

  async drop(scan: string): Promise<void> {
    for (let dropped = PIECE; dropped === PIECE;) {
      dropped = await this.store.write((session) =>
        session.run(
          `delete from scan_parts where operation_id = ?
           and part in (select part from scan_parts where operation_id = ? order by part limit ?)`,
          [scan, scan, PIECE],
        ),
      );
    }
  }

  async next(scan: string): Promise<string | undefined> {
    const row = await this.store.one<{ id: string }>(
      'select operation_id as id from scan_parts where operation_id > ? order by operation_id limit 1',
      [scan],
    );
    return row?.id;
  }
}
