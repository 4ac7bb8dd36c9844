import { AppError } from '#libs/core/kernel';

/**
 * Names in the database. They are built from the view's generated id and from numbers; user names never become part of SQL text.
 *
 * `v_<id>_0` holds the main source, `v_<id>_<n>` the n-th reference topic.
 */
export function tableName(id: string, source: number): string {
  if (!/^[a-z0-9]{1,40}$/.test(id)) {
    throw new AppError({ kind: 'internal', code: 'invalid-view-id', message: `'${id}' is not an id of a view.` });
  }
  return `v_${id}_${source}`;
}

/** The n-th stored field of a source. */
export const cell = (index: number): string => `c${index}`;

/** The four columns of the n-th aggregate: how many took part, their sum, the lowest and the highest. */
export const aggregate = (index: number): { n: string; sum: string; low: string; high: string } => ({
  n: `n${index}`,
  sum: `s${index}`,
  low: `lo${index}`,
  high: `hi${index}`,
});
