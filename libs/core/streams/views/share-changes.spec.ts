import { describe, expect, it } from 'vitest';
import { AnsweredTransforms, GivenTypes } from '../testing/view-feeding.js';
import { GROUPED } from '../testing/view-oracle.js';
import { parseDeclaration } from './declaration.js';
import { ShareChanges } from './share-changes.js';
import { shareLayout, tableShapes, stateTable } from './table-shapes.js';
import { TableChanges } from './table-changes.js';
import type { StoredRows, TableRow } from './view-tables.js';

describe('what rows count for in their groups', () => {
  /** Groups in which so many orders refer to one person. */
  async function changedPerson(orders: number, most: number): Promise<{ readonly asked: number }> {
    const tools = { types: new GivenTypes(), transforms: new AnsweredTransforms() };
    const { definition: view } = await parseDeclaration('v', 'local', GROUPED, tools);
    const width = tableShapes(view).find(({ table }) => table === stateTable(view))!.columns.length;
    const { group, order, joins } = shareLayout(view);
    const rows = Array.from({ length: orders }, (_, n): TableRow => {
      const cells = new Array<string | number | null>(width).fill(null);
      cells.splice(0, 4, 1, 0, n, 0);
      [cells[joins], cells[group], cells[order]] = ['ann', '[null,null]', ''];
      return { identity: `o${String(n).padStart(6, '0')}`, cells };
    });
    const told = { asked: 0 };
    const stored: StoredRows = {
      rows: async (table, identities) =>
        new Map(
          table === 0 ? identities.map((one) => [one, [null, null, null, orders, ...new Array(24).fill(null)]]) : [],
        ),
      find: async ({ after = '', limit }) => {
        told.asked++;
        return rows.filter(({ identity }) => identity > after).slice(0, limit);
      },
    };
    const shares = new ShareChanges(view, stored, new TableChanges(), most);
    await shares.references(0, [{ identity: 'ann', records: [], stored: undefined, marked: false }]);
    return told;
  }

  it('changes with a reference row of which there are as many as fit in memory, and says so of one with more before it has read them', async () => {
    expect(await changedPerson(1_000, 1_000)).toEqual({ asked: 3 });
    await expect(changedPerson(3_000, 1_000)).rejects.toMatchObject({
      code: 'too-many-references',
      message: expect.stringMatching(/More than 1000 rows refer by 'who' to rows of 'people'/) as string,
    });
  });
});
