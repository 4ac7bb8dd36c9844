import type {
  NewSchemaRules,
  ReadOptions,
  SchemaEngine,
  SchemaReading,
  SchemaReference,
  SchemaSource,
  TagEdit,
} from '#libs/core/schema';
import type { Candidate } from './content.js';
import type { RegistryConfig } from './model.js';
import { NO_REFERENCES, ReferenceWalk, type ReferenceChain, type ReferenceSource } from './references.js';
import type { RegistryView } from './registry-view.js';
import type { SentText } from './sent-schema.js';

/** Schemas somebody sent, read with what they refer to. */
export class Candidates {
  constructor(
    private readonly view: RegistryView,
    private readonly engine: SchemaEngine,
  ) {}

  /** Reads what was sent. References of a new schema must be live; when only looking one up they need not be. */
  async read(
    context: string,
    sent: SentText,
    options: ReadOptions & { readonly tags?: readonly TagEdit[] },
    versions: 'live' | 'stored' = 'live',
    from: ReferenceSource = this.view,
  ): Promise<{ readonly candidate: Candidate; readonly chain: ReferenceChain | undefined }> {
    const { schemaType, text } = sent;
    const chain =
      sent.references.length === 0
        ? undefined
        : await new ReferenceWalk(from, versions).resolve(context, sent.references);
    const { resolved, key } = chain ?? NO_REFERENCES;
    const { tags = [] } = options;
    let source: SchemaSource = { schemaType, text, references: resolved, referencesKey: key };
    if (tags.length > 0) source = { ...source, text: await this.engine.retagged(source, tags) };
    const reading = await this.engine.read(source, options);
    const { references, targets } = chain ?? { references: [], targets: [] };
    const order = options.normalize ? normalisedOrder(references) : references.map((_, i) => i);
    const candidate: Candidate = {
      source,
      normalize: options.normalize === true,
      reading,
      references: order.map((i) => references[i]!),
      targets: order.map((i) => targets[i]!),
      namedLatest: sent.references.some((reference) => reference.version === -1),
    };
    return { candidate, chain };
  }
}

/** What new schemas must keep beyond what can be read. */
export function rulesOf(config: RegistryConfig): NewSchemaRules {
  return { validate: config.validateNewSchemas !== false, validateFields: config.validateFields === true };
}

/** @throws why the schema may not be registered though it can be read. */
export function requireAccepted({ refusal }: SchemaReading): void {
  if (refusal !== null) throw refusal;
}

/** Indices of the references by subject and version, each pair once. */
function normalisedOrder(references: readonly SchemaReference[]): readonly number[] {
  const seen = new Set<string>();
  return references
    .map((reference, index) => ({ reference, index }))
    .sort(({ reference: a }, { reference: b }) =>
      a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : a.version - b.version,
    )
    .filter(({ reference }) => {
      const key = JSON.stringify([reference.name, reference.subject, reference.version]);
      return !seen.has(key) && Boolean(seen.add(key));
    })
    .map(({ index }) => index);
}
