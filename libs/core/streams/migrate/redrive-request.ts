import { AppError, type JsonObject, type JsonValue } from '#libs/core/kernel';
import type { TopicDirectory } from '#libs/core/log';
import { redriveAsNote } from '../generations/redrive-notes.js';
import { RequestForm } from '../request-form.js';
import type { MigrationParameters } from './parameters.js';
import { type MigrationTools, PLAN_SAMPLE, routerBack, rulesThere } from './plan.js';
import { parseSteps, programToJson, type TransformProgram, transformVersion } from './program.js';
import { undeclared, unstable } from './plan-findings.js';
import { rehearse, tallyOf } from './rehearsal.js';
import { sampleRecords } from './sampled-records.js';

/** Most places a request names; more are chosen by class, or all of them. */
const MAX_IDS = 1_000;

/** The transforms that took the place of the plan's, one after another. */
export function revisionsOf(notes: JsonObject): readonly TransformProgram[] {
  return Array.isArray(notes['revisions']) ? (notes['revisions'] as unknown as TransformProgram[]) : [];
}

/**
 * Reads and judges a redrive: which parked records are tried again, and by which transform. One that is corrected is rehearsed like that of a plan, and what would block the plan refuses the redrive; records that it
 * cannot migrate stay parked. It is the transform of all records copied from then on.
 * @throws `nothing-is-parked-by-plan`, `invalid-redrive-request`, `invalid-transform`, `transform-version-moved`, `redrive-refused`.
 */
export async function judgeRedrive(
  directory: TopicDirectory,
  tools: MigrationTools,
  parameters: MigrationParameters,
  notes: JsonObject,
  json: JsonObject,
): Promise<JsonObject> {
  if (!parameters.parking) throw parksNothing(parameters);
  const form = new RequestForm('redrive');
  const top = form.object(json, '', ['ids', 'class', 'all', 'transform', 'transformVersion']);
  const given = top['transform'];
  const steps = given === undefined ? undefined : form.object(given, 'transform', ['up'])['up'];
  const ids = form.list(top['ids'], 'ids', MAX_IDS).flatMap((one, i) => form.text(one, `ids[${i}]`) ?? []);
  const rule = form.text(top['class'], 'class');
  const all = form.flag(top['all'], 'all', top['ids'] === undefined && rule === undefined);
  if (all && (rule !== undefined || ids.length > 0)) form.problem('all', 'goes with neither ids nor class');
  if (!all && rule === undefined && ids.length === 0) form.problem('', 'names nothing: give ids, class or all');
  const wanted = form.text(top['transformVersion'], 'transformVersion');
  const up = steps === undefined ? undefined : parseSteps(form, steps, 'transform.up');
  form.demandSound();
  const before = revisionsOf(notes);
  const present = before.at(-1) ?? parameters.up;
  if (wanted !== undefined && wanted !== transformVersion(present)) throw versionMoved(transformVersion(present));
  const choice = { ...(ids.length > 0 ? { ids } : {}), ...(rule === undefined ? {} : { rule }) };
  if (up === undefined) return redriveAsNote(notes, before.length, choice);
  const corrected = { filter: parameters.up.filter, steps: up };
  if (transformVersion(corrected) === transformVersion(present)) return redriveAsNote(notes, before.length, choice);
  await judge(directory, tools, parameters, corrected);
  const revisions: JsonValue[] = [...before, corrected].map(programToJson);
  return { ...redriveAsNote(notes, revisions.length, choice), revisions };
}

/** The corrected transform on a sample of the topic, as a plan does it. @throws `redrive-refused`. */
async function judge(
  directory: TopicDirectory,
  tools: MigrationTools,
  parameters: MigrationParameters,
  up: TransformProgram,
): Promise<void> {
  await tools.transforms.check(up);
  const { topic, reverseTail, lossy } = parameters;
  const { description } = await directory.resolve(topic);
  const samples = await sampleRecords(directory.engine, description, PLAN_SAMPLE);
  const rehearsed = await rehearse(samples, {
    topic,
    there: rulesThere({ ...parameters, up }, tools, true),
    back: reverseTail ? routerBack(parameters, tools) : undefined,
    values: tools.values,
  });
  const tally = tallyOf(rehearsed, lossy);
  const found = [...unstable(tally), ...undeclared(tally)];
  if (found.length > 0) throw refused(found);
}

function parksNothing({ poison }: MigrationParameters): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'nothing-is-parked-by-plan',
    message: `The plan of this migration sets nothing aside that could be redriven: its poison policy is '${poison.policy}'.`,
    hint: 'Plan again with poison.policy park-by-key or dlq.',
    details: { policy: poison.policy },
  });
}

function versionMoved(present: string): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'transform-version-moved',
    message: `The transform of the migration is ${present}, not the one the request names.`,
    hint: 'Look at the operation again, and name the present version or none.',
    details: { transformVersion: present },
  });
}

function refused(blockers: readonly string[]): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'redrive-refused',
    message: `The corrected transform cannot take the place of the plan's: ${blockers.join('; ')}.`,
    hint: 'Correct it and ask again; nothing was changed.',
    details: { blockers },
    items: blockers.map((message) => ({ path: 'transform.up', message })),
  });
}
