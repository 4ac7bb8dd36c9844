import { isAppError, type Clock } from '#libs/core/kernel';
import {
  subjectText,
  type RegistryFact,
  type RegistryStore,
  type ResourceAssociations,
  type SubjectName,
  type SubjectState,
} from '#libs/core/registry';
import { attachmentFact, type AttachmentJudge } from './attachments.js';
import type { Attachment, MovedContext, MovedVersion, RetiredId } from './entry.js';
import type { Conflict, ImportJudge, JudgedVersion } from './judge.js';
import { targetsOf } from './selection.js';

/** What came of some entries. */
export interface BroughtIn {
  readonly registered: number;
  /** There already. */
  readonly same: number;
  /** Each with the place of its entry among those given. */
  readonly conflicts: readonly { readonly conflict: Conflict; readonly at: number }[];
}

interface Attempt {
  readonly facts: readonly RegistryFact[];
  readonly states: readonly SubjectState[];
  readonly resource?: ResourceAssociations;
  readonly result: BroughtIn;
}

/** Attempts at a change whose state moves under it. Each failed one means that somebody else got through. */
const MAX_ATTEMPTS = 40;

/**
 * Writes what is to be imported into the registry, under given ids and numbers, as if the registry were in import mode for these entries alone. Every step looks at
 * what is there first, so that it can be repeated after any interruption: what has been brought in counts as there.
 */
export class BringIn {
  constructor(
    private readonly store: RegistryStore,
    private readonly judge: ImportJudge,
    private readonly attachments: AttachmentJudge,
    private readonly clock: Clock,
  ) {}

  /** Ids of the context up to the highest one that is to come count as given out, so that nobody else gets one of them meanwhile. */
  async context({ context, lastId, listed }: MovedContext): Promise<void> {
    const known = await this.store.highestId(context);
    const isListed = !listed || (await this.store.contexts()).includes(context);
    if (known >= lastId && isListed) return;
    await this.store.apply({
      at: this.clock.now(),
      expected: [],
      facts: [{ type: 'ids-taken', context, upTo: lastId, listed }],
    });
  }

  async retired(entries: readonly RetiredId[]): Promise<BroughtIn> {
    const facts: RegistryFact[] = [];
    const conflicts: BroughtIn['conflicts'][number][] = [];
    for (const [at, { context, id, guid, schemaType }] of entries.entries()) {
      const [taken] = await this.store.taken(context, [id]);
      if (taken === undefined) facts.push({ type: 'id-retired', context, id, content: { guid, schemaType } });
      else if (taken.guid !== guid || taken.schemaType !== schemaType) {
        const message = `Id ${id} is purged at its source and stands for another schema here.`;
        const subject = subjectText({ context, name: '' });
        conflicts.push({ conflict: { code: 'id-taken', subject, version: null, id, message }, at });
      }
    }
    if (facts.length > 0) await this.store.apply({ at: this.clock.now(), expected: [], facts });
    return { registered: facts.length, same: entries.length - facts.length - conflicts.length, conflicts };
  }

  /** All that can be brought in of these, together. */
  async versions(entries: readonly MovedVersion[]): Promise<BroughtIn> {
    return this.#untilItHolds(async () => {
      const judged = await this.judge.judge(entries);
      const facts = judged.flatMap(factsOf);
      const registered = judged.filter((one) => one.judgement.kind === 'register').length;
      const conflicts = judged.flatMap(({ judgement }, at) =>
        judgement.kind === 'conflict' ? [{ conflict: judgement.conflict, at }] : [],
      );
      const states = judged.map((one) => one.state);
      return { facts, states, result: { registered, same: judged.length - registered - conflicts.length, conflicts } };
    });
  }

  async attachment(entry: Attachment): Promise<BroughtIn> {
    return this.#untilItHolds(async () => {
      const { judgement, state, resource } = await this.attachments.judge(entry);
      switch (judgement.kind) {
        case 'same':
          return { facts: [], states: [], result: { registered: 0, same: 1, conflicts: [] } };
        case 'conflict':
          return {
            facts: [],
            states: [],
            result: { registered: 0, same: 0, conflicts: [{ conflict: judgement.conflict, at: 0 }] },
          };
        case 'set':
          return {
            facts: [attachmentFact(entry)],
            states: [state],
            ...(resource === undefined ? {} : { resource }),
            result: { registered: 1, same: 0, conflicts: [] },
          };
      }
    });
  }

  async #untilItHolds(attempt: () => Promise<Attempt>): Promise<BroughtIn> {
    for (let n = 1; ; n++) {
      const { facts, states, result, resource } = await attempt();
      if (facts.length === 0) return result;
      try {
        const decidedOn = { expected: revisionsOf(states), ...(resource === undefined ? {} : { resource }) };
        await this.store.apply({ at: this.clock.now(), ...decidedOn, facts });
        return result;
      } catch (error) {
        if (!isAppError(error, 'registry-state-moved') || n >= MAX_ATTEMPTS) throw error;
        await this.clock.sleep(Math.min(n, 10));
      }
    }
  }
}

function factsOf({ entry, judgement }: JudgedVersion): readonly RegistryFact[] {
  if (judgement.kind !== 'register') return [];
  const { subject, version, id, secondary, deleted, registeredAt } = entry;
  return [
    {
      type: 'version-registered',
      subject,
      version,
      id: { kind: 'given', id, ...(secondary ? { secondary } : {}) },
      content: judgement.read.content,
      terms: judgement.read.terms,
      targets: targetsOf(entry),
      ...(registeredAt === null ? {} : { registeredAt }),
    },
    ...(deleted ? [{ type: 'version-soft-deleted' as const, subject, version }] : []),
  ];
}

function revisionsOf(states: readonly SubjectState[]): readonly { subject: SubjectName; revision: number }[] {
  const byName = new Map(states.map((state) => [subjectText(state.subject), state]));
  return [...byName.values()].map(({ subject, revision }) => ({ subject, revision }));
}
