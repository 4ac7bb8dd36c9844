import { AppError } from '#libs/core/kernel';

/**
 * Names in the database. They are built from the view's generated id and from numbers; user names never become part of SQL text.
 *
 * `v_<id>_<n>` is the n-th table of the view's shapes; `v_<id>_0` holds what queries read.
 */
export function tableName(id: string, table: number): string {
  if (!/^[a-z0-9]{1,40}$/.test(id)) {
    throw new AppError({ kind: 'internal', code: 'invalid-view-id', message: `'${id}' is not an id of a view.` });
  }
  return `v_${id}_${table}`;
}

/** The n-th cell of a table. */
export const cell = (index: number): string => `c${index}`;
