import { AppError } from '#libs/core/kernel';
import type { VersionComparison } from './version-comparison.js';
import type { StoredView } from './view-store.js';

/** What versions of views are refused for. */

export const draftExists = (name: string, version: number): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'view-draft-exists',
    message: `Version ${version} of view '${name}' is being built already, of another declaration.`,
    hint: 'Activate it, or retire it, before another one is built.',
    details: { view: name, version },
  });

export const versionBehind = ({ name, version }: StoredView, lag: number | null, problem: string | null): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'view-version-behind',
    message: `Version ${version} of view '${name}' has not read everything yet${problem === null ? '' : `: ${problem}`}.`,
    hint: 'Activate it when its lag is 0.',
    details: { view: name, version, lag },
    retryable: true,
  });

export const notRegenerable = ({ name, version }: StoredView, topics: readonly string[]): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'view-not-regenerable',
    message: `Version ${version} of view '${name}' was made of what is left of ${topics.join(', ')}: older records are gone.`,
    hint: 'Say "incomplete": true if rows of what is left are enough.',
    details: { view: name, version, topics },
  });

export const rowsNotRegenerable = ({ name, version }: StoredView, topics: readonly string[]): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'view-not-regenerable',
    message: `The rows of version ${version} of view '${name}' could not be made again: older records of ${topics.join(', ')} are gone.`,
    hint: 'Say incomplete=true if they are to go all the same.',
    details: { view: name, version, topics },
  });

export const versionOperated = ({ name, version }: StoredView): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'view-version-operated',
    message: `Version ${version} of view '${name}' is built by an operation, which activates it.`,
    hint: `Ask the operation for its cutover, or cancel it: GET /v1/operations?subject=view:${name}.`,
    details: { view: name, version },
  });

export const versionsDiffer = (
  { name, version }: StoredView,
  { rows, differing }: Pick<VersionComparison, 'rows' | 'differing'>,
): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'view-versions-differ',
    message: `Version ${version} of view '${name}' has the declaration of the active one, but other rows.`,
    hint: 'Look at both, and retire the one that is wrong.',
    details: { view: name, version, rows, differing },
  });

export const noPrevious = (name: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'view-no-previous-version',
    message: `View '${name}' has no version that was replaced and is still there.`,
    details: { view: name },
  });

export const versionActive = ({ name, version }: StoredView): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'view-version-active',
    message: `Version ${version} of view '${name}' is the one that is asked.`,
    hint: 'Activate another one first, or delete the view.',
    details: { view: name, version },
  });
