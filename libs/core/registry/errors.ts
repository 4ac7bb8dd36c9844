import { AppError } from '#libs/core/kernel';
import type { Finding } from '#libs/core/schema';

/**
 * Every failure of the registry but those of associations (`association-errors.ts`), on one page. Messages are those of the Confluent API (contract, section 1.6), which tools display and match; what to do
 * about it is in the hint, which only the native API shows.
 */

export const subjectNotFound = (subject: string): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'subject-not-found',
    message: `Subject '${subject}' not found.`,
    hint: 'GET /subjects lists the subjects there are.',
    details: { subject },
  });

/** @param version the number asked for; -1 is printed for the latest. */
export const versionNotFound = (subject: string, version: number): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'version-not-found',
    message: `Version ${version} not found.`,
    details: { subject, version },
  });

/** @param what the id or GUID; undefined where the request did not name one. */
export const schemaNotFound = (what?: number | string): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'schema-not-found',
    message: what === undefined ? 'Schema not found' : `Schema ${what} not found`,
    details: what === undefined ? {} : { schema: what },
  });

export const subjectSoftDeleted = (subject: string): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'subject-soft-deleted',
    message: `Subject '${subject}' was soft deleted.Set permanent=true to delete permanently`,
    details: { subject },
  });

export const subjectNotSoftDeleted = (subject: string): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'subject-not-soft-deleted',
    message: `Subject '${subject}' was not deleted first before being permanently deleted`,
    details: { subject },
  });

export const versionSoftDeleted = (subject: string, version: number): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'version-soft-deleted',
    message: `Subject '${subject}' Version ${version} was soft deleted.Set permanent=true to delete permanently`,
    details: { subject, version },
  });

export const versionNotSoftDeleted = (subject: string, version: number): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'version-not-soft-deleted',
    message: `Subject '${subject}' Version ${version} was not deleted first before being permanently deleted`,
    details: { subject, version },
  });

export const subjectConfigNotFound = (subject: string): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'subject-config-not-found',
    message: `Subject '${subject}' does not have subject-level compatibility configured`,
    details: { subject },
  });

export const subjectModeNotFound = (subject: string): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'subject-mode-not-found',
    message: `Subject '${subject}' does not have subject-level mode configured`,
    details: { subject },
  });

/**
 * @param messages the list that the compatibility endpoints answer with when `verbose=true`.
 * @param findings the same for people, for those who are shown them.
 */
export const schemaIncompatible = (
  subject: string,
  messages: readonly string[],
  findings?: readonly Finding[],
): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'schema-incompatible',
    message: `Schema being registered is incompatible with an earlier schema for subject "${subject}", details: [${messages.join(', ')}]`,
    hint: 'Change the schema, or the compatibility level of the subject.',
    details: findings === undefined ? { subject, messages } : { subject, findings },
  });

export const emptySchema = (): AppError =>
  new AppError({ kind: 'unprocessable', code: 'schema-empty', message: 'Empty schema' });

export const versionNotNext = (subject: string, version: number, next: number): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'version-not-next',
    message: 'Version is not one more than previous version',
    hint: `The next version of '${subject}' is ${next}; leave the version out to take it.`,
    details: { subject, version, next },
  });

/** A reference lacks a part. */
export const referenceInvalid = (name: unknown, subject: unknown, version: unknown): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'reference-invalid',
    message: `Invalid reference: {name='${String(name)}', subject='${String(subject)}', version=${String(version)}}`,
  });

/** A reference names a version that is not there, or not live. */
export const referenceNotFound = (name: string, subject: string, version: number): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'reference-not-found',
    message: `No schema reference found for subject "${subject}" and version ${version}`,
    hint: `Register it before the schema that refers to it as '${name}'.`,
    details: { name, subject, version },
  });

export const tooManyReferences = (limit: string, value: number, measured: number): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'schema-too-large',
    message: `The schema exceeds the limit '${limit}' of ${value}: ${measured}.`,
    details: { limit, value, measured },
  });

export const tooManyVersions = (subject: string, value: number, measured: number): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'too-many-versions',
    message: `Subject '${subject}' has ${measured} versions, and may have ${value}.`,
    hint: 'Delete versions for good that nobody needs, begin a new subject, or raise `schemas.versionsPerSubject`.',
    details: { limit: 'schemas.versionsPerSubject', value, measured },
  });

export const metadataTooLarge = (value: number, measured: number): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'metadata-too-large',
    message: `The metadata has ${measured} entries, and may have ${value}.`,
    details: { limit: 'metadataEntries', value, measured },
  });

/** @param measured at least so many; they are not counted further. */
export const tooManyVersionsToCompare = (value: number, measured: number): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'too-many-versions-to-compare',
    message: `A check at this level would compare with ${measured} versions, and may with ${value}.`,
    hint: 'Ask in steps: POST /v1/schemas:check with the header `Prefer: respond-async` compares with any number. To register, use a level that compares with the latest version only or a compatibility group, or raise `schemas.comparedVersions`.',
    details: { limit: 'schemas.comparedVersions', value, measured },
  });

/** @param version as it was written. */
export const versionInvalid = (version: string): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'version-invalid',
    message: `The specified version '${version}' is not a valid version id. Allowed values are between [1, 2^31-1] and the string "latest"`,
    details: { version },
  });

export const modeUnknown = (mode: string, known: readonly string[]): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'mode-unknown',
    message: `Invalid mode. Valid values are ${known.join(', ')}`,
    details: { mode, known },
  });

export const forwardOnlyGlobal = (): AppError =>
  new AppError({ kind: 'unprocessable', code: 'mode-unknown', message: 'Forward mode only supported on global level' });

/** The mode of the subject forbids the change, or ids are used against their rules. */
export const notPermitted = (message: string, details: Readonly<Record<string, unknown>> = {}): AppError =>
  new AppError({ kind: 'unprocessable', code: 'operation-not-permitted', message, details });

export const schemaReferenced = (subject: string, version: number): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'schema-referenced',
    message: `One or more references exist to the schema {magic=1,keytype=SCHEMA,subject=${subject},version=${version}}.`,
    hint: `GET /subjects/${encodeURIComponent(subject)}/versions/${version}/referencedby names them.`,
    details: { subject, version },
  });

export const subjectInvalid = (subject: string): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'subject-invalid',
    message: `The specified subject '${subject}' is not a valid.`,
    details: { subject: subject.slice(0, 300) },
  });

export const noActiveVersion = (subject: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'no-active-version',
    message: `No active (non-deleted) version exists for subject '${subject}'`,
    hint: 'A subject that is associated with a resource keeps one version at least.',
    details: { subject },
  });

export const ruleSetInvalid = (reason: string): AppError =>
  new AppError({ kind: 'unprocessable', code: 'rule-set-invalid', message: `Invalid rule set: ${reason}` });

export const contextNotEmpty = (context: string): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'context-not-empty',
    message: `The specified context ':${context}:' is not empty.`,
    details: { context },
  });

export const idsExhausted = (context: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'schema-ids-exhausted',
    message: `Context '${context}' has given out its highest schema id.`,
    details: { context },
  });

/** What a change was decided on has moved; load again and decide again. */
export const stateMoved = (what: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'registry-state-moved',
    message: `${what} changed meanwhile; nothing was written`,
    retryable: true,
  });

/** A deleted version was asked for where only a live one will do. */
export const versionDeleted = (subject: string, version: number): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'version-deleted',
    message: `Version ${version} of subject '${subject}' is deleted.`,
    hint: `Restore it first: POST /v1/subjects/${encodeURIComponent(subject)}:restore.`,
    details: { subject, version },
  });

/** What is to be live again refers to what is not. */
export const referenceDeleted = (subject: string, version: number, target: string, targetVersion: number): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'reference-deleted',
    message: `Version ${version} of subject '${subject}' refers to version ${targetVersion} of '${target}', which is deleted.`,
    hint: `Restore that first: POST /v1/subjects/${encodeURIComponent(target)}:restore.`,
    details: { subject, version, target, targetVersion },
  });

/** Events between the place a reader stands at and the oldest one kept are gone. */
export const eventsForgotten = (revision: number, oldest: number): AppError =>
  new AppError({
    kind: 'gone',
    code: 'events-forgotten',
    message: `Changes after revision ${revision} are no longer kept; the oldest one kept is ${oldest}.`,
    hint: 'Read the state anew (GET /v1/schemas), from a place taken before (GET /v1/schema-events?from=now), and go on from there. registry.eventRetentionMs keeps events longer.',
    details: { revision, oldest },
  });

/** The index does not cover everything yet. */
export const searchIncomplete = (): AppError =>
  new AppError({
    kind: 'unavailable',
    code: 'search-incomplete',
    message:
      'Schemas that an older release has stored are still being indexed; a search by their content would miss some.',
    hint: 'Retry in a while, or list without these conditions.',
    retryable: true,
    retryAfterMs: 2_000,
  });

/** The policy leaves new schemas to registrars. */
export const registrationForbidden = (subject: string): AppError =>
  new AppError({
    kind: 'forbidden',
    code: 'registration-forbidden',
    message: `Subject '${subject}' takes new schemas from registrars only; this schema is not registered there.`,
    hint: 'Have it registered with a token of role registrar, as a pipeline does; then clients that send it are answered its id. Clients need no right for that.',
    details: { subject },
  });

/** @param moved what is not as it was, in words; empty where only the request itself or what refers to the subjects differs. */
export const planStale = (hash: string, moved: readonly string[]): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'plan-stale',
    message:
      moved.length === 0
        ? 'This is not the plan that was made: what was sent with it is different, or what refers to its subjects is.'
        : `The plan no longer holds: ${moved.slice(0, 5).join('; ')}${moved.length > 5 ? `; and ${moved.length - 5} more` : ''}.`,
    hint: 'Make the plan again, look at it and apply the new one.',
    details: { planHash: hash, moved: moved.slice(0, 100) },
    items: moved.slice(0, 100).map((message) => ({ path: '/restsOn', message })),
  });

export const planBlocked = (hash: string, blockers: readonly string[]): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'plan-blocked',
    message: `The plan cannot be applied, and nothing was: ${blockers[0]}${blockers.length > 1 ? ` And ${blockers.length - 1} more.` : ''}`,
    hint: 'Remove what blocks it and make the plan again.',
    details: { planHash: hash, blockers: blockers.slice(0, 100) },
    items: blockers.slice(0, 100).map((message, i) => ({ path: `/blockers/${i}`, message })),
  });

export const planKeyReused = (hash: string): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'idempotency-key-reused',
    message: `This idempotency key was used for another plan, ${hash}.`,
    hint: 'Use a fresh key for another plan.',
    details: { planHash: hash },
  });

/** @param path the subjects in the order in which they refer to one another, the first once more at the end. */
export const referencesCyclic = (path: readonly string[]): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'references-cyclic',
    message: `Schemas of the set refer to one another in a circle: ${path.slice(0, 20).join(' → ')}${path.length > 20 ? ' → …' : ''}.`,
    hint: 'None of them can be registered before the others; take one reference out, or put the types into one schema.',
    details: { path },
  });

export const planTooLarge = (value: number, measured: number): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'plan-too-large',
    message: `The plan would rest on ${measured} subjects and contexts; a plan rests on ${value} at most.`,
    hint: 'Make several plans, each of fewer changes.',
    details: { limit: 'restsOn', value, measured },
  });

export const selectionTooLarge = (value: number): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'selection-too-large',
    message: `More than ${value} versions are selected; one plan deletes at most so many.`,
    hint: 'Narrow the selection, and make several plans.',
    details: { limit: 'versions', value },
  });
