import { AppError } from '#libs/core/kernel';
import {
  DEFAULT_CONTEXT,
  GLOBAL_CONTEXT,
  parseSubject,
  type ReferenceTarget,
  type SubjectName,
} from '#libs/core/registry';
import type { SchemaReference } from '#libs/core/schema';
import { keyOf, type MovedEntry, type MovedVersion } from './entry.js';

/** What of the staged registry is imported, and where to. */
export interface Selection {
  /** One context of the source; all of them unless given. */
  readonly from: string | null;
  /** The context that `from` becomes; its own name unless given. */
  readonly into: string | null;
  /** Subjects whose name begins with this, without settings of contexts; all of them unless given. */
  readonly prefix: string | null;
  /** Configurations and registration policies. */
  readonly configs: boolean;
  readonly modes: boolean;
}

/** @throws `invalid-import` for combinations that mean nothing. */
export function checkSelection({ from, into }: Selection): void {
  for (const context of [from, into]) {
    if (context === null || (/^\.[^:\u0000-\u001f\u007f-\u009f]{0,200}$/.test(context) && context !== GLOBAL_CONTEXT))
      continue;
    throw invalidImport(
      `'${context.slice(0, 100)}' is no context`,
      'Contexts begin with a dot; the default one is a dot alone.',
    );
  }
  if (into !== null && from === null) {
    throw invalidImport(
      '`into` needs `from`: ids of several contexts would meet in one',
      'Name the context whose schemas are to come into the other.',
    );
  }
}

/** Names of the source in the terms of the target. */
export class Renaming {
  readonly #into: string | null;

  constructor(private readonly selection: Selection) {
    const { from, into } = selection;
    this.#into = into === from ? null : into;
  }

  /** The entry under its name here; undefined when it is not selected. */
  entry<Entry extends MovedEntry>(entry: Entry): Entry | undefined {
    if (!this.#isSelected(entry)) return undefined;
    switch (entry.kind) {
      case 'context':
      case 'retired':
        return { ...entry, context: this.#context(entry.context) };
      case 'version': {
        const references = entry.content.references.map((one) => this.#reference(one));
        return { ...entry, subject: this.subject(entry.subject), content: { ...entry.content, references } };
      }
      case 'association': {
        const { association } = entry;
        return { ...entry, association: { ...association, subject: this.subject(association.subject) } };
      }
      default:
        return { ...entry, scope: this.subject(entry.scope) };
    }
  }

  /** Whether anything of a subject of the source can be selected. */
  isSubjectSelected({ context, name }: SubjectName): boolean {
    const { from, prefix } = this.selection;
    return (from === null || context === from) && (prefix === null || name.startsWith(prefix));
  }

  subject({ context, name }: SubjectName): SubjectName {
    return { context: this.#context(context), name };
  }

  /** The name in the source that becomes this one; undefined when none does. */
  origin({ context, name }: SubjectName): SubjectName | undefined {
    const { from } = this.selection;
    const origin = this.#into === null ? context : context === this.#into ? from! : undefined;
    if (origin === undefined || (from !== null && origin !== from)) return undefined;
    return { context: origin, name };
  }

  #isSelected(entry: MovedEntry): boolean {
    const { from, prefix, configs, modes } = this.selection;
    if (from !== null && keyOf(entry).context !== from) return false;
    switch (entry.kind) {
      case 'context':
        return true;
      case 'retired':
        return prefix === null;
      case 'version':
        return prefix === null || entry.subject.name.startsWith(prefix);
      case 'association':
        return prefix === null || entry.association.subject.name.startsWith(prefix);
      case 'mode':
        return modes && this.#hasScope(entry.scope);
      default:
        return configs && this.#hasScope(entry.scope);
    }
  }

  #hasScope({ name }: SubjectName): boolean {
    const { prefix } = this.selection;
    return prefix === null || (name !== '' && name.startsWith(prefix));
  }

  #context(context: string): string {
    return this.#into !== null && context === this.selection.from ? this.#into : context;
  }

  /** Within the context that moves, a qualified name that means it becomes unqualified. */
  #reference(reference: SchemaReference): SchemaReference {
    const { from } = this.selection;
    if (this.#into === null || from === null || from === DEFAULT_CONTEXT) return reference;
    const prefix = `:${from}:`;
    if (!reference.subject.startsWith(prefix)) return reference;
    return { ...reference, subject: reference.subject.slice(prefix.length) };
  }
}

/** The places that the references of a version mean. */
export function targetsOf({ subject, content }: MovedVersion): readonly ReferenceTarget[] {
  return content.references.map((one) => ({
    subject: parseSubject(one.subject, subject.context),
    version: one.version,
  }));
}

export function invalidImport(why: string, hint: string): AppError {
  return new AppError({ kind: 'invalid', code: 'invalid-import', message: `The import makes no sense: ${why}.`, hint });
}
