import { isAppError, type Clock, type JsonValue } from '#libs/core/kernel';
import type { AnswerStore, KeptRequest } from './answer-store.js';
import { differences, keyedId, keyInUse, keyReused, remembered, type KeyedRequest } from './keyed-request.js';

/** How long a key and its answer are remembered. */
const KEPT_MS = 24 * 60 * 60 * 1_000;
/** How long an attempt has the request to itself: longer than any route that works by keys takes. */
const ATTEMPT_MS = 60_000;
const PRUNE_EVERY_MS = 60_000;

/** One attempt of a request. */
export interface Attempt {
  /** When the request was first tried, epoch ms. */
  readonly firstAt: number;
  /** Random, and the same for every attempt: what is made of it has the same name however often it is tried. */
  readonly seed: string;
  /** An earlier attempt ended without being known to have failed: what it was to do may be done already. */
  readonly again: boolean;
}

/**
 * Does requests that come with an idempotency key once: a repetition gets the first answer, for a day, after restarts and from every instance. What is done and what is remembered of it are not
 * one transaction, so the request is remembered before, and the next attempt after a crash is told that it is not the first.
 */
export class OnceByKey {
  #prunedAt = -Infinity;

  /** @param random 32 hexadecimal digits, never the same twice */
  constructor(
    private readonly store: AnswerStore,
    private readonly clock: Clock,
    private readonly random: () => string,
  ) {}

  /**
   * The answer of `task`, which is run unless it was before. What it refuses is not remembered: nothing was done, and the same key may be tried again.
   * @param task given `again`, finds what an earlier attempt has done and answers as if it had done it itself
   * @param holds whether an answer that was given still counts; where not, the request is done as if for the first time
   * @throws `idempotency-key-reused` naming what differs, `idempotency-key-in-use` while it is being done; what `task` throws.
   */
  async do<T extends object>(
    request: KeyedRequest,
    task: (attempt: Attempt) => Promise<T>,
    holds: (answer: T) => Promise<boolean> = async () => true,
  ): Promise<T> {
    const { key } = request;
    if (key === undefined) return task({ firstAt: this.clock.now(), seed: this.random(), again: false });
    await this.#prune();
    const { kept, again } = await this.#begin(request, keyedId(request.principal, key), holds as AnswerTest);
    if (kept.answer !== null) return kept.answer.value as T;
    const { id, at, seed, attempt } = kept;
    let answer: T;
    try {
      answer = await task({ firstAt: at, seed, again });
    } catch (error) {
      // What a first attempt refuses it has not done; whatever else went wrong leaves that open, and a later attempt cannot speak for an earlier one.
      const isRefused = isAppError(error) && error.kind !== 'unavailable' && error.kind !== 'internal';
      if (isRefused && !again) await this.store.remove(id, attempt);
      else await this.store.replace({ ...kept, until: 0 }, attempt);
      throw error;
    }
    // Where this is lost the next attempt finds out by itself. Another attempt than before, so that who is late by then is told so.
    const answered = { ...kept, attempt: this.random(), answer: { value: answer as JsonValue } };
    await this.store.replace(answered, attempt);
    return answer;
  }

  async #begin(request: KeyedRequest, id: string, holds: AnswerTest): Promise<Begun> {
    const asked = remembered(request);
    for (;;) {
      const now = this.clock.now();
      const fresh: KeptRequest = {
        ...{ id, request: asked, at: now, seed: this.random() },
        ...{ attempt: this.random(), until: now + ATTEMPT_MS, answer: null },
      };
      if (await this.store.add(fresh)) return { kept: fresh, again: false };
      const before = await this.store.find(id);
      // Forgotten between the two.
      if (before === undefined) continue;
      const moved = differences(before.request, asked);
      if (moved.length > 0) throw keyReused(moved);
      if (before.answer !== null) {
        if (await holds(before.answer.value as object)) return { kept: before, again: false };
        if (await this.store.replace(fresh, before.attempt)) return { kept: fresh, again: false };
        continue;
      }
      if (before.until > now) throw keyInUse(Math.min(before.until - now, 1_000));
      const taken: KeptRequest = { ...before, attempt: fresh.attempt, until: fresh.until };
      if (await this.store.replace(taken, before.attempt)) return { kept: taken, again: true };
    }
  }

  async #prune(): Promise<void> {
    const now = this.clock.now();
    if (now - this.#prunedAt < PRUNE_EVERY_MS) return;
    this.#prunedAt = now;
    await this.store.prune(now - KEPT_MS);
  }
}

type AnswerTest = (answer: object) => Promise<boolean>;

interface Begun {
  /** With an answer where one was given before. */
  readonly kept: KeptRequest;
  readonly again: boolean;
}
