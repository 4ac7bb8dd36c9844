import { Breath, type Clock } from '#libs/core/kernel';
import type { CompatibilityLevel, CompatibilityPolicy, ReadOptions, SchemaEngine } from '#libs/core/schema';
import { requireAccepted, rulesOf, type Candidates } from './candidates.js';
import { assessCompatibility, doubtfulAtAnyLevel, type Assessment } from './assessment.js';
import {
  checkCompatibility,
  comparedVersions,
  doubtfulVersions,
  violationsOf,
  type ComparedVersion,
  type CompatibilityAnswer,
} from './compatibility.js';
import { effectiveConfig, levelOf, policyOf } from './config.js';
import { propertyOf } from './data-contract.js';
import type { Candidate } from './content.js';
import { versionNotFound } from './errors.js';
import { assessmentIn, HistoryCheck, type CheckState, type SettledCheck } from './history-check.js';
import type { RegistryLimits } from './limits.js';
import { isLive, latestLive, type SubjectState, type VersionRow } from './model.js';
import type { RegistryView } from './registry-view.js';
import { requireText, type SentSchema } from './sent-schema.js';
import type { SubjectDigests } from './subject-digests.js';
import { DEFAULT_SCOPE, subjectText, type SubjectName } from './subject-name.js';
import { UnregisteredSchemas, type SentReferenced } from './unregistered-schemas.js';

export interface CheckOptions {
  readonly normalize: boolean;
  /** Look for documents that prove what breaks. False when absent. */
  readonly proofs?: boolean;
}

/** What a schema is to be judged against, by the settings of the subject or by those of the default context. */
export interface SchemaQuestion {
  /** The alias's target. Absent: nothing of the registry but the settings of the default context counts. */
  readonly subject: SubjectName | undefined;
  readonly sent: SentSchema;
  /** Oldest first, numbered from 1; in the place of the subject's versions. */
  readonly earlier: readonly SentSchema[] | undefined;
  /** What the schemas refer to and is not registered; each may refer to those before it. */
  readonly referenced: readonly SentReferenced[];
  readonly normalize: boolean;
  /** In the place of the one in force. */
  readonly policy: CompatibilityPolicy | undefined;
  /** Levels that must be kept; undefined: the one in force. */
  readonly levels: readonly CompatibilityLevel[] | undefined;
}

/** All versions that the level asks for, or one version only. */
export type Against = 'history' | 'latest' | number;

/** Compatibility checks of schemas somebody sent; nothing is stored. */
export class Checking {
  constructor(
    private readonly view: RegistryView,
    private readonly engine: SchemaEngine,
    private readonly candidates: Candidates,
    private readonly digests: SubjectDigests,
    private readonly limits: RegistryLimits,
    private readonly clock: Clock,
  ) {}

  /**
   * Whether the schema could follow the versions there are, under the settings in force.
   * @param against all versions that the level asks for, or one version only.
   * @throws `version-not-found` for an explicit version that is not there or deleted; what parsing throws.
   */
  check(subject: SubjectName, sent: SentSchema, against: Against, options: CheckOptions): Promise<CompatibilityAnswer> {
    return this.view.consistent(() => this.#check(subject, sent, against, options));
  }

  async #check(
    subject: SubjectName,
    sent: SentSchema,
    against: Against,
    { normalize, proofs }: CheckOptions,
  ): Promise<CompatibilityAnswer> {
    const scopes = await this.view.scopes(subject);
    const config = effectiveConfig(scopes);
    const rows = comparedRows(scopes.subject, against);
    const { candidate } = await this.candidates.read(subject.context, requireText(sent), {
      normalize: normalize || config.normalize === true,
      rules: rulesOf(config),
    });
    requireAccepted(candidate.reading);
    const versions = this.digests.versions(subject);
    const doubtful = await doubtfulVersions(this.engine.formats, candidate, config, rows, versions);
    return checkCompatibility(this.engine, {
      candidate,
      metadata: sent.metadata ?? null,
      earlier: () => comparedVersions(versions.load(rows)),
      doubtful: () => comparedVersions(versions.load(doubtful)),
      count: doubtful.length,
      maxCompared: this.limits.comparedVersions,
      config,
      history: against === 'history',
      proofs,
    });
  }

  /**
   * The verdict at every level. Asked about a subject, it is what {@link check} says at the level in force.
   * @throws what parsing throws; `reference-sent-twice`.
   */
  assess(question: SchemaQuestion): Promise<Assessment> {
    return this.view.consistent(() => this.#assess(question));
  }

  async #assess(question: SchemaQuestion): Promise<Assessment> {
    const { sent, earlier, levels } = question;
    const breath = new Breath(this.clock);
    const prepared = await this.#prepared(question);
    const { subject, config, candidate, rows } = prepared;
    const asked = {
      candidate,
      metadata: sent.metadata ?? null,
      maxCompared: this.limits.comparedVersions,
      config,
      levels,
    };
    if (earlier !== undefined) {
      const given: ComparedVersion[] = [];
      for (const [index, one] of earlier.entries()) {
        const old = await prepared.read(one, subject.context, {});
        given.unshift({ version: index + 1, metadata: one.metadata ?? null, source: old.source });
      }
      return assessCompatibility(this.engine, { ...asked, earlier: () => eachOf(given), count: given.length }, breath);
    }
    const history = { ...asked, earlier: () => comparedVersions(this.view.load(subject, rows)) };
    // Which versions belong to a group only shows when they are loaded.
    if (config.compatibilityGroup !== undefined) {
      return assessCompatibility(this.engine, { ...history, count: rows.length }, breath);
    }
    const versions = this.digests.versions(subject);
    const places = await doubtfulAtAnyLevel(this.engine.formats, candidate, rows, versions, breath);
    const compared = [...places].map((place) => rows[place]!);
    return assessCompatibility(
      this.engine,
      {
        ...history,
        doubtful: () => comparedVersions(versions.load(compared)),
        count: compared.length,
        live: { rows, isCompared: (place) => places.has(place) },
      },
      breath,
    );
  }

  /**
   * The question about a subject with everything settled that its answer depends on, to be answered in steps by {@link resumed}.
   * @throws as {@link assess}, but for `too-many-versions-to-compare`.
   */
  settle(question: SchemaQuestion & { readonly subject: SubjectName }): Promise<SettledCheck> {
    return this.view.consistent(async () => {
      const { sent, levels, normalize } = question;
      const { subject, config, candidate, rows } = await this.#prepared(question);
      const metadata = sent.metadata ?? null;
      const earlier = () => comparedVersions(this.view.load(subject, rows));
      const group = config.compatibilityGroup;
      const level = levelOf(config);
      return {
        subject,
        candidate: candidate.source,
        normalize: normalize || config.normalize === true,
        group: group === undefined ? null : { property: group, value: propertyOf(metadata, group) ?? null },
        level,
        levels: [...new Set(levels ?? [level])],
        policy: policyOf(config),
        violations: await violationsOf({ candidate, metadata, earlier, config }),
        versions: rows.map(({ version }) => version),
        schemaIds: rows.map(({ schemaId }) => schemaId),
      };
    });
  }

  /** Goes on with a check from where it stands. @throws as reading the candidate. */
  async resumed(check: SettledCheck, state?: CheckState): Promise<HistoryCheck> {
    await this.view.refresh();
    const { view, engine, digests, clock } = this;
    return HistoryCheck.of({ view, engine, digests, clock }, check, state);
  }

  /** What a check that has come to its end in this state has found. @throws as reading the candidate. */
  async assessed(check: SettledCheck, state: CheckState): Promise<Assessment> {
    const { candidate, normalize } = check;
    return assessmentIn(check, state, await this.engine.read(candidate, { normalize }), new Breath(this.clock));
  }

  async #prepared(question: SchemaQuestion) {
    const { subject = DEFAULT_SCOPE, sent, referenced, normalize, policy } = question;
    const scopes = await this.view.scopes(subject);
    const inForce = effectiveConfig(scopes);
    const config = policy === undefined ? inForce : { ...inForce, compatibilityPolicy: policy };
    const rules = rulesOf(config);
    const source = new UnregisteredSchemas(this.view);
    const read = async (schema: SentSchema, context: string, options: ReadOptions): Promise<Candidate> => {
      const { candidate } = await this.candidates.read(context, requireText(schema), options, 'live', source);
      requireAccepted(candidate.reading);
      return candidate;
    };
    for (const one of referenced) {
      const { reading, references } = await read(one, one.subject.context, {
        rules: { ...rules, validateFields: false },
      });
      source.add(one, reading, references);
    }
    const candidate = await read(sent, subject.context, { normalize: normalize || config.normalize === true, rules });
    return { subject, config, candidate, read, rows: comparedRows(scopes.subject, 'history') };
  }
}

function comparedRows(state: SubjectState, against: Against): readonly VersionRow[] {
  if (against === 'history') return state.versions.filter(isLive).reverse();
  const row =
    against === 'latest' ? latestLive(state) : state.versions.find((one) => one.version === against && isLive(one));
  if (row === undefined && against !== 'latest') throw versionNotFound(subjectText(state.subject), against);
  return row === undefined ? [] : [row];
}

async function* eachOf<T>(values: Iterable<T>): AsyncGenerator<T> {
  yield* values;
}
