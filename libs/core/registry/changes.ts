import { AppError, isAppError, Serial, type Clock } from '#libs/core/kernel';
import type { SubjectState } from './model.js';
import type { RegistryView } from './registry-view.js';
import type {
  AppliedChange,
  CarriedPlan,
  KeptDigests,
  RegistryChange,
  RegistryFact,
  RegistryStore,
  ResourceAssociations,
} from './store.js';
import { subjectText, type SubjectName } from './subject-name.js';

/** What an attempt decided: either facts to make true, with the states they rest on, or nothing. `reply` is built once they are. */
export interface Decision<T> {
  readonly facts: readonly RegistryFact[];
  readonly states: readonly SubjectState[];
  /** The resource whose associations it rests on, too. */
  readonly resource?: ResourceAssociations;
  /** What to keep with it of a subject's versions. */
  readonly digests?: KeptDigests;
  /** The plan that it carries out. */
  readonly plan?: CarriedPlan;
  /** The context that it leaves without versions; undefined: all of them. */
  readonly vacates?: { readonly context: string | undefined };
  readonly reply: (applied: AppliedChange | undefined, at: number) => T;
}

/** Attempts before a caller is told to come back. Each failed one means that another instance got through. */
const MAX_ATTEMPTS = 40;

/**
 * Decides and writes until the decision rests on what is there. Changes to one subject made by this process wait for each other; those of other
 * instances show as a moved state, and the decision is made again.
 */
export class RegistryChanges {
  readonly #lines = new Map<string, { readonly serial: Serial; waiting: number }>();

  constructor(
    private readonly store: RegistryStore,
    private readonly view: RegistryView,
    private readonly clock: Clock,
  ) {}

  /** @param attempt reads and decides; may run several times and must have no effect of its own. */
  async make<T>(subject: SubjectName, attempt: () => Promise<Decision<T>>): Promise<T> {
    const key = subjectText(subject);
    const line = this.#lines.get(key) ?? { serial: new Serial(), waiting: 0 };
    this.#lines.set(key, line);
    line.waiting++;
    try {
      return await line.serial.run(() => this.#untilItHolds(attempt));
    } finally {
      if (--line.waiting === 0) this.#lines.delete(key);
    }
  }

  async #untilItHolds<T>(attempt: () => Promise<Decision<T>>): Promise<T> {
    for (let n = 1; ; n++) {
      await this.view.refresh();
      try {
        const { facts, states, resource, digests, plan, vacates, reply } = await attempt();
        const at = this.clock.now();
        if (facts.length === 0) return reply(undefined, at);
        const change: RegistryChange = {
          at,
          facts,
          expected: uniqueStates(states),
          ...(resource === undefined ? {} : { resource }),
          ...(digests === undefined ? {} : { digests }),
          ...(plan === undefined ? {} : { plan }),
          ...(vacates === undefined ? {} : { vacates }),
          // Who refers to a version is no part of its subject's state: it is looked at once more as the version goes.
          ...(facts.some(isDeletion) ? { unreferenced: true } : {}),
        };
        return reply(await this.store.apply(change), at);
      } catch (error) {
        if (!isAppError(error, 'registry-state-moved')) throw error;
        if (n >= MAX_ATTEMPTS) throw contended(error);
        await this.clock.sleep(Math.min(n, 10));
      }
    }
  }
}

function isDeletion({ type }: RegistryFact): boolean {
  return type === 'version-soft-deleted' || type === 'version-purged';
}

function uniqueStates(states: readonly SubjectState[]): readonly { subject: SubjectName; revision: number }[] {
  const byName = new Map(states.map((state) => [subjectText(state.subject), state]));
  return [...byName.values()].map(({ subject, revision }) => ({ subject, revision }));
}

function contended(cause: AppError): AppError {
  return new AppError({
    kind: 'unavailable',
    code: 'registry-contended',
    message: `The registry was changed by others ${MAX_ATTEMPTS} times while this change was being decided; nothing was written.`,
    hint: 'Retry.',
    retryable: true,
    retryAfterMs: 200,
    cause,
  });
}
