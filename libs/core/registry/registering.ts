import type { SchemaEngine, TagEdit } from '#libs/core/schema';
import { requireAccepted, rulesOf, type Candidates } from './candidates.js';
import type { Decision, RegistryChanges } from './changes.js';
import { effectiveConfig, effectiveMode, type Scopes } from './config.js';
import { contentOf, type Candidate } from './content.js';
import { requireBoundedMetadata } from './data-contract.js';
import { notPermitted, registrationForbidden, schemaNotFound, subjectNotFound } from './errors.js';
import { KnownAnswers, type SchemaInquiry } from './known-answers.js';
import { knownAs } from './known-content.js';
import type { RegistryLimits } from './limits.js';
import {
  isLive,
  latestLive,
  nextVersion,
  type RegistryConfig,
  type RegistryMode,
  type SchemaRecord,
  type StoredSchema,
  type SubjectState,
  type VersionRow,
} from './model.js';
import { isImporting, requireRegistrable } from './modes.js';
import {
  answersRegistration,
  completedContract,
  decideRegistration,
  findMatch,
  matchUnnumbered,
  type Match,
  type Numbering,
} from './registration.js';
import type { ReferenceChain } from './references.js';
import type { RegistryView } from './registry-view.js';
import { requireValidRuleSet } from './rule-set.js';
import { hasText, requireText, type SentRegistration, type SentSchema } from './sent-schema.js';
import type { RegistryStore } from './store.js';
import type { SubjectDigests } from './subject-digests.js';
import { DEFAULT_CONTEXT, requireUsableSubject, subjectText, type SubjectName } from './subject-name.js';

/** A version of a subject with its schema. */
export interface SubjectVersion {
  readonly subject: SubjectName;
  readonly row: VersionRow;
  readonly schema: StoredSchema;
}

/** How an answer came about: `registered` stores something; the others found it (contract 3.3). */
export interface RegisteredVersion extends SubjectVersion {
  readonly by: 'registered' | Match['by'];
}

export interface RegisterOptions {
  /** Normalise before comparing and storing; the settings may ask for it as well. */
  readonly normalize: boolean;
  /** Skip the compatibility check. */
  readonly force: boolean;
}

export interface LookupOptions {
  readonly normalize: boolean;
  /** Whether softly deleted versions may match. */
  readonly deleted: boolean;
}

/** Registration and look-up of schemas somebody sent. */
export class Registering {
  readonly #known: KnownAnswers;

  constructor(
    private readonly store: RegistryStore,
    private readonly view: RegistryView,
    private readonly engine: SchemaEngine,
    private readonly candidates: Candidates,
    private readonly digests: SubjectDigests,
    private readonly changes: RegistryChanges,
    private readonly limits: RegistryLimits,
  ) {
    this.#known = new KnownAnswers(view);
  }

  /** The answer to an inquiry that was answered before, where it is known at once that it still holds. */
  answerAtHand(subject: SubjectName, sent: SentRegistration, inquiry: SchemaInquiry): RegisteredVersion | undefined {
    return this.#known.get(subject, sent, inquiry);
  }

  /** Contract 3.2. `subject` is already the alias's target. */
  async register(subject: SubjectName, sent: SentRegistration, options: RegisterOptions): Promise<RegisteredVersion> {
    requireBoundedMetadata(sent.metadata);
    requireValidRuleSet(sent.ruleSet);
    requireUsableSubject(subject, subjectText(subject));
    // Known content is answered without waiting for changes to the subject that are under way.
    const first = await this.view.consistent(() => this.#search(subject, sent, options));
    if (first.known !== undefined) {
      this.#known.keep(first.scopes, sent, { kind: 'register', normalize: options.normalize }, first.known);
      return first.known;
    }
    return this.changes.make(subject, () => this.#attempt(subject, sent, options, first));
  }

  /**
   * What {@link register} answers for a schema that the subject has, whatever its mode; for whoever may not register new ones.
   * @throws `registration-forbidden` for any other schema that can be read; what parsing throws.
   */
  async registered(subject: SubjectName, sent: SentRegistration, options: RegisterOptions): Promise<RegisteredVersion> {
    requireValidRuleSet(sent.ruleSet);
    requireUsableSubject(subject, subjectText(subject));
    return this.view.consistent(async () => {
      const asked = await this.#search(subject, sent, options);
      if (asked.known !== undefined) return asked.known;
      const { scopes, numbering, found } = asked;
      const match = await matchUnnumbered(this.engine, {
        state: scopes.subject,
        numbering,
        candidate: found.candidate,
        content: completedContent(sent, asked),
        versions: this.digests.versions(subject),
      });
      if (match === undefined) throw registrationForbidden(subjectText(subject));
      return this.#found(scopes.subject, match);
    });
  }

  /** What {@link register} would do now, for a change that does something else as well. Reads only. */
  async decide(
    subject: SubjectName,
    sent: SentRegistration,
    options: RegisterOptions,
  ): Promise<Decision<RegisteredVersion>> {
    requireBoundedMetadata(sent.metadata);
    requireValidRuleSet(sent.ruleSet);
    requireUsableSubject(subject, subjectText(subject));
    const first = await this.#search(subject, sent, options);
    return first.known === undefined ? this.#attempt(subject, sent, options, first) : nothing(first.known);
  }

  /** Steps 1 to 3: what is asked for, and whether the subject has it. */
  async #search(
    subject: SubjectName,
    sent: SentRegistration,
    options: RegisterOptions,
    before?: SearchedRegistration,
  ): Promise<SearchedRegistration> {
    const scopes = await this.view.scopes(subject);
    if (before !== undefined && isUnmoved(before, scopes)) return before;
    const state = scopes.subject;
    const config = effectiveConfig(scopes);
    const mode = effectiveMode(scopes);
    const importing = isImporting(mode);
    const numbering = numberingOf(sent);
    const normalize = !importing && (options.normalize || config.normalize === true);
    const latest = await this.#latest(state);
    const textless = !hasText(sent);
    // What is not there cannot be known already: the mode is asked first, and only then is the latest version's text taken over (steps 3, 5 and 7).
    if (textless) requireRegistrable(mode, subject, numbering.id);
    const source = importing ? requireText(sent) : requireText(sent, latest);
    const tags = importing ? [] : await this.#tagEdits(sent, latest);

    const found = await this.candidates.read(subject.context, source, {
      normalize,
      rules: importing ? undefined : rulesOf(config),
      tags,
    });
    const question = { scopes, config, mode, importing, numbering, latest, found };
    // The same state was searched a moment ago, in vain.
    const searchedBefore = before?.scopes.subject.revision === state.revision;
    if (textless || fillsIn(config) || editsTags(sent) || searchedBefore) return { ...question, known: undefined };
    const match = await this.#find(state, found.candidate, sent, searched(state, numbering), latest);
    const answers = match !== undefined && answersRegistration(match, numbering);
    return { ...question, known: answers ? await this.#found(state, match) : undefined };
  }

  /** The rest: decides what to store. */
  async #attempt(
    subject: SubjectName,
    sent: SentRegistration,
    options: RegisterOptions,
    before: SearchedRegistration,
  ): Promise<Decision<RegisteredVersion>> {
    const now = await this.#search(subject, sent, options, before);
    if (now.known !== undefined) return nothing(now.known);
    const { scopes, config, mode, numbering, found } = now;
    const state = scopes.subject;
    requireRegistrable(mode, subject, numbering.id);
    const { candidate, chain } = found;
    requireAccepted(candidate.reading);
    await this.#requireReferable(candidate);
    const content = completedContent(sent, now);
    const known = await knownAs(this.store, this.view, subject.context, content);
    const decision = await decideRegistration(this.engine, {
      state,
      config,
      mode,
      numbering,
      force: options.force,
      candidate,
      content,
      knownId: known.id,
      collides: known.collides,
      versions: this.digests.versions(subject),
      limits: this.limits,
      referenced: await this.#referenced(state),
    });
    if (decision.kind === 'existing') return nothing(await this.#found(state, decision.match));
    const { version, facts } = decision;
    const digests = await this.digests.toKeep(subject, state.versions);
    return {
      facts,
      ...(digests === undefined ? {} : { digests }),
      states: [state, scopes.context, scopes.defaultContext, scopes.allContexts, ...(chain?.states ?? [])],
      reply: (applied, at) => {
        const id = applied!.ids[0]!;
        return {
          subject,
          row: { version, schemaId: id, guid: content.guid, deleted: false, registeredAt: at },
          schema: { context: subject.context, id, ...content },
          by: 'registered',
        };
      },
    };
  }

  /**
   * The version of the subject that this schema is (contract 3.3). An unqualified subject that the default context does not have is looked for in the
   * others.
   * @throws `subject-not-found`, `schema-not-found`, and what parsing throws.
   */
  lookup(subject: SubjectName, sent: SentSchema, options: LookupOptions): Promise<RegisteredVersion> {
    return this.view.consistent(() => this.#lookup(subject, sent, options));
  }

  async #lookup(subject: SubjectName, sent: SentSchema, options: LookupOptions): Promise<RegisteredVersion> {
    const rowsOf = (state: SubjectState) => (options.deleted ? state.versions : state.versions.filter(isLive));
    let places = [subject];
    if (rowsOf(await this.view.subject(subject)).length === 0) {
      const contexts = subject.context === DEFAULT_CONTEXT ? await this.store.contextsHolding(subject.name) : [];
      places = contexts.map((context) => ({ context, name: subject.name }));
    }
    let seen = false;
    for (const place of places) {
      const scopes = await this.view.scopes(place);
      const rows = rowsOf(scopes.subject);
      if (rows.length === 0) continue;
      seen = true;
      const normalize = options.normalize || effectiveConfig(scopes).normalize === true;
      const source = requireText(sent);
      const { candidate } = await this.candidates.read(place.context, source, { normalize }, 'stored');
      const latest = await this.#latest(scopes.subject);
      const match = await this.#find(scopes.subject, candidate, sent, rows, latest);
      if (match === undefined) continue;
      const found = await this.#found(scopes.subject, match);
      if (place === subject) this.#known.keep(scopes, sent, { kind: 'lookup', ...options }, found);
      return found;
    }
    throw seen ? schemaNotFound() : subjectNotFound(subjectText(subject));
  }

  /** The edits asked for, after those that repeat what the latest version has. */
  async #tagEdits(sent: SentRegistration, latest: StoredSchema | undefined): Promise<readonly TagEdit[]> {
    const { tags = [], propagateTags = false } = sent;
    if (!propagateTags || latest === undefined) return tags;
    const parts = await this.engine.taggedParts(await this.view.source(latest));
    const kept = parts.map(({ path, kind, tags: add }): TagEdit => ({ path, kind, add, remove: [], optional: true }));
    return [...kept, ...tags];
  }

  /** As sent, then with the data contract of the latest version: so a client that sends only the schema finds the version that carries more. */
  async #find(
    state: SubjectState,
    candidate: Candidate,
    sent: SentSchema,
    rows: readonly VersionRow[],
    latest: StoredSchema | undefined,
  ): Promise<Match | undefined> {
    const versions = this.digests.versions(state.subject);
    if (rows.length === 0) return undefined;
    const metadata = sent.metadata ?? null;
    const ruleSet = sent.ruleSet ?? null;
    const match = await findMatch(this.engine, candidate, contentOf(candidate, metadata, ruleSet), rows, versions);
    if (match !== undefined) return match;
    const inherited = { metadata: metadata ?? latest?.metadata ?? null, ruleSet: ruleSet ?? latest?.ruleSet ?? null };
    if (inherited.metadata === metadata && inherited.ruleSet === ruleSet) return undefined;
    return findMatch(
      this.engine,
      candidate,
      contentOf(candidate, inherited.metadata, inherited.ruleSet),
      rows,
      versions,
    );
  }

  async #found(state: SubjectState, { row, by }: Match): Promise<RegisteredVersion> {
    return { subject: state.subject, row, schema: await this.view.schemaOf(state.subject, row), by };
  }

  async #latest(state: SubjectState): Promise<StoredSchema | undefined> {
    const row = latestLive(state);
    return row && this.view.schemaOf(state.subject, row);
  }

  /** A subject that belongs to a resource is not for others to build on (contract 3.2, step 9). @throws `operation-not-permitted` */
  async #requireReferable({ targets }: Candidate): Promise<void> {
    if (targets.length === 0) return;
    const associations = await this.store.associations({ subjects: targets.map((target) => target.subject) });
    const strong = associations.find((one) => one.lifecycle === 'STRONG');
    if (strong === undefined) return;
    const subject = subjectText(strong.subject);
    throw notPermitted(`Subject ${subject} has a strong association and cannot be referenced`, { subject });
  }

  /** Deleted versions of the subject that some schema still refers to. */
  async #referenced(state: SubjectState): Promise<ReadonlySet<number>> {
    if (state.versions.every(isLive)) return new Set();
    return new Set((await this.store.referrers(state.subject)).map((one) => one.target));
  }
}

/** What was sent with what it inherits and what the settings add. */
function completedContent(
  sent: SentRegistration,
  { scopes, config, importing, numbering, latest, found }: AskedRegistration,
): SchemaRecord {
  const own = { metadata: sent.metadata ?? null, ruleSet: sent.ruleSet ?? null };
  const asked = { asked: numbering.version, next: nextVersion(scopes.subject) };
  const { metadata, ruleSet } = importing ? own : completedContract(own, latest, config, asked);
  return contentOf(found.candidate, metadata, ruleSet);
}

/** A registration as it was asked for, with what it is decided by. */
interface AskedRegistration {
  readonly scopes: Scopes;
  readonly config: RegistryConfig;
  readonly importing: boolean;
  readonly numbering: Numbering;
  readonly latest: StoredSchema | undefined;
  readonly mode: RegistryMode;
  readonly found: { readonly candidate: Candidate; readonly chain: ReferenceChain | undefined };
}

interface SearchedRegistration extends AskedRegistration {
  /** What answers it. */
  readonly known: RegisteredVersion | undefined;
}

/** Whether all that was looked at is as it was, so that looking again would find the same. */
function isUnmoved({ scopes, found }: SearchedRegistration, now: Scopes): boolean {
  return (
    found.chain === undefined &&
    scopes.subject === now.subject &&
    scopes.context === now.context &&
    scopes.defaultContext === now.defaultContext &&
    scopes.allContexts === now.allContexts
  );
}

function nothing(version: RegisteredVersion): Decision<RegisteredVersion> {
  return { facts: [], states: [], reply: () => version };
}

/** Edited tags make a version that must become the latest, unless a number is asked for. */
function numberingOf({ version, id, tags = [] }: SentRegistration): Numbering {
  const asked = Math.max(-1, version ?? 0);
  return {
    version: asked === 0 && tags.length > 0 ? -1 : asked,
    id: typeof id === 'number' && id >= 0 ? id : undefined,
  };
}

function editsTags({ tags = [], propagateTags = false }: SentRegistration): boolean {
  return propagateTags || tags.length > 0;
}

/** Whether the settings add to what is sent, so that only the completed content can be compared. */
function fillsIn(config: RegistryConfig): boolean {
  return Boolean(config.defaultMetadata ?? config.overrideMetadata ?? config.defaultRuleSet ?? config.overrideRuleSet);
}

/** Versions that may answer a registration without a change: "must be the latest" is only answered by the latest. */
function searched(state: SubjectState, numbering: Numbering): readonly VersionRow[] {
  if (numbering.version !== -1) return state.versions.filter(isLive);
  const latest = latestLive(state);
  return latest === undefined ? [] : [latest];
}
