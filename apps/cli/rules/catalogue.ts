import { standardFormats, NOT_TRANSITIVE } from '#libs/core/schema';
import { LINT_RULES } from '../lint/rules.js';

/** A rule as people look it up. */
export interface RuleEntry {
  readonly id: string;
  readonly category: 'compatibility' | 'doubt' | 'project' | 'lint';
  readonly severity: 'error' | 'warning' | 'info';
  readonly title: string;
  /** What goes wrong, or what it is for. */
  readonly purpose: string;
  readonly fix: string | null;
}

const FIX_BREAKING =
  'Make the change in a way that every reader of the level survives: the finding says how. Where nobody is left who reads the old form, set the level of the subject to NONE for this change, or waive the finding with a reason and an end.';

/** Rules that belong to no language. */
const OWN: readonly RuleEntry[] = [
  {
    id: 'schema/type-differs',
    category: 'compatibility',
    severity: 'error',
    title: 'the schema changes its language',
    purpose: 'Data in one format cannot be read with a schema of another.',
    fix: 'Register it under another subject.',
  },
  {
    id: 'schema/invalid',
    category: 'project',
    severity: 'error',
    title: 'the text is no schema',
    purpose: 'What cannot be read cannot be registered.',
    fix: 'Mend the text at the place that is named.',
  },
  {
    id: 'schema/too-large',
    category: 'project',
    severity: 'error',
    title: 'the schema exceeds a limit',
    purpose: 'A registry refuses schemas that take too much to read.',
    fix: 'Split it into several schemas that refer to one another.',
  },
  {
    id: 'schema/too-complex',
    category: 'project',
    severity: 'error',
    title: 'comparing takes too much',
    purpose: 'A registry refuses comparisons that take too many steps.',
    fix: 'Use fewer or smaller unions, combinations and references.',
  },
  {
    id: 'schema/new-subject',
    category: 'project',
    severity: 'info',
    title: 'the subject is new',
    purpose: 'There is nothing to compare it with.',
    fix: null,
  },
  {
    id: 'schema/removed',
    category: 'project',
    severity: 'info',
    title: 'the schema is no longer in the project',
    purpose: 'Its subject stays in the registry until it is deleted there or pruned.',
    fix: 'To delete it, too: weir plan --prune, or weir schema delete.',
  },
  {
    id: 'schema/formatting-only',
    category: 'project',
    severity: 'info',
    title: 'only the formatting has changed',
    purpose: 'The schema is the same, and registering it makes no new version.',
    fix: null,
  },
  {
    id: 'project/reference-not-found',
    category: 'project',
    severity: 'error',
    title: 'a reference leads nowhere',
    purpose: 'A schema cannot be read without what it refers to.',
    fix: 'Add the file to the project, or compare with the registry that has it.',
  },
  {
    id: 'project/reference-circle',
    category: 'project',
    severity: 'error',
    title: 'references go in a circle',
    purpose: 'Of schemas that refer to one another none can be registered first.',
    fix: 'Take one of the references out.',
  },
  {
    id: 'project/reference-unnamed',
    category: 'project',
    severity: 'error',
    title: 'what a reference is called is not known',
    purpose: 'The registry keeps the name by which the text refers to another schema.',
    fix: 'Say it in the project file: { subject: …, name: … }.',
  },
  {
    id: 'project/waiver-expired',
    category: 'project',
    severity: 'warning',
    title: 'a waiver has expired',
    purpose: 'What it covered counts again.',
    fix: 'Mend what it covers, or renew it with a reason.',
  },
];

/** Every rule that a finding can cite, by id. */
export function ruleCatalogue(): readonly RuleEntry[] {
  const formats = standardFormats();
  const ofLanguages = formats.types.flatMap((type) => {
    const format = formats.get(type);
    return [
      ...format.rules.map(({ id, title, breaks }): RuleEntry => ({
        id,
        category: 'compatibility',
        severity: 'error',
        title,
        purpose: breaks,
        fix: FIX_BREAKING,
      })),
      ...format.warningRules.map(({ id, title, doubt }): RuleEntry => ({
        id,
        category: 'doubt',
        severity: doubt === 'unsound' ? 'warning' : 'info',
        title,
        purpose:
          doubt === 'unsound'
            ? 'The verdict is the reference registry’s, and data may fail although it says compatible.'
            : 'The verdict is the reference registry’s, and data would be read although it says incompatible.',
        fix: null,
      })),
    ];
  });
  const transitive: RuleEntry = {
    id: NOT_TRANSITIVE.id,
    category: 'doubt',
    severity: 'warning',
    title: NOT_TRANSITIVE.title,
    purpose: 'The level compares with the latest version only, and an older one would fail.',
    fix: 'Set a transitive level.',
  };
  const lint = LINT_RULES.map(({ id, severity, title, purpose, fix }): RuleEntry => ({
    id,
    category: 'lint',
    severity,
    title,
    purpose,
    fix,
  }));
  const entries = [...OWN, transitive, ...ofLanguages, ...lint];
  return [...new Map(entries.map((entry) => [entry.id, entry])).values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

let byId: ReadonlyMap<string, RuleEntry> | undefined;

/** The rule of that id; undefined for an unknown one. */
export function ruleEntry(id: string): RuleEntry | undefined {
  byId ??= new Map(ruleCatalogue().map((entry) => [entry.id, entry]));
  return byId.get(id);
}
