import type { ResolvedReference } from '../format.js';
import type { ProtoExtend, ProtoField, ProtoFile, ProtoType } from './tree.js';

/** A file and where it came from. */
export interface ProtoSource {
  readonly file: ProtoFile;
  /** The text that positions of the tree point into. */
  readonly text: string;
  /** `own`: the schema itself. `reference`: registered. `bundled`: known without a reference, such as `google/protobuf/any.proto`. */
  readonly origin: 'own' | 'reference' | 'bundled';
  /** Import path under which it is known; empty for the schema itself. */
  readonly path: string;
  /** The subject version that provides it, where the schema itself refers to that. */
  readonly direct?: ResolvedReference['direct'];
}

/** A message or enum under its full name. */
export interface ProtoDeclaration {
  readonly type: ProtoType;
  /** Package, enclosing messages and name, joined by dots; no leading dot. */
  readonly fullName: string;
  /** The full name without the package. */
  readonly localName: string;
  readonly source: ProtoSource;
  /** The message it is declared in; null at file level. */
  readonly parent: ProtoDeclaration | null;
}

/**
 * Every message and enum that a schema can name: its own, those of all its references whether imported or not, those of the bundled files. Where one full
 * name is declared twice, the file named earlier wins, and within a file the last declaration.
 */
export class ProtoScope {
  readonly #byName = new Map<string, ProtoDeclaration>();
  readonly #byType = new Map<ProtoType, ProtoDeclaration>();
  readonly #extensions = new Map<string, { readonly field: ProtoField; readonly source: ProtoSource }>();

  /** @param sources the schema itself first, then references in order, then bundled files. */
  constructor(readonly sources: readonly ProtoSource[]) {
    for (const source of sources) {
      this.#declareExtensions(source.file.extends, source, source.file.packageName ?? '');
      for (const type of source.file.types) this.#declare(type, source, null);
    }
  }

  /** The declaration with this full name (no leading dot). */
  get(fullName: string): ProtoDeclaration | undefined {
    return this.#byName.get(fullName);
  }

  /** Where a node of one of the sources is declared. */
  of(type: ProtoType): ProtoDeclaration | undefined {
    return this.#byType.get(type);
  }

  /**
   * What `name` means when written inside `within` (a full name of a message, a package, or empty). A leading dot makes it absolute; otherwise it is
   * tried under `within`, then under each shorter prefix, then alone, and the first declaration found is it.
   */
  resolve(name: string, within: string): ProtoDeclaration | undefined {
    const fullName = resolveIn(this.#byName, name, within);
    return fullName === undefined ? undefined : this.#byName.get(fullName);
  }

  /** Full name of the extension field that `name` means when written inside `within`, found as types are. */
  resolveExtension(name: string, within: string): string | undefined {
    return resolveIn(this.#extensions, name, within);
  }

  /** The extension field with this full name. */
  extension(fullName: string): ProtoField | undefined {
    return this.#extensions.get(fullName)?.field;
  }

  #declare(type: ProtoType, source: ProtoSource, parent: ProtoDeclaration | null): void {
    const localName = parent === null ? type.name : `${parent.localName}.${type.name}`;
    const fullName = nameIn(source.file.packageName ?? '', localName);
    const declaration = { type, fullName, localName, source, parent };
    this.#byType.set(type, declaration);
    const known = this.#byName.get(fullName);
    if (known === undefined || known.source === source) this.#byName.set(fullName, declaration);
    if (type.kind === 'enum') return;
    this.#declareExtensions(type.extends, source, fullName);
    for (const nested of type.types) this.#declare(nested, source, declaration);
  }

  #declareExtensions(extended: readonly ProtoExtend[], source: ProtoSource, within: string): void {
    for (const field of extended.flatMap((one) => one.fields)) {
      const fullName = nameIn(within, field.name);
      const known = this.#extensions.get(fullName);
      if (known === undefined || known.source === source) this.#extensions.set(fullName, { field, source });
    }
  }
}

/** A name inside a package or message; `within` may be empty. */
export function nameIn(within: string, name: string): string {
  return within === '' ? name : `${within}.${name}`;
}

function resolveIn(known: ReadonlyMap<string, unknown>, name: string, within: string): string | undefined {
  if (name.startsWith('.')) return known.has(name.slice(1)) ? name.slice(1) : undefined;
  for (let prefix = within; prefix !== ''; prefix = prefix.slice(0, Math.max(0, prefix.lastIndexOf('.')))) {
    if (known.has(`${prefix}.${name}`)) return `${prefix}.${name}`;
  }
  return known.has(name) ? name : undefined;
}
