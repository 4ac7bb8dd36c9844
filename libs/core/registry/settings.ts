import type { Decision, RegistryChanges } from './changes.js';
import {
  effectiveConfig,
  effectiveMode,
  effectiveRegistration,
  hasDefaults,
  updatedConfig,
  type ConfigUpdate,
} from './config.js';
import {
  notPermitted,
  schemaReferenced,
  subjectConfigNotFound,
  subjectModeNotFound,
  subjectNotFound,
} from './errors.js';
import { isLive, type RegistrationPolicy, type RegistryConfig, type RegistryMode, type SubjectState } from './model.js';
import { isImporting, requireWritable } from './modes.js';
import type { RegistryView } from './registry-view.js';
import { requireBoundedMetadata } from './data-contract.js';
import { requireValidRuleSet } from './rule-set.js';
import type { NameInUse, RegistryFact, RegistryStore } from './store.js';
import { GLOBAL_CONTEXT, requireUsableScope, sameSubject, subjectText, type SubjectName } from './subject-name.js';

/** Names read at a time where a whole context is concerned. */
const NAMES = 1_000;

/** A change of settings or mode that somebody thinks of. */
export type SettingChange =
  | { readonly kind: 'set-config'; readonly update: ConfigUpdate }
  | { readonly kind: 'delete-config' }
  | { readonly kind: 'set-mode'; readonly mode: RegistryMode }
  | { readonly kind: 'delete-mode' };

/** What a change of settings or mode would do beside it. */
export interface SettingPreview {
  /** Softly deleted versions that would go for good, as an import begins on an empty scope. */
  readonly purges: number;
}

/**
 * Configuration and modes of subjects, contexts and the whole (contract 2.6, 2.7, 3.8, 3.10). A scope is a subject name; an empty name stands for its
 * context, {@link GLOBAL_SCOPE} for all contexts.
 */
export class RegistrySettings {
  constructor(
    private readonly store: RegistryStore,
    private readonly view: RegistryView,
    private readonly changes: RegistryChanges,
    private readonly defaultRegistration: RegistrationPolicy,
  ) {}

  /**
   * What is stored for the scope, or with `effective` what holds there.
   * @throws `subject-config-not-found` when nothing is stored and defaults were not asked for.
   */
  async config(scope: SubjectName, effective: boolean): Promise<RegistryConfig> {
    await this.view.refresh();
    const scopes = await this.view.scopes(scope);
    if (effective) return effectiveConfig(scopes);
    const stored = scopes.subject.config ?? (hasDefaults(scope) ? {} : null);
    if (stored === null) throw subjectConfigNotFound(subjectText(scope));
    return stored;
  }

  /** @returns the settings as they are now. @throws `operation-not-permitted` where the mode is read-only, `subject-invalid`, `rule-set-invalid`. */
  setConfig(scope: SubjectName, update: ConfigUpdate): Promise<RegistryConfig> {
    requireSettable(scope, update);
    return this.changes.make(scope, () => this.#configSet(scope, update));
  }

  async #configSet(scope: SubjectName, update: ConfigUpdate): Promise<Decision<RegistryConfig>> {
    const scopes = await this.view.scopes(scope);
    requireWritable(effectiveMode(scopes), scope);
    const config = updatedConfig(scopes.subject.config, update);
    return {
      facts: [{ type: 'config-set', subject: scope, config }],
      states: Object.values(scopes) as SubjectState[],
      reply: () => config,
    };
  }

  /** @returns what was stored. @throws `subject-not-found` when nothing was, except for the scopes that have defaults. */
  deleteConfig(scope: SubjectName): Promise<RegistryConfig> {
    return this.changes.make(scope, () => this.#configDeleted(scope));
  }

  async #configDeleted(scope: SubjectName): Promise<Decision<RegistryConfig>> {
    const scopes = await this.view.scopes(scope);
    const config = scopes.subject.config;
    if (config === null && !hasDefaults(scope)) throw subjectNotFound(subjectText(scope));
    requireWritable(effectiveMode(scopes), scope);
    return {
      facts: config === null ? [] : [{ type: 'config-set', subject: scope, config: null }],
      states: Object.values(scopes) as SubjectState[],
      reply: () => config ?? {},
    };
  }

  /** @throws `subject-mode-not-found` when nothing is stored and the effective mode was not asked for. */
  async mode(scope: SubjectName, effective: boolean): Promise<RegistryMode> {
    await this.view.refresh();
    const scopes = await this.view.scopes(scope);
    if (effective) return effectiveMode(scopes);
    const stored = scopes.subject.mode ?? (hasDefaults(scope) ? 'READWRITE' : null);
    if (stored === null) throw subjectModeNotFound(subjectText(scope));
    return stored;
  }

  /**
   * Sets the mode, or clears it with null. Import begins on an empty scope: live versions forbid it, deleted ones are removed for good; `force` lets
   * everything stay.
   * @throws `operation-not-permitted`, `schema-referenced`, `subject-invalid`.
   */
  setMode(scope: SubjectName, mode: RegistryMode | null, force: boolean): Promise<void> {
    requireUsableScope(scope, subjectText(scope));
    return this.changes.make(scope, () => this.#modeSet(scope, mode, force));
  }

  async #modeSet(scope: SubjectName, mode: RegistryMode | null, force: boolean): Promise<Decision<void>> {
    const scopes = await this.view.scopes(scope);
    const before = effectiveMode(scopes);
    const empties = mode !== null && isImporting(mode) && !isImporting(before) && !force;
    const emptied = empties ? await this.#emptied(scope) : { facts: [], states: [] };
    // A subject by itself is vouched for by its state; what comes into a context has a state of its own.
    const context = scope.context === GLOBAL_CONTEXT ? undefined : scope.context;
    return {
      ...(empties && scope.name === '' ? { vacates: { context } } : {}),
      facts: [...emptied.facts, { type: 'mode-set', subject: scope, mode }],
      states: [...(Object.values(scopes) as SubjectState[]), ...emptied.states],
      reply: () => undefined,
    };
  }

  /**
   * @param recursive for a context: the modes of its subjects too.
   * @returns the mode that was stored, null when only others were removed. @throws `subject-not-found` when nothing was stored.
   */
  deleteMode(scope: SubjectName, recursive: boolean): Promise<RegistryMode | null> {
    return this.changes.make(scope, () => this.#modeDeleted(scope, recursive));
  }

  async #modeDeleted(scope: SubjectName, recursive: boolean): Promise<Decision<RegistryMode | null>> {
    const own = await this.view.subject(scope);
    const inside = recursive && scope.name === '' ? await this.#withMode(scope) : [];
    if (own.mode === null && !recursive && !hasDefaults(scope)) throw subjectNotFound(subjectText(scope));
    const cleared = [own, ...inside.filter((state) => !sameSubject(state.subject, scope))].filter(
      (state) => state.mode !== null,
    );
    return {
      facts: cleared.map((state): RegistryFact => ({ type: 'mode-set', subject: state.subject, mode: null })),
      states: [own, ...cleared],
      reply: () => own.mode ?? (hasDefaults(scope) ? 'READWRITE' : null),
    };
  }

  /**
   * What a change of settings or mode would do, judged as the change itself is; nothing is written.
   * @throws what {@link setConfig}, {@link deleteConfig}, {@link setMode} and {@link deleteMode} do.
   */
  async preview(scope: SubjectName, change: SettingChange): Promise<SettingPreview> {
    if (change.kind === 'set-config') requireSettable(scope, change.update);
    if (change.kind === 'set-mode') requireUsableScope(scope, subjectText(scope));
    const { facts } = await this.view.consistent<Decision<unknown>>(() => {
      switch (change.kind) {
        case 'set-config':
          return this.#configSet(scope, change.update);
        case 'delete-config':
          return this.#configDeleted(scope);
        case 'set-mode':
          return this.#modeSet(scope, change.mode, false);
        case 'delete-mode':
          return this.#modeDeleted(scope, false);
      }
    });
    return { purges: facts.filter(({ type }) => type === 'version-purged').length };
  }

  /** Who may register new schemas there, and whether that is stored for the scope itself. */
  async registration(
    scope: SubjectName,
  ): Promise<{ readonly policy: RegistrationPolicy; readonly own: RegistrationPolicy | null }> {
    await this.view.refresh();
    const scopes = await this.view.scopes(scope);
    return { policy: effectiveRegistration(scopes, this.defaultRegistration), own: scopes.subject.registration };
  }

  /**
   * Says who may register new schemas there; null takes it back. Unlike settings and modes it stays when the subject is deleted for good: what is protected does not
   * become open by that.
   * @throws `subject-invalid`
   */
  setRegistration(scope: SubjectName, policy: RegistrationPolicy | null): Promise<void> {
    requireUsableScope(scope, subjectText(scope));
    return this.changes.make(scope, async () => {
      const state = await this.view.subject(scope);
      const facts: RegistryFact[] =
        state.registration === policy ? [] : [{ type: 'registration-set', subject: scope, policy }];
      return { facts, states: [state], reply: () => undefined };
    });
  }

  /** What empties a scope before an import: everything softly deleted goes for good. */
  async #emptied(scope: SubjectName): Promise<{ facts: readonly RegistryFact[]; states: readonly SubjectState[] }> {
    const states: SubjectState[] = [];
    for await (const page of this.#within(scope)) {
      const some = (await this.view.subjects(page)).filter((state) => state.versions.length > 0);
      if (some.some((state) => state.versions.some(isLive))) {
        throw notPermitted('Cannot import since found existing subjects', { scope: subjectText(scope) });
      }
      states.push(...some);
    }
    const names = new Set(states.map((state) => subjectText(state.subject)));
    for (const { subject } of states) {
      const outside = (await this.store.referrers(subject)).find((one) => !names.has(subjectText(one.subject)));
      if (outside !== undefined) throw schemaReferenced(subjectText(subject), outside.target);
    }
    const facts = states.flatMap(({ subject, versions }) =>
      versions.map(({ version }): RegistryFact => ({ type: 'version-purged', subject, version })),
    );
    return { facts, states };
  }

  /** Of everything in the context or in all of them, what has a mode of its own. */
  async #withMode(scope: SubjectName): Promise<readonly SubjectState[]> {
    const states: SubjectState[] = [];
    for await (const page of this.#within(scope)) {
      const names = page.filter(({ hasMode }) => hasMode);
      if (names.length > 0) states.push(...(await this.view.subjects(names)));
    }
    return states;
  }

  /** The subject, or everything in the context or in all of them, a page at a time. */
  async *#within(scope: SubjectName): AsyncGenerator<readonly NameInUse[]> {
    if (scope.name !== '') {
      yield [{ ...scope, hasMode: true }];
      return;
    }
    const context = scope.context === GLOBAL_CONTEXT ? undefined : scope.context;
    for (let after: SubjectName | undefined; ;) {
      const page = await this.store.names(context, after, NAMES);
      yield page;
      if (page.length < NAMES) return;
      after = page.at(-1);
    }
  }
}

/** @throws `subject-invalid`, `rule-set-invalid` for settings that cannot be anywhere. */
function requireSettable(scope: SubjectName, update: ConfigUpdate): void {
  requireUsableScope(scope, subjectText(scope));
  requireBoundedMetadata(update.defaultMetadata);
  requireBoundedMetadata(update.overrideMetadata);
  requireValidRuleSet(update.defaultRuleSet);
  requireValidRuleSet(update.overrideRuleSet);
}
