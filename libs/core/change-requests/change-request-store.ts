import type { ChangeRequest, RequestState, SubmittedPlan } from './change-request.js';

export interface RequestQuery {
  /** All states when left out. */
  readonly state?: RequestState;
  /** Only requests before this id, exclusive. */
  readonly before?: string;
  readonly limit: number;
}

/** Keeps change requests. The class is the type and the injection token. */
export abstract class ChangeRequestStore {
  /** Adds a request, durable before it resolves. @throws `too-many-open-requests` where `mostOpen` are pending or approved. */
  abstract add(submitted: SubmittedPlan, mostOpen: number): Promise<void>;

  abstract find(id: string): Promise<SubmittedPlan | undefined>;

  /** Newest first. */
  abstract list(query: RequestQuery): Promise<readonly ChangeRequest[]>;

  /** Takes the place of the request with the revision before. @returns false where that is no longer the present one: nothing was changed. */
  abstract replace(request: ChangeRequest): Promise<boolean>;

  /** Forgets requests that ended before a time (ms). Harmless to repeat. */
  abstract prune(endedBefore: number): Promise<void>;
}

/** When a request ended; null for one that is open. */
export function endOf({ state, decided, applied }: ChangeRequest): number | null {
  if (state === 'pending' || state === 'approved') return null;
  return (state === 'applied' ? applied : decided)?.at ?? null;
}
