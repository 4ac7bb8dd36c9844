import type { RecordCursor, StoredRecord } from '#libs/core/log';
import { keyName, type ParkedRecord, WAITS_FOR_KEY } from '../copy/parked-records.js';
import type { Parking, RedriveChoice, Routed, Router } from '../copy/router.js';

/** What is remembered of one source partition. */
interface Lane {
  readonly revision: number;
  /** Keys that have parked records: the offset of the one that failed. */
  readonly keys: Map<string, number>;
  redrive: Redriving | undefined;
}

interface Redriving {
  readonly revision: number;
  readonly choice: RedriveChoice;
  /** Keys that this redrive parked again, likewise. */
  readonly again: Map<string, number>;
}

/**
 * Parks records that cannot be migrated, and behind each all later records of its key, so that none overtakes it. Whatever is not in the way of others goes by the rules of a migration, of the revision
 * that its partition has come to. `alone`: failed records are parked without keeping their keys.
 */
export class ParkingRouter implements Router, Parking {
  readonly targets: number;
  readonly #lanes = new Map<number, Lane>();

  /** @param rulesOf the rules of a revision, which answer that a record is to be parked where it fails; asked for many times */
  constructor(
    private readonly rulesOf: (revision: number) => Router,
    readonly alone: boolean,
  ) {
    this.targets = rulesOf(0).targets;
  }

  get parking(): this {
    return this;
  }

  async route(record: StoredRecord, source: number): Promise<Routed> {
    return (await this.routeAll([record], source))[0]!;
  }

  async routeAll(records: readonly StoredRecord[], source: number): Promise<readonly Routed[]> {
    const lane = this.#laneOf(source);
    const asked = records.filter((one) => sinceOf(lane, one) === undefined);
    const answers = await answersOf(this.rulesOf(lane.revision), asked, source);
    const routed: Routed[] = [];
    for (const record of records) {
      const since = sinceOf(lane, record);
      const answer = since === undefined ? answers.get(record) : { park: { rule: WAITS_FOR_KEY, since, version: '' } };
      // The rules answer for as many as they like at once.
      if (answer === undefined) break;
      if (since === undefined && record.key !== null && !this.alone) {
        const name = keyName(record.key);
        if (isParked(answer)) lane.keys.set(name, record.offset);
        // Of a stretch that was not committed and comes out otherwise now.
        else if (lane.keys.get(name) === record.offset) lane.keys.delete(name);
      }
      routed.push(answer);
    }
    return routed;
  }

  misplaced(key: Uint8Array | null, target: number): string | undefined {
    return this.rulesOf(0).misplaced(key, target);
  }

  belongsInPlace(record: RecordCursor, target: number): boolean {
    return this.rulesOf(0).belongsInPlace?.(record, target) ?? true;
  }

  resume(source: number, revision: number): void {
    this.#lanes.set(source, { revision, keys: new Map(), redrive: undefined });
  }

  remember(source: number, parked: readonly ParkedRecord[], again: boolean): void {
    const lane = this.#laneOf(source);
    const keys = again ? lane.redrive?.again : lane.keys;
    if (this.alone || keys === undefined) return;
    for (const { record, since } of parked) if (record.key !== null) keys.set(keyName(record.key), since);
  }

  keys(source: number): number {
    return this.#laneOf(source).keys.size;
  }

  begin(source: number, revision: number, choice: RedriveChoice): void {
    this.#laneOf(source).redrive = { revision, choice, again: new Map() };
  }

  async redrive(records: readonly ParkedRecord[], source: number): Promise<readonly Routed[]> {
    const { redrive } = this.#laneOf(source);
    const { revision, choice, again } = redrive!;
    const isTried = (one: ParkedRecord): boolean =>
      againSince(again, one) === undefined && (one.rule === WAITS_FOR_KEY || isChosen(choice, one, source));
    const tried = records.filter(isTried).map((one) => one.record);
    const answers = await answersOf(this.rulesOf(revision), tried, source);
    const routed: Routed[] = [];
    for (const one of records) {
      const { record, rule, version } = one;
      const since = againSince(again, one);
      let answer: Routed | undefined;
      if (since !== undefined) answer = { park: { rule: WAITS_FOR_KEY, since, version } };
      else answer = isTried(one) ? answers.get(record) : { park: { rule, since: one.since, version } };
      if (answer === undefined) break;
      if (isParked(answer) && record.key !== null && !this.alone) again.set(keyName(record.key), answer.park.since);
      routed.push(answer);
    }
    return routed;
  }

  rules(revision: number): Router {
    return this.rulesOf(revision);
  }

  #laneOf(source: number): Lane {
    let lane = this.#lanes.get(source);
    if (lane === undefined) this.#lanes.set(source, (lane = { revision: 0, keys: new Map(), redrive: undefined }));
    return lane;
  }
}

/** Where the record of the key that failed lies, when this one comes behind it. */
function sinceOf({ keys }: Lane, { key, offset }: StoredRecord): number | undefined {
  if (key === null || keys.size === 0) return undefined;
  const since = keys.get(keyName(key));
  return since !== undefined && since < offset ? since : undefined;
}

function againSince(again: ReadonlyMap<string, number>, { record }: ParkedRecord): number | undefined {
  return record.key === null ? undefined : again.get(keyName(record.key));
}

function isChosen({ ids, rule }: RedriveChoice, one: ParkedRecord, source: number): boolean {
  if (rule !== undefined && rule !== one.rule) return false;
  return ids === undefined || ids.includes(`${source}/${one.record.offset}`);
}

function isParked(answer: Routed): answer is Extract<Routed, { park: unknown }> {
  return typeof answer !== 'number' && 'park' in answer;
}

/** As many as the rules answer at once, by record. */
async function answersOf(
  rules: Router,
  records: readonly StoredRecord[],
  source: number,
): Promise<ReadonlyMap<StoredRecord, Routed>> {
  if (records.length === 0) return new Map();
  const answers = (await rules.routeAll?.(records, source)) ?? [await rules.route(records[0]!, source)];
  return new Map(answers.map((answer, i) => [records[i]!, answer]));
}
