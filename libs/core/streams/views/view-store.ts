import { AppError, type JsonObject } from '#libs/core/kernel';

/** RUNNING: kept current. PAUSED: kept as it is. DELETING: its tables are being removed. */
export type ViewState = 'RUNNING' | 'PAUSED' | 'DELETING';

/** A declared view. `id` names its tables and is never used again; `declaration` is what the user wrote. */
export interface StoredView {
  readonly logId: string;
  readonly cluster: string;
  readonly name: string;
  readonly id: string;
  readonly version: number;
  readonly declaration: JsonObject;
  /** Types that were found in the schemas when the view was declared, by their place in the declaration: later schema versions do not change the view under its readers. */
  readonly types: Readonly<Record<string, string>>;
  readonly state: ViewState;
  readonly createdAtMs: number;
}

/** Declarations of views. Class and injection token in one. */
export abstract class ViewStore {
  /** @throws `view-exists` when the name is taken. */
  abstract create(view: StoredView): Promise<void>;
  abstract find(name: string): Promise<StoredView | undefined>;
  /** All views, by name. */
  abstract list(): Promise<readonly StoredView[]>;
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

export const viewWriterFenced = (id: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'view-writer-fenced',
    message: `Another worker writes view ${id} now; this one stops.`,
    details: { id },
  });
