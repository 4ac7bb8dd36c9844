import { Semaphore } from '#libs/core/kernel';

/**
 * Places for lanes at work: of each operation as many, whichever of its topics they are of. Topics that are copied side by side need no more memory than one.
 */
export class LanePlaces {
  readonly #of = new Map<string, Semaphore>();

  /** @param parallel lanes of one operation at work at the same time */
  constructor(private readonly parallel: number) {}

  /** Those of an operation. */
  of(operationId: string): Semaphore {
    let places = this.#of.get(operationId);
    if (places === undefined) this.#of.set(operationId, (places = new Semaphore(this.parallel)));
    return places;
  }

  /** Nobody works on the operation any more, or nobody copies for it. Lanes that hold a place go on with it. */
  forget(operationId: string): void {
    this.#of.delete(operationId);
  }
}
