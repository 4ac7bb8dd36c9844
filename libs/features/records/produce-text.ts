import { AppError, type JsonScanner } from '#libs/core/kernel';
import { WrittenJson, type Turn } from '#libs/core/records';

/** Bytes of a request that are gone over before others may have their turn. */
const PIECE = 64 * 1024;

/** Members of a record, or of the request itself: some ten times as many as there are. */
const MOST_MEMBERS = 100;

/** A member that takes long to be parsed, and where its value belongs. */
interface LongMember {
  readonly object: Record<string, unknown>;
  readonly name: string;
  readonly written: WrittenJson;
}

/**
 * The body of a request as `parseExact` gives it, but for the values of records: those are {@link WrittenJson}. Not yet known to be a request.
 * @param turnWhenDue others have their turn where it is due: asked between records, and within what is long.
 * @throws SyntaxError, `json-too-deep`, `json-name-too-long`, `too-many-members`.
 */
export async function readProduceText(text: JsonScanner, turnWhenDue: Turn): Promise<unknown> {
  const reading = new ProduceText(text, turnWhenDue);
  const holder: { body?: unknown } = {};
  await reading.body(holder);
  await reading.parseLong();
  return holder.body;
}

/** One record, its value a {@link WrittenJson}. @throws as {@link readProduceText}. */
export async function readRecordText(text: JsonScanner, turnWhenDue: Turn): Promise<unknown> {
  const reading = new ProduceText(text, turnWhenDue);
  const record = await reading.record();
  await reading.parseLong();
  return record;
}

/** Goes over one text. What is short is read at once: waiting for what is there costs more than reading it. */
class ProduceText {
  readonly #long: LongMember[] = [];

  constructor(
    private readonly text: JsonScanner,
    private readonly turnWhenDue: Turn,
  ) {}

  async body(holder: { body?: unknown }): Promise<void> {
    const { text } = this;
    if (text.next() !== OPEN_BRACE) {
      this.#add(holder, 'body', await this.#written());
      return;
    }
    const body: Record<string, unknown> = (holder.body = {});
    let members = 0;
    text.enter();
    for (let name = text.nextMember(); name !== undefined; name = text.nextMember()) {
      if (++members > MOST_MEMBERS) throw tooManyMembers();
      if (name === 'records' && text.next() === OPEN_BRACKET) body[name] = await this.#records();
      else this.#add(body, name, await this.#written());
    }
  }

  /** By promise where a part of it is gone over in turns. */
  record(): unknown {
    const { text } = this;
    if (text.next() !== OPEN_BRACE) {
      // It is none; what it is does not matter.
      const written = this.#written();
      return written instanceof Promise ? written.then(() => null) : null;
    }
    text.enter();
    return this.#members({}, 0);
  }

  /** Parses what was put off. To be called at the end of the text. */
  async parseLong(): Promise<void> {
    for (const { object, name, written } of this.#long) {
      const value = await written.value(this.turnWhenDue);
      // One of the same name may have come after it.
      if (object[name] === null) Object.defineProperty(object, name, { value });
    }
  }

  async #records(): Promise<readonly unknown[]> {
    const { text } = this;
    const records: unknown[] = [];
    let since = text.at;
    text.enter();
    while (text.nextItem()) {
      const record = this.record();
      records.push(record instanceof Promise ? await record : record);
      if (text.at - since < PIECE) continue;
      await this.turnWhenDue();
      since = text.at;
    }
    return records;
  }

  /** The members that follow. @param members that were read. */
  #members(record: Record<string, unknown>, members: number): unknown {
    const { text } = this;
    let count = members;
    for (let name = text.nextMember(); name !== undefined; name = text.nextMember()) {
      if (++count > MOST_MEMBERS) throw tooManyMembers();
      const written = this.#written();
      if (written instanceof Promise) return this.#behindLong(record, count, name, written);
      this.#addToRecord(record, name, written);
    }
    return record;
  }

  async #behindLong(
    record: Record<string, unknown>,
    members: number,
    name: string,
    written: Promise<WrittenJson | null>,
  ): Promise<unknown> {
    this.#addToRecord(record, name, await written);
    return await this.#members(record, members);
  }

  /** The value that begins here. */
  #written(): WrittenJson | null | Promise<WrittenJson | null> {
    const written = WrittenJson.next(this.text);
    return written === undefined ? WrittenJson.rest(this.text, this.turnWhenDue) : written;
  }

  #addToRecord(record: Record<string, unknown>, name: string, written: WrittenJson | null): void {
    if (name === 'value') record[name] = written;
    else this.#add(record, name, written);
  }

  /** Every name is a member like any other. */
  #add(object: Record<string, unknown>, name: string, written: WrittenJson | null): void {
    if (written?.isLong === true) this.#long.push({ object, name, written });
    const value = written === null || written.isLong ? null : written.valueNow();
    if (name === '__proto__') {
      Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
    } else object[name] = value;
  }
}

function tooManyMembers(): AppError {
  return new AppError({
    kind: 'too-large',
    code: 'too-many-members',
    message: `A record, or the request itself, has more than ${MOST_MEMBERS} members.`,
    hint: 'Put what belongs to the record into its value.',
    details: { limit: 'recordMembers', value: MOST_MEMBERS },
  });
}

const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
