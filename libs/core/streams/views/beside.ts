import { isAppError } from '#libs/core/kernel';
import type { ViewDefinition } from './view-definition.js';
import type { ViewPositions, ViewStep, ViewTables } from './view-tables.js';

/** How often others may be quicker before the view is taken over for one step. */
const RACES = 20;
/** Steps that are tried at all. */
const TRIES = 100;

/**
 * Stores a step beside whoever keeps the view current, here or on another instance: on the commit that is the last one, computed again when there is another one by then. A view that
 * moves on too quickly is claimed for it; its worker then begins again by itself.
 * @param make the step on these positions; nothing for none @returns where the view stands then.
 * @throws `rows-refused`; `view-writer-fenced` when no step could be stored.
 */
export async function storeBeside(
  tables: ViewTables,
  id: string,
  view: ViewDefinition,
  make: (positions: ViewPositions) => Promise<ViewStep | undefined>,
): Promise<ViewPositions> {
  for (let attempt = 1; ; attempt++) {
    const positions =
      attempt % RACES === 0 ? (await tables.claim(id, view)).positions : await tables.positions(id, view);
    const step = await make(positions);
    if (step === undefined) return positions;
    try {
      return await tables.apply(id, view, positions.epoch, step);
    } catch (error) {
      if (!isAppError(error, 'view-writer-fenced') || attempt === TRIES) throw error;
    }
  }
}
