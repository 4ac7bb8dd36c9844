import type { JsonObject } from '#libs/core/kernel';
import type { LiveCopy } from '../copy/live-copy.js';
import type { RedriveChoice } from '../copy/router.js';
import { operationOfMember } from './member-runs.js';
import { parkedTopic } from './preparation.js';
import { isRedriveAsked } from './redrive-notes.js';
import { errorsOf, type GenerationWork } from './work.js';

/** Does what was asked for; it may be cut short anywhere and done again. The copy must rest. */
export async function redriveAsked(work: GenerationWork, copy: LiveCopy): Promise<void> {
  const { run } = work;
  if (!isRedriveAsked(run.notes)) return;
  const redrive = run.notes['redrive'] as unknown as { pass: number; revision: number; choice: RedriveChoice };
  await work.failPoint('redrive:begun');
  await copy.redrive(redrive, work.paced());
  await work.failPoint('redrive:done');
  const goesOn = work.parameters.automatic === true && run.notes['undoneForParked'] === true && copy.parked === 0;
  const notes = {
    ...standingOf(work, copy),
    ...(goesOn ? { retryCutover: true, undoneForParked: false } : {}),
    redrive: null,
    redrives: redrive.pass,
  };
  await run.event('redriven', { pass: redrive.pass, revision: redrive.revision, errors: errorsOf(work, copy) });
  await run.note(notes);
}

/** How a copy stands, for the status: what became of its records, and what the cutover waits for. */
export function standingOf(work: GenerationWork, copy: LiveCopy): JsonObject {
  const errors = errorsOf(work, copy);
  if (!work.parameters.parking) return { errors };
  const refusal = parkedRefusal(work, copy);
  return { errors, cutover: { blockers: refusal === undefined ? [] : [refusal] } };
}

/** Why the name must not move yet; undefined when nothing that is parked keeps it from that. */
export function parkedRefusal({ parameters, operationId }: GenerationWork, copy: LiveCopy): string | undefined {
  const { parked } = copy;
  if (!parameters.parking || parameters.parking.leave || parked === 0) return undefined;
  const keys = copy.sessions.reduce((sum, one) => sum + (one.parked?.keys ?? 0), 0);
  return `${parked} records of ${keys} keys are parked in ${parkedTopic(parameters, operationId)}; redrive them with POST /v1/operations/${operationOfMember(operationId)}/poison:redrive, or cancel and plan with poison.leaveParked`;
}

/** Before the old side is deleted: what is parked still is nowhere else, so its topic stays. */
export async function keepParked(work: GenerationWork): Promise<void> {
  const { parameters, run, operationId } = work;
  const { parked } = run.notes['errors'] as { parked?: number };
  if (!parameters.parking || !parked || run.notes['parkedKept'] !== undefined) return;
  const topic = parkedTopic(parameters, operationId);
  await run.note({ parkedKept: topic });
  await run.event('parked-kept', { topic, records: parked });
}
