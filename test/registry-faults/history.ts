/** What a client was answered when it registered a schema. Moments are numbers that rise. */
export interface Registration {
  readonly subject: string;
  readonly schema: string;
  readonly id: number;
  readonly version: number;
  readonly askedAt: number;
  readonly answeredAt: number;
}

/** What a client was answered when it asked for an id; null: unknown. */
export interface IdRead {
  readonly id: number;
  readonly schema: string | null;
  readonly askedAt: number;
}

/** The versions of a subject as one instance listed them when all had come to rest. */
export interface Listing {
  readonly instance: string;
  readonly subject: string;
  readonly versions: readonly { readonly version: number; readonly id: number; readonly schema: string }[];
}

/** What the clients of several instances of one registry were told, and everything in which it contradicts itself. */
export class RegistryHistory {
  readonly #registrations: Registration[] = [];
  readonly #reads: IdRead[] = [];
  readonly #listings: Listing[] = [];
  #moment = 0;

  /** The next moment. */
  now(): number {
    return ++this.#moment;
  }

  registered(registration: Registration): void {
    this.#registrations.push(registration);
  }

  read(read: IdRead): void {
    this.#reads.push(read);
  }

  listed(listing: Listing): void {
    this.#listings.push(listing);
  }

  get acknowledged(): number {
    return this.#registrations.length;
  }

  /** The most recent registration, for a reader to look for. */
  get latest(): Registration | undefined {
    return this.#registrations.at(-1);
  }

  /** Empty when all is well. */
  contradictions(): string[] {
    return [...this.#identities(), ...this.#versions(), ...this.#order(), ...this.#unseen(), ...this.#kept()];
  }

  /** One id names one schema, one schema has one id. */
  #identities(): string[] {
    const problems: string[] = [];
    const schemaOf = new Map<number, string>();
    const idOf = new Map<string, number>();
    const note = (id: number, schema: string, where: string) => {
      if ((schemaOf.get(id) ?? schema) !== schema) problems.push(`id ${id} stands for two schemas (${where})`);
      if ((idOf.get(schema) ?? id) !== id)
        problems.push(`a schema has the ids ${idOf.get(schema)} and ${id} (${where})`);
      schemaOf.set(id, schema);
      idOf.set(schema, id);
    };
    for (const { id, schema, subject } of this.#registrations) note(id, schema, `registered under ${subject}`);
    for (const { id, schema } of this.#reads) if (schema !== null) note(id, schema, 'read by id');
    for (const { instance, subject, versions } of this.#listings)
      for (const { id, schema } of versions) note(id, schema, `${subject} at ${instance}`);
    return problems;
  }

  /** One version of a subject is one schema, and one schema is one version. */
  #versions(): string[] {
    const problems: string[] = [];
    const schemaOf = new Map<string, string>();
    const versionOf = new Map<string, number>();
    for (const { subject, version, schema } of this.#registrations) {
      const place = `${subject} ${version}`;
      const own = `${subject}\n${schema}`;
      if ((schemaOf.get(place) ?? schema) !== schema) problems.push(`${place} stands for two schemas`);
      if ((versionOf.get(own) ?? version) !== version)
        problems.push(`a schema is versions ${versionOf.get(own)} and ${version} of ${subject}`);
      schemaOf.set(place, schema);
      versionOf.set(own, version);
    }
    return problems;
  }

  /** What was asked for after an answer has a higher id than that answer, where it is new. */
  #order(): string[] {
    const first = new Map<number, Registration>();
    for (const one of this.#registrations) {
      const known = first.get(one.id);
      if (known === undefined || one.askedAt < known.askedAt) first.set(one.id, one);
    }
    const problems: string[] = [];
    const byAnswer = [...this.#registrations].sort((a, b) => a.answeredAt - b.answeredAt);
    const asked = [...first.values()].sort((a, b) => a.askedAt - b.askedAt);
    let highest = 0;
    let next = 0;
    for (const one of asked) {
      while (next < byAnswer.length && byAnswer[next]!.answeredAt < one.askedAt)
        highest = Math.max(highest, byAnswer[next++]!.id);
      if (one.id < highest) problems.push(`id ${one.id} was given out after ${highest}`);
    }
    return problems;
  }

  /** A read that began after an id was answered shows its schema. */
  #unseen(): string[] {
    const answered = new Map<number, number>();
    for (const { id, answeredAt } of this.#registrations)
      answered.set(id, Math.min(answered.get(id) ?? Infinity, answeredAt));
    return this.#reads
      .filter(({ id, schema, askedAt }) => schema === null && (answered.get(id) ?? Infinity) < askedAt)
      .map(({ id }) => `id ${id} was unknown after it had been given out`);
  }

  /** At rest every instance lists what was acknowledged, numbered from 1 without a gap, and all list the same. */
  #kept(): string[] {
    const problems: string[] = [];
    const lists = new Map<string, string>();
    for (const { instance, subject, versions } of this.#listings) {
      const text = JSON.stringify(versions);
      if ((lists.get(subject) ?? text) !== text) problems.push(`${instance} lists ${subject} otherwise than another`);
      lists.set(subject, text);
      versions.forEach(({ version }, index) => {
        if (version !== index + 1) problems.push(`${subject} has version ${version} in place ${index + 1}`);
      });
      for (const one of this.#registrations) {
        if (one.subject !== subject) continue;
        const found = versions.find(({ version }) => version === one.version);
        if (found?.id !== one.id || found.schema !== one.schema)
          problems.push(`${subject} ${one.version} is lost at ${instance}`);
      }
    }
    return problems;
  }
}
