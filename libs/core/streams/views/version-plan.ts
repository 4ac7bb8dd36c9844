import { AppError, isJsonObject, type JsonObject, stableJson } from '#libs/core/kernel';
import type { TopicDirectory } from '#libs/core/log';
import type { PlanDraft } from '#libs/core/operations';
import { sourcesOf, UNCHANGED, type ViewDefinition } from './view-definition.js';
import type { StoredView } from './view-store.js';

/** What an operation that builds a version works with. */
export interface VersionParameters {
  /** The version to be. */
  readonly view: StoredView;
  /** The one that is asked when the plan is made. */
  readonly from: { readonly id: string; readonly version: number };
  /** Also when older records of its topics are gone: when it is activated, and when the one before is removed. */
  readonly incomplete: boolean;
  readonly onDifference: 'stop' | 'switch';
}

/** What somebody asks for. */
export interface VersionRequest {
  readonly name: string;
  /** Undefined: the present one. */
  readonly declaration: JsonObject | undefined;
  readonly incomplete: boolean;
  readonly onDifference: 'stop' | 'switch';
  readonly cutover: 'automatic' | 'manual';
  readonly rollbackWindowMs: number | undefined;
}

/** Those of plans of earlier days know of no changes in place. */
export function parametersOf(json: JsonObject): VersionParameters {
  const parameters = json as unknown as VersionParameters;
  return { ...parameters, view: { ...{ evolution: UNCHANGED }, ...parameters.view } };
}

/** @throws `invalid-view-version-request` */
export function parseVersionRequest(json: JsonObject): VersionRequest {
  const { name, declaration, incomplete = false, onDifference = 'stop', cutover = {} } = json;
  if (typeof name !== 'string') throw invalidRequest('name', 'must name a view');
  if (declaration !== undefined && !isJsonObject(declaration)) throw invalidRequest('declaration', 'must be an object');
  if (typeof incomplete !== 'boolean') throw invalidRequest('incomplete', 'is true or false');
  if (onDifference !== 'stop' && onDifference !== 'switch') throw invalidRequest('onDifference', 'is stop or switch');
  const { mode = 'manual', rollbackWindowMs } = isJsonObject(cutover) ? cutover : { mode: null };
  if (mode !== 'auto' && mode !== 'manual') throw invalidRequest('cutover.mode', 'is auto or manual');
  if (rollbackWindowMs !== undefined && !(Number.isSafeInteger(rollbackWindowMs) && Number(rollbackWindowMs) >= 0))
    throw invalidRequest('cutover.rollbackWindowMs', 'is a whole number of milliseconds');
  return {
    name,
    declaration,
    incomplete,
    onDifference,
    cutover: mode === 'auto' ? 'automatic' : 'manual',
    rollbackWindowMs: rollbackWindowMs === undefined ? undefined : Number(rollbackWindowMs),
  };
}

/** What the plan relies on. Where its topics stand moves all the time and is followed. */
export async function fingerprintOf(
  directory: TopicDirectory,
  versions: readonly StoredView[],
  definition: ViewDefinition,
): Promise<JsonObject> {
  const topics: [string, string][] = [];
  for (const topic of sourcesOf(definition))
    topics.push([topic, (await directory.wherever(topic)).resolved.description.id]);
  return {
    logId: directory.engine.logId,
    active: versions.find((one) => one.role === 'ACTIVE')?.id ?? null,
    draft: versions.find((one) => one.role === 'DRAFT')?.id ?? null,
    topics: Object.fromEntries(topics),
  };
}

/** What a plan is made of. */
export interface VersionFacts {
  readonly parameters: VersionParameters;
  readonly fingerprint: JsonObject;
  readonly versions: readonly StoredView[];
  readonly present: ViewDefinition;
  readonly next: ViewDefinition;
  /** Topics of which not everything is there any more. */
  readonly lost: readonly string[];
  readonly records: number;
}

/** The whole plan. */
export function draftVersion(facts: VersionFacts, request: VersionRequest): PlanDraft {
  const { parameters, versions, present, next, lost, records } = facts;
  const { view, from } = parameters;
  const active = versions.find((one) => one.role === 'ACTIVE')!;
  const draft = versions.find((one) => one.role === 'DRAFT');
  const same = stableJson(active.declaration) === stableJson(view.declaration);
  const told = lost.map((topic) => `older records of ${topic} are gone: version ${view.version} is of what is left`);
  const names = (one: ViewDefinition): string[] => one.columns.map((column) => column.name);
  return {
    subject: `view:${view.name}`,
    parameters: parameters as unknown as JsonObject,
    fingerprint: facts.fingerprint,
    steps: [
      `make the tables of version ${view.version} of ${view.name}`,
      `fill them from ${records} records of ${sourcesOf(next).join(', ')}, and follow their writers`,
      `verify: compare its rows with those of version ${from.version} at equal positions, by digests of buckets`,
      `activate: whoever asks finds version ${view.version}; version ${from.version} is kept current`,
      `finish, when you say so: remove version ${from.version}`,
    ],
    impact: {
      view: view.name,
      from: from.version,
      to: view.version,
      sameDeclaration: same,
      columnsAdded: names(next).filter((name) => !names(present).includes(name)),
      columnsGone: names(present).filter((name) => !names(next).includes(name)),
      regenerable: lost.length === 0,
    },
    risks: request.incomplete ? told : [],
    blockers: [
      ...(active.state === 'RUNNING' ? [] : [`the view is ${active.state}; resume it first`]),
      ...(draft === undefined ? [] : [`version ${draft.version} is a draft already; activate it or retire it first`]),
      ...(request.incomplete ? [] : told.map((one) => `${one}; ask with incomplete to build it all the same`)),
    ],
    controls: {
      cutover: request.cutover,
      ...(request.rollbackWindowMs === undefined ? {} : { rollbackWindowMs: request.rollbackWindowMs }),
    },
    estimates: { etaSeconds: null, pauseMs: 0, records, bytes: null },
  };
}

function invalidRequest(path: string, message: string): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-view-version-request',
    message: `The request for a version of a view is not valid: '${path}' ${message}.`,
    items: [{ path, message }],
  });
}
