import type { JsonObject } from '#libs/core/kernel';
import type { HoldingWork, LogEngine, ResolvedTopic, TopicDirectory, TopicNames } from '#libs/core/log';
import type { PlanDraft } from '#libs/core/operations';
import type { CopyTally } from '../copy/copy-tally.js';
import type { Router } from '../copy/router.js';
import type { Verifier } from '../verify/verification.js';
import type { GenerationParameters } from './parameters.js';

/** What every request of such an operation names. */
export interface GenerationRequest {
  /** Undefined: the default cluster. */
  readonly cluster: string | undefined;
  /** Logical name. */
  readonly topic: string;
}

/** What a plan is made of, besides the request. */
export interface PlanContext {
  readonly engine: LogEngine;
  readonly names: TopicNames;
  readonly cluster: string;
  readonly topic: ResolvedTopic;
  /** Views and derivations that read the topic, by name; they follow the cutover by themselves. */
  readonly readers: readonly string[];
  /** All topics of the cluster. */
  readonly topics: () => Promise<readonly ResolvedTopic[]>;
  /** Views and derivations that read another topic, by name. */
  readonly readersOf: (topic: ResolvedTopic) => Promise<readonly string[]>;
  /** Milliseconds from an arbitrary start. */
  readonly monotonic: () => number;
  /** Records to look at before going over to a sample. */
  readonly sampleRecords: number;
}

/** One side of an operation while it is copied. */
export interface CopySide {
  readonly log: LogEngine;
  /** Physical name. */
  readonly topic: string;
}

/** A copy that routers and verifiers are made for, there or back. */
export interface CopyPlace {
  readonly source: CopySide;
  readonly target: CopySide;
  /** Topic for what the router remembers. */
  readonly memory: CopySide;
  /** Of the way back: the memory of the way there. */
  readonly memoryThere?: CopySide;
}

/**
 * What makes one sort of new generation unlike another: how it is asked for, what the plan says, and where each record goes. Phases, switch, groups and the way back are
 * the same for all (`GenerationHandler`).
 */
export interface GenerationKind<
  R extends GenerationRequest = GenerationRequest,
  P extends GenerationParameters = GenerationParameters,
> {
  /** Of the operations, of their fail points (`<name>:…`) and of what they hold in the log. */
  readonly name: HoldingWork;
  /** @throws for a request that makes no sense, naming everything that is wrong with it. */
  parse(request: JsonObject): R;
  /** The whole plan. Reads, changes nothing; its parameters are a `P` as JSON. */
  draft(context: PlanContext, request: R): Promise<PlanDraft>;
  /** What the plan relies on besides the topic as it is: members of the fingerprint. */
  fingerprint?(parameters: P): Promise<JsonObject>;
  /** Whether the copy takes as many bytes as the old side, so that a plan knows whether there is room for it. */
  keepsBytes(parameters: P): boolean;
  /** Where the records of the old side go in the new one. `notes` of the operation name the revisions of its rules. */
  there(parameters: P, notes: JsonObject, place: CopyPlace): Router;
  /**
   * Judges a redrive of parked records, by rules that may be other ones from here on. Answers the notes that make it known to the work, see `redrive.ts`.
   * @throws for a request that makes no sense, or rules that a plan with them would be blocked for.
   */
  redrive?(directory: TopicDirectory, parameters: P, notes: JsonObject, request: JsonObject): Promise<JsonObject>;
  /** Looks closer at a copy than `inner` does, which compares it with what it noted of itself. `positions`: up to where the source was copied. */
  verifier?(
    parameters: P,
    place: CopyPlace,
    way: 'there' | 'back',
    inner: Verifier,
    positions: () => readonly number[],
  ): Verifier;
  /** Asked after each commit of a copy. @throws to stop it: more went wrong than the plan bears. */
  demandBearable?(parameters: P, tally: CopyTally): void;
  /** Where what was written to the new side goes in the old one. Asked only where `reverseTail` is set. */
  back(parameters: P, place: CopyPlace): Router;
}
