import { AppError } from '#libs/core/kernel';
import type { DerivationDefinition, DerivationState, StoredDerivation } from './derivation.js';

/**
 * Definitions of derivations and what is wanted of them. Positions and counts are not here: they live in the log, in the same commit as the
 * output. Class and injection token in one; `testing/` has the contract suite.
 */
export abstract class DerivationStore {
  /** Keeps a new definition; PAUSED while what it needs is still to be made. @throws `derivation-exists` when the name is taken in this log. */
  abstract add(definition: DerivationDefinition, state?: 'RUNNING' | 'PAUSED'): Promise<StoredDerivation>;

  abstract find(logId: string, name: string): Promise<StoredDerivation | undefined>;

  /** The one of this name, unless it is being deleted. @throws `derivation-not-found`. */
  async present(logId: string, name: string): Promise<StoredDerivation> {
    const stored = await this.find(logId, name);
    if (stored === undefined || stored.state === 'DELETING') throw derivationNotFound(name);
    return stored;
  }

  /** By name. */
  abstract list(logId: string): Promise<readonly StoredDerivation[]>;

  /** Changes the state if the revision is still `expectedRevision`; answers the new row, or undefined when it is gone or someone else changed it. */
  abstract setState(
    logId: string,
    name: string,
    expectedRevision: number,
    state: DerivationState,
  ): Promise<StoredDerivation | undefined>;

  /** Forgets the definition of this id. Harmless to repeat, also when a newer one has its name. */
  abstract remove(logId: string, id: string): Promise<void>;
}

export const derivationExists = (name: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'derivation-exists',
    message: `Derivation '${name}' exists already.`,
    hint: 'Choose another name, or delete the derivation first.',
    details: { name },
  });

export const derivationNotFound = (name: string): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'derivation-not-found',
    message: `Derivation '${name}' does not exist.`,
    details: { name },
  });
