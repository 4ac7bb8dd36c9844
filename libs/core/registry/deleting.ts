import type { RegistryChanges } from './changes.js';
import { effectiveMode } from './config.js';
import { decideSubjectDeletion, decideVersionDeletion } from './deletion.js';
import { contextNotEmpty } from './errors.js';
import type { SubjectState } from './model.js';
import type { RegistryView } from './registry-view.js';
import type { RegistryStore } from './store.js';
import type { SubjectName } from './subject-name.js';

/** Deletes subjects, versions and contexts. Subjects are given without aliases. */
export class Deleting {
  constructor(
    private readonly store: RegistryStore,
    private readonly view: RegistryView,
    private readonly changes: RegistryChanges,
  ) {}

  /** @returns the versions affected. @throws see deletion.ts. */
  subject(target: SubjectName, permanent: boolean): Promise<readonly number[]> {
    return this.changes.make(target, async () => {
      const { states, ...question } = await this.#deletable(target);
      const { versions, facts } = decideSubjectDeletion({ ...question, permanent });
      return { facts, states, reply: () => versions };
    });
  }

  /** @returns its number. @throws see deletion.ts. */
  version(target: SubjectName, choice: number | 'latest', permanent: boolean): Promise<number> {
    return this.changes.make(target, async () => {
      const { states, ...question } = await this.#deletable(target);
      const { version, facts } = decideVersionDeletion({ ...question, permanent }, choice);
      return { facts, states, reply: () => version };
    });
  }

  /** Forgets an empty context; harmless for an unknown one. @throws `context-not-empty` */
  async context(context: string): Promise<void> {
    const scope = { context, name: '' };
    await this.changes.make(scope, async () => {
      const state = await this.view.subject(scope);
      if ((await this.store.list(context, '', undefined, 1)).length > 0) throw contextNotEmpty(context);
      const known = (await this.store.contexts()).includes(context);
      return {
        facts: known ? [{ type: 'context-removed', context }] : [],
        states: [state],
        vacates: { context },
        reply: () => undefined,
      };
    });
  }

  async #deletable(subject: SubjectName) {
    const scopes = await this.view.scopes(subject);
    const referrers = scopes.subject.versions.length === 0 ? [] : await this.store.referrers(subject);
    return {
      state: scopes.subject,
      mode: effectiveMode(scopes),
      referrers,
      associations: await this.store.associations({ subjects: [subject] }),
      states: Object.values(scopes) as SubjectState[],
    };
  }
}
