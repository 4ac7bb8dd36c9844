import type { Finding, SchemaEngine } from '#libs/core/schema';
import type { Decision, RegistryChanges } from './changes.js';
import { effectiveConfig, effectiveMode } from './config.js';
import { schemaIncompatible } from './errors.js';
import type { SubjectState } from './model.js';
import { requireRegistrable } from './modes.js';
import { knownAs } from './known-content.js';
import type { RegistryLimits } from './limits.js';
import { decideRestoration } from './restoring.js';
import { decideRollback, rollbackTarget } from './rolling-back.js';
import type { RegistryView } from './registry-view.js';
import { termsOf } from './search-terms.js';
import type { RegistryFact, RegistryStore } from './store.js';
import { subjectText, type SubjectName } from './subject-name.js';

/** A version that has become the latest by going back, or would. */
export interface RolledBack {
  readonly subject: SubjectName;
  /** The version whose content it is. */
  readonly from: number;
  readonly version: number;
  /** Null in a preview where the content gets an id of its own. */
  readonly id: number | null;
  /** `unchanged`: the latest version has this content already. */
  readonly outcome: 'rolled-back' | 'unchanged';
  readonly compatible: boolean;
  readonly findings: readonly Finding[];
  readonly violations: readonly string[];
}

export interface RollbackOptions {
  /** Go back although readers will break. */
  readonly force: boolean;
  /** Decide, and change nothing. Then what is not compatible is an answer, not an error. */
  readonly preview: boolean;
}

/** Going back in a subject's history: undoing deletions, and making an earlier version the latest again. */
export class SubjectHistory {
  constructor(
    private readonly store: RegistryStore,
    private readonly view: RegistryView,
    private readonly engine: SchemaEngine,
    private readonly changes: RegistryChanges,
    private readonly limits: RegistryLimits,
  ) {}

  /**
   * Makes softly deleted versions live again. Repeatable.
   * @param versions undefined: all that are softly deleted.
   * @returns the versions that came back, ascending. @throws see {@link decideRestoration}.
   */
  restore(subject: SubjectName, versions: readonly number[] | undefined, preview: boolean): Promise<readonly number[]> {
    const attempt = () => this.#restore(subject, versions);
    return preview ? this.#preview(attempt) : this.changes.make(subject, attempt);
  }

  /**
   * Makes the content of an earlier version the latest. Repeatable: once it is, nothing happens.
   * @throws `schema-incompatible` with findings, `subject-not-found`, `version-not-found`, `version-deleted`, `operation-not-permitted`.
   */
  rollBack(subject: SubjectName, from: number, options: RollbackOptions): Promise<RolledBack> {
    const attempt = () => this.#rollBack(subject, from, options);
    return options.preview ? this.#preview(attempt) : this.changes.make(subject, attempt);
  }

  async #restore(subject: SubjectName, versions: readonly number[] | undefined): Promise<Decision<readonly number[]>> {
    const scopes = await this.view.scopes(subject);
    const state = scopes.subject;
    const states: SubjectState[] = Object.values(scopes);
    const restored = await decideRestoration({
      state,
      mode: effectiveMode(scopes),
      versions,
      references: async (row) => {
        const { context, references } = await this.view.schemaOf(subject, row);
        if (references.length === 0) return [];
        const chain = await this.view.chain(context, references);
        states.push(...chain.states);
        return chain.targets.map((target, i) => {
          const rows = chain.states[i]!.versions;
          return { ...target, deleted: rows.find((one) => one.version === target.version)?.deleted !== false };
        });
      },
    });
    return { facts: restored.facts, states, reply: () => restored.versions };
  }

  async #rollBack(subject: SubjectName, from: number, options: RollbackOptions): Promise<Decision<RolledBack>> {
    const scopes = await this.view.scopes(subject);
    const state = scopes.subject;
    const row = rollbackTarget(state, from);
    requireRegistrable(effectiveMode(scopes), subject, undefined);
    const schema = await this.view.schemaOf(subject, row);
    const chain = await this.view.chain(schema.context, schema.references);
    const decision = await decideRollback(this.engine, {
      state,
      config: effectiveConfig(scopes),
      schema,
      source: await this.view.source(schema),
      references: chain.references,
      targets: chain.targets,
      load: (rows) => this.view.load(subject, rows),
      limits: this.limits,
    });
    const { version, content, candidate, compatible, findings, violations } = decision;
    const told = { subject, from, version, compatible, findings, violations };
    if (content === null) {
      const reply: RolledBack = { ...told, id: row.schemaId, outcome: 'unchanged' };
      return { facts: [], states: [], reply: () => reply };
    }
    if (!compatible && !options.force && !options.preview) {
      throw schemaIncompatible(subjectText(subject), decision.messages, findings);
    }
    const known = await knownAs(this.store, this.view, subject.context, content);
    const fact: RegistryFact = {
      type: 'version-registered',
      subject,
      version,
      id: known.id === undefined ? { kind: 'new', collides: known.collides } : { kind: 'known', id: known.id },
      content,
      targets: candidate.targets,
      terms: termsOf(content.schemaType, candidate.reading.outline, content.metadata),
    };
    return {
      facts: [fact],
      states: [...Object.values(scopes), ...chain.states],
      reply: (applied) => ({ ...told, id: applied?.ids[0] ?? known.id ?? null, outcome: 'rolled-back' }),
    };
  }

  #preview<T>(attempt: () => Promise<Decision<T>>): Promise<T> {
    return this.view.consistent(async () => (await attempt()).reply(undefined, 0));
  }
}
