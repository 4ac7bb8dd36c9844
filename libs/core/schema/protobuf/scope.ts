import type { ProtoFile, ProtoMessage, ProtoType } from './tree.js';

/** A file and where it came from. */
export interface ProtoSource {
  readonly file: ProtoFile;
  /** The text that positions of the tree point into. */
  readonly text: string;
  /** `own`: the schema itself. `reference`: registered. `bundled`: known without a reference, such as `google/protobuf/any.proto`. */
  readonly origin: 'own' | 'reference' | 'bundled';
  /** Import path under which it is known; empty for the schema itself. */
  readonly path: string;
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
 * name is declared twice, the file named earlier wins, and within a file the first declaration.
 */
export class ProtoScope {
  readonly #byName = new Map<string, ProtoDeclaration>();
  readonly #byType = new Map<ProtoType, ProtoDeclaration>();

  /** @param sources the schema itself first, then references in order, then bundled files. */
  constructor(readonly sources: readonly ProtoSource[]) {
    for (const source of sources) {
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
    if (name.startsWith('.')) return this.#byName.get(name.slice(1));
    for (let prefix = within; prefix !== ''; prefix = prefix.slice(0, Math.max(0, prefix.lastIndexOf('.')))) {
      const found = this.#byName.get(`${prefix}.${name}`);
      if (found !== undefined) return found;
    }
    return this.#byName.get(name);
  }

  #declare(type: ProtoType, source: ProtoSource, parent: ProtoDeclaration | null): void {
    const localName = parent === null ? type.name : `${parent.localName}.${type.name}`;
    const { packageName } = source.file;
    const fullName = packageName === null ? localName : `${packageName}.${localName}`;
    const declaration = { type, fullName, localName, source, parent };
    this.#byType.set(type, declaration);
    if (!this.#byName.has(fullName)) this.#byName.set(fullName, declaration);
    if (type.kind === 'message')
      for (const nested of (type as ProtoMessage).types) this.#declare(nested, source, declaration);
  }
}
