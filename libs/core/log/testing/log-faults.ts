import type { AppError } from '#libs/core/kernel';

/** A writing call of the engine, as seen by whoever injects faults. */
export interface WriteCall {
  readonly kind: 'append' | 'commit' | 'positions';
  /** Topics it touches. */
  readonly topics: readonly string[];
  /** The id of the writer, for a commit. */
  readonly writer?: string;
}

/**
 * What goes wrong with a call:
 * `lost-acknowledgement`: it takes effect, the caller gets `outcome-unknown`;
 * `lost-request`: it takes no effect, the caller gets `outcome-unknown` all the same;
 * `refuse`: it takes no effect, the caller gets the error;
 * `fence`: a later session of the same writer is opened first (commits only), so that this one is refused with `writer-fenced`;
 * `hold`: it waits for the promise, then goes on as if just called.
 */
export type LogFault =
  | { readonly kind: 'lost-acknowledgement' | 'lost-request' | 'fence' }
  | { readonly kind: 'refuse'; readonly error: AppError }
  | { readonly kind: 'hold'; readonly until: Promise<unknown> };

/** Faults armed for the next calls of a {@link MemoryLogEngine}. Each strikes once, in the order armed. */
export class LogFaults {
  #armed: { kind: WriteCall['kind']; fault: LogFault; when: (call: WriteCall) => boolean }[] = [];

  /** Arms a fault for the next call of this kind that `when` accepts. */
  once(kind: WriteCall['kind'], fault: LogFault, when: (call: WriteCall) => boolean = () => true): this {
    this.#armed.push({ kind, fault, when });
    return this;
  }

  /** Faults that have not struck yet. */
  get pending(): number {
    return this.#armed.length;
  }

  clear(): void {
    this.#armed = [];
  }

  /** The fault of this call, which is then used up. */
  take(call: WriteCall): LogFault | undefined {
    const index = this.#armed.findIndex((one) => one.kind === call.kind && one.when(call));
    return index < 0 ? undefined : this.#armed.splice(index, 1)[0]!.fault;
  }
}
