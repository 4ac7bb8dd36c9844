import { AppError, type JsonObject } from '#libs/core/kernel';
import type { ViewEvolution } from './view-definition.js';

/** RUNNING: kept current. PAUSED: kept as it is; a draft is written by an operation then. DELETING: its tables are being removed. */
export type ViewState = 'RUNNING' | 'PAUSED' | 'DELETING';

/** ACTIVE: what queries see. DRAFT: built beside it. PREVIOUS: was replaced, and is kept current so that it can come back. */
export type ViewRole = 'ACTIVE' | 'DRAFT' | 'PREVIOUS';

/** A version of a declared view. `id` names its tables and is never used again; `declaration` is what the user wrote. */
export interface StoredView {
  readonly logId: string;
  readonly cluster: string;
  readonly name: string;
  readonly id: string;
  readonly version: number;
  readonly declaration: JsonObject;
  /** Types that were found in the schemas, by their place in the declaration: later schema versions change none of them under the readers of the view. */
  readonly types: Readonly<Record<string, string>>;
  /** What was added since its tables were made. */
  readonly evolution: ViewEvolution;
  readonly role: ViewRole;
  readonly state: ViewState;
  readonly createdAtMs: number;
}

/** Whether an operation builds this version, so that nobody else writes or activates it. */
export const isOperated = ({ role, state }: StoredView): boolean => role === 'DRAFT' && state === 'PAUSED';

/** Declarations of views. Class and injection token in one. */
export abstract class ViewStore {
  /** Adds a version: the ACTIVE one of a new view, or one beside it. @throws `view-exists` when there is an ACTIVE one, or one of this number, already. */
  abstract create(view: StoredView): Promise<void>;
  /** The ACTIVE version. */
  abstract find(name: string): Promise<StoredView | undefined>;
  /** All versions of all views, by name and number. */
  abstract list(): Promise<readonly StoredView[]>;
  /**
   * Makes another version ACTIVE, and the one that was PREVIOUS, at once: whoever asks finds one of the two.
   * False when it is gone, or `active` is not the ACTIVE one any more: nothing has changed.
   */
  abstract activate(id: string, active: string): Promise<boolean>;
  /** Stores what a view has become in place. False when it is gone, or that far already: nothing has changed. */
  abstract evolve(id: string, to: Pick<StoredView, 'declaration' | 'types' | 'evolution'>): Promise<boolean>;
  /** Moves the view with this id to a state. False when it is gone. */
  abstract setState(id: string, state: ViewState): Promise<boolean>;
  /** Forgets the view. Harmless to repeat. */
  abstract remove(id: string): Promise<void>;
}

export const viewNotFound = (name: string): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'view-not-found',
    message: `View '${name}' does not exist.`,
    details: { view: name },
  });

export const viewExists = (name: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'view-exists',
    message: `View '${name}' exists already with another declaration.`,
    hint: 'Declare it under another name, or delete it first.',
    details: { view: name },
  });

export const versionNotFound = (name: string, version: number): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'view-version-not-found',
    message: `View '${name}' has no version ${version}.`,
    details: { view: name, version },
  });

export const viewWriterFenced = (id: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'view-writer-fenced',
    message: `Another worker writes view ${id} now; this one stops.`,
    details: { id },
  });

export const viewEvolved = (name: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'view-evolved',
    message: `View '${name}' was changed in place meanwhile.`,
    hint: 'It goes on by itself; ask again.',
    retryable: true,
    details: { view: name },
  });
