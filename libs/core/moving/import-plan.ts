import { isJsonObject, type JsonObject } from '#libs/core/kernel';
import type { PlanDraft } from '#libs/core/operations';
import { parametersToJson, type ImportParameters } from './import-parameters.js';
import type { ImportSurvey } from './import-survey.js';
import type { Conflict } from './judge.js';

/** What was passed over while reading a source. */
export interface InvalidEntries {
  readonly count: number;
  readonly first: readonly string[];
}

/** @param facts what is known of the source. */
export function draftOf(
  parameters: ImportParameters,
  survey: ImportSurvey,
  facts: JsonObject,
  fingerprint: JsonObject,
): PlanDraft {
  const invalid = invalidIn(facts);
  return {
    subject: 'registry:import',
    parameters: parametersToJson(parameters),
    fingerprint,
    steps: [
      'read the whole source and keep it here',
      'look for conflicts; with any, nothing is written',
      'take the ids up to the highest one, so that nobody else gets one of them',
      'bring in versions under their ids and numbers, after those they refer to, deleted ones as deleted',
      'bring in associations and settings',
      'read everything back and compare it',
    ],
    impact: { ...survey.report(), source: facts, complete: survey.whole },
    risks: risksOf(parameters, survey, invalid),
    blockers: refusals(parameters, survey, invalid),
    estimates: { etaSeconds: null, pauseMs: null, records: survey.registered + survey.same, bytes: null },
  };
}

/** Why nothing may be written, the first reasons; empty when it may. */
export function refusals(
  parameters: ImportParameters,
  { conflicts }: ImportSurvey,
  invalid: InvalidEntries,
): readonly string[] {
  return [
    ...conflicts.filter((one) => isRefused(one, parameters)).map((one) => one.message),
    ...(invalid.count > 0 && parameters.conflicts === 'refuse' ? invalid.first : []),
  ];
}

/** Whether a conflict keeps everything out, or only its entry. */
export function isRefused({ code }: Conflict, { conflicts, unreadable }: ImportParameters): boolean {
  return code === 'unreadable' ? unreadable === 'refuse' : conflicts === 'refuse';
}

export function invalidIn(facts: JsonObject): InvalidEntries {
  const invalid = facts['invalid'];
  if (!isJsonObject(invalid)) return { count: 0, first: [] };
  return { count: Number(invalid['count']), first: (invalid['first'] as string[] | undefined) ?? [] };
}

function risksOf(parameters: ImportParameters, survey: ImportSurvey, invalid: InvalidEntries): readonly string[] {
  const { whole, respelled, readOnlyModes, conflicts, conflictCount } = survey;
  const refused = conflicts.some((one) => isRefused(one, parameters));
  const leftOut = (refused ? 0 : conflictCount) + (parameters.conflicts === 'skip' ? invalid.count : 0);
  return [
    ...(whole ? [] : ['The source is larger than a plan looks at; the rest is looked at before anything is written.']),
    ...(respelled === 0 ? [] : [`${respelled} texts are spelled otherwise here, so that their GUIDs differ.`]),
    ...(readOnlyModes > 0 ? ['Modes that are read-only come along; leave them out with "modes": false.'] : []),
    ...(leftOut > 0 ? [`${leftOut} entries are left out.`] : []),
  ];
}
