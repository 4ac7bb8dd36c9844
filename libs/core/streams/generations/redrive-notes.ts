import { isJsonObject, type JsonObject } from '#libs/core/kernel';
import type { RedriveChoice } from '../copy/router.js';

/*
 * Redriving parked records, as the notes of an operation tell of it: `redrive` while one is asked for and not done, `redrives` for how many are done, `revisions` for the rules that took the place of the
 * plan's, one after another; `undoneForParked` while a cutover waits that was undone for what is parked. What is done in the log is told by the log alone, under the number of the redrive.
 */

/** The note of a redrive that was asked for. */
export function redriveAsNote(notes: JsonObject, revision: number, choice: RedriveChoice): JsonObject {
  const { ids, rule } = choice;
  const chosen: JsonObject = {
    ...(ids === undefined ? {} : { ids: [...ids] }),
    ...(rule === undefined ? {} : { rule }),
  };
  return { redrive: { pass: redrivesDone(notes) + 1, revision, choice: chosen } };
}

/** Redrives that are done. */
export function redrivesDone(notes: JsonObject): number {
  return typeof notes['redrives'] === 'number' ? notes['redrives'] : 0;
}

/** Whether one is asked for and not done. */
export function isRedriveAsked(notes: JsonObject): boolean {
  return isJsonObject(notes['redrive']);
}
