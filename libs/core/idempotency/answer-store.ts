import type { JsonValue } from '#libs/core/kernel';
import type { RememberedRequest } from './keyed-request.js';

/** What is remembered of a request with a key. */
export interface KeptRequest {
  /** See {@link keyedId}. */
  readonly id: string;
  readonly request: RememberedRequest;
  /** When it was first tried, epoch ms. */
  readonly at: number;
  /** Random, and the same for every attempt. */
  readonly seed: string;
  /** Changes with each change: who tries it now, or has answered it. */
  readonly attempt: string;
  /** Until when the attempt has it to itself, epoch ms; 0 once it was given up without knowing what came of it. */
  readonly until: number;
  /** Null until it is done. */
  readonly answer: { readonly value: JsonValue } | null;
}

/** Remembers requests with a key and their answers. The class is the type and the injection token. */
export abstract class AnswerStore {
  /** Remembers a request, durable before it resolves. @returns false where the id is taken: nothing was changed. */
  abstract add(kept: KeptRequest): Promise<boolean>;

  abstract find(id: string): Promise<KeptRequest | undefined>;

  /** Takes the place of what is remembered with attempt `before`, durable before it resolves. @returns false where that is no longer the present one: nothing was changed. */
  abstract replace(kept: KeptRequest, before: string): Promise<boolean>;

  /** Forgets what is remembered with attempt `attempt`. Harmless to repeat. */
  abstract remove(id: string, attempt: string): Promise<void>;

  /** Forgets requests first tried before a time (epoch ms). Harmless to repeat. */
  abstract prune(before: number): Promise<void>;
}
